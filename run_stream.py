"""Nightglass's command line: ``python run_stream.py --help``."""

import sys

from stream.startup import hold_garbage

if __name__ == "__main__":
    hold_garbage()
    from stream.cli import main

    sys.exit(main())
