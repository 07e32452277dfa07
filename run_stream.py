"""Nightglass's command line: ``python run_stream.py --help``."""

import sys

from stream.cli import main

if __name__ == "__main__":
    sys.exit(main())
