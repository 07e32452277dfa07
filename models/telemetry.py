"""No reports to others: importing OpenVINO sends Google Analytics an event with an identity that it keeps in the home.

A fusion of surveillance cameras tells nobody that it runs. OpenVINO does without where its telemetry package is not to
be had.
"""

from __future__ import annotations

import sys

_PACKAGE = "openvino_telemetry"


def send_none() -> None:
    """Make the telemetry package one that cannot be imported; to be called before OpenVINO is."""
    sys.modules.setdefault(_PACKAGE, None)  # type: ignore[arg-type]
