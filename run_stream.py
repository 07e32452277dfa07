"""Nightglass's command line: ``python run_stream.py --help``."""

import sys

from stream.startup import hold_garbage, one_thread_for_algebra

if __name__ == "__main__":
    one_thread_for_algebra()
    hold_garbage()
    from stream.cli import main

    sys.exit(main())
