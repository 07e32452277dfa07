"""The time between two cameras, found in their footage once it is known how one picture lies on the other. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from stream.footage import Footage
from stream.homography import Matrix
from stream.sync.drift_estimate import estimate_drift
from stream.sync.motion import Views, as_seen, as_seen_by
from stream.sync.offset_estimate import estimate_offset

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Timing:
    """``offset_ms``: to add to infrared capture times, at the first infrared frame where there is a drift.

    ``drift_ppm``: its growth, None where the footage cannot tell. ``confidence``: 0..1. Where the offset is refused
    the three are None. ``said``: a line about it.
    """

    offset_ms: float | None
    drift_ppm: float | None
    confidence: float | None
    said: str


def find_timing(
    infrared: Footage, visible: Footage, homography: Matrix, infrared_size: Size, visible_size: Size
) -> Timing:
    """Offset and drift between two streams. ``homography``: visible -> infrared pixel at the sizes given."""
    if not infrared.thumbnails or not visible.thumbnails:
        return Timing(
            None, None, None, "time offset not looked for: it takes videos or cameras of at least 64x48 pixels"
        )
    origin_ns = min(infrared.capture_ns[0], visible.capture_ns[0])
    seen = as_seen_by(_views(infrared, origin_ns), homography, infrared_size, visible_size)
    other = _views(visible, origin_ns)
    found = estimate_offset(seen, other)
    if not found.accepted:
        return Timing(None, None, None, f"time offset not found: {found.reason}")
    drift = estimate_drift(seen, other, found)
    offset_ms, confidence = round(drift.offset_s * 1e3, 1), round(found.confidence, 2)
    said = f"infrared_offset_ms {offset_ms:+.1f} (confidence {confidence:.2f}), "
    if drift.drift_ppm is None:
        return Timing(offset_ms, None, confidence, said + "drift unknown: it takes some minutes of footage")
    drift_ppm = round(drift.drift_ppm, 1)
    return Timing(offset_ms, drift_ppm, confidence, said + f"drift {drift_ppm:+.1f} +- {drift.error_ppm:.1f} ppm")


def _views(footage: Footage, origin_ns: int) -> Views:
    return as_seen([(one - origin_ns) / 1e9 for one in footage.capture_ns], footage.thumbnails)
