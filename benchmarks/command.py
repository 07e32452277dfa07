"""The command line that scripts have in common which measure on recordings."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stream.errors import NightglassError

ROOT = Path(__file__).resolve().parents[1]

Say = Callable[[str], None]


def figures_command(
    description: str | None, run: Callable[[Path, bool, Say], dict[str, Any]], arguments: Sequence[str] | None, say: Say
) -> int:
    """Run a script on the recordings and write its report; the exit status.

    ``run``: from the folder of the recordings, whether a few cases will do, and where to say things.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write all cases and summaries here")
    parser.add_argument("--quick", action="store_true", help="a few cases of each kind")
    options = parser.parse_args(arguments)
    data = Path(os.environ.get("NIGHTGLASS_DATA", ROOT.parent / "shared" / "data"))
    if not data.is_dir():
        say(f"no recordings at {data}; set NIGHTGLASS_DATA")
        return 1
    try:
        report = run(data, options.quick, say)
    except NightglassError as error:
        say(f"error: {error}")
        return 1
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0
