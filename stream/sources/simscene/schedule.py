"""When a simulated camera's frames fall, which of them are lost and how late they arrive: pure arithmetic."""

from __future__ import annotations

from stream.sources.base import Role
from stream.sources.simscene.spec import SimSpec

_MASK = (1 << 64) - 1
_ROLE_KEY = {"infrared": 0x1F, "visible": 0x2E}


def unit_hash(*keys: int) -> float:
    """A number in [0, 1) that depends on the keys alone (SplitMix64, Steele et al. 2014)."""
    state = 0
    for key in keys:
        state = (state + 0x9E3779B97F4A7C15 + (key & _MASK)) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return (state >> 11) / (1 << 53)


def frame_total(spec: SimSpec, role: Role) -> int | None:
    """Number of frame times in the whole length, lost frames included; None if endless."""
    if spec.seconds == 0:
        return None
    return max(1, round(spec.seconds * spec.fps_of(role)))


def frame_time_ns(spec: SimSpec, role: Role, tick: int) -> int:
    """Time of frame ``tick`` of a camera whose frame 0 falls at 0, nanoseconds, exact to the nanosecond."""
    rate = spec.fps_of(role)
    return tick * 1_000_000_000 * rate.denominator // rate.numerator


def next_tick(spec: SimSpec, role: Role, now_ns: int) -> int:
    """The first tick whose time is not before ``now_ns``."""
    rate = spec.fps_of(role)
    tick = now_ns * rate.numerator // (1_000_000_000 * rate.denominator)
    while frame_time_ns(spec, role, tick) < now_ns:
        tick += 1
    return tick


def is_lost(spec: SimSpec, role: Role, seq: int) -> bool:
    """Whether frame ``seq`` (0: the camera's first) falls to ``dropout`` or to an outage."""
    outage = spec.outage_of(role)
    if outage is not None and outage.covers(frame_time_ns(spec, role, seq) / 1e9):
        return True
    return spec.dropout > 0 and unit_hash(spec.seed, _ROLE_KEY[role], seq) < spec.dropout


def delay_ns(spec: SimSpec, role: Role, seq: int) -> int:
    """How long after its capture a live frame is delivered, nanoseconds: even in 0..``jitter_ms``."""
    return int(spec.jitter_ms * 1e6 * unit_hash(spec.seed, _ROLE_KEY[role] + 0x100, seq))
