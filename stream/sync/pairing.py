"""The synchronizer: two streams of stamped frames in, pairs out. Pure: no clock, no threads, no input or output.

Offline (``pop(None)``) nothing of the master is lost and the nearest partner is exact. Live (``pop(now_ns)``) a
frame waits for its partner no longer than the deadline, and one camera alone goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from stream.config import SyncConfig
from stream.frames import Degraded, Frame, FramePair
from stream.sources.base import Role
from stream.sync.ticks import TickGrid
from stream.sync.track import NS_PER_MS, NS_PER_S, Stamped, Track

JITTER = 1.1
"""Stamps jitter: two regular streams half a period apart must not flicker between good and degraded."""

SETTLED = 0.4
"""Live: a partner frame this share of its period before the leader's is the nearest; the next cannot be nearer
unless its stamp is a fifth of a period early. Saves most of a frame's period of latency."""

GONE_NS = NS_PER_S
"""A frame further away than this (or than three of its periods) is not held: the side is None."""

_MISSING: dict[Role, Degraded] = {"infrared": "infrared_missing", "visible": "visible_missing"}
_OTHER: dict[Role, Role] = {"infrared": "visible", "visible": "infrared"}


@dataclass(frozen=True, slots=True)
class SyncCounters:
    """What the synchronizer has done so far.

    ``pairs``: pairs given out. ``held``: of these, pairs with a frame that had been in an earlier pair (normal where
    the partner is slower). ``degraded``: pairs with a side missing or too far away. ``unpaired``: frames that were
    in no pair (normal where the partner is faster). ``late``: frames whose stamp was not after the one before, or
    that came after a later moment had been given out.
    """

    pairs: int
    held: int
    degraded: int
    unpaired: int
    late: int


class Synchronizer:
    """Pairs the frames of two cameras by capture time. Used from one thread.

    ``config.master`` leads: ``visible`` or ``infrared`` give one pair a frame of that stream; a number gives one
    pair a tick, from the first moment that both streams have. ``infrared_rate_hz`` and ``visible_rate_hz`` are the
    sources' nominal rates, None where unknown; the streams' own stamps replace them.

    A partner is near enough within ``config.max_skew_ms``; where that is None, within half the longer of the two
    periods plus a tenth for jitter. (A 9 Hz camera is up to 56 ms away from the frames of a 30 Hz one, and that is
    its normal state.) Live, a held frame may be older by ``config.deadline_ms``, because the partner's transport
    can be slower than the leader's. Too far away: the last frame is held for up to a second, marked degraded;
    then the side is None.

    ``infrared_drift_ppm``: growth of ``config.infrared_offset_ms`` from the first infrared frame on, millionths.

    Offline, ask ``wants()`` which stream to read next: memory then stays bounded by a few frames.
    """

    def __init__(
        self,
        config: SyncConfig,
        infrared_rate_hz: float | None = None,
        visible_rate_hz: float | None = None,
        *,
        infrared_drift_ppm: float = 0.0,
    ) -> None:
        offset_ns = round((config.infrared_offset_ms or 0.0) * NS_PER_MS)
        self._tracks: dict[Role, Track] = {
            "infrared": Track(infrared_rate_hz, offset_ns, infrared_drift_ppm),
            "visible": Track(visible_rate_hz),
        }
        self._master: Role = "visible" if isinstance(config.master, float) else config.master
        self._ticks = TickGrid(NS_PER_S / config.master) if isinstance(config.master, float) else None
        self._max_skew_ns = None if config.max_skew_ms is None else round(config.max_skew_ms * NS_PER_MS)
        self._deadline_ns = round(config.deadline_ms * NS_PER_MS)
        self._first_arrival_ns: int | None = None
        self._last_out_ns: int | None = None
        self._pairs = self._held = self._degraded = self._late_out = 0

    @property
    def counters(self) -> SyncCounters:
        """What has been done so far."""
        tracks = self._tracks.values()
        return SyncCounters(
            pairs=self._pairs,
            held=self._held,
            degraded=self._degraded,
            unpaired=sum(track.unpaired for track in tracks),
            late=self._late_out + sum(track.late for track in tracks),
        )

    def waiting(self, role: Role) -> int:
        """Number of frames of a stream that are waiting here."""
        return len(self._tracks[role].waiting)

    def push(self, role: Role, frame: Frame, now_ns: int | None = None) -> None:
        """Add the next frame of a stream; live, with the moment of its arrival (same clock as ``pop``'s)."""
        if now_ns is not None and self._first_arrival_ns is None:
            self._first_arrival_ns = now_ns
        track = self._tracks[role]
        leads = self._ticks is None and role == self._master
        track.push(frame, now_ns, keep_late=leads)
        if not leads:
            floor_ns = self._needed_from_ns()
            if floor_ns is not None:
                track.forget_before(floor_ns)

    def offset_infrared(self, offset_ns: int) -> None:
        """Add ``offset_ns`` to infrared stamps from the next frame on, in place of what was added so far.

        It should move by less than frames are apart: corrected stamps that do not grow are late frames.
        """
        self._tracks["infrared"].offset_ns = offset_ns

    def end(self, role: Role) -> None:
        """Say that a stream gives no more frames."""
        self._tracks[role].ended = True

    def wants(self) -> Role | None:
        """Offline: the stream whose next frame (or end) is needed for the next pair; None when all is done."""
        if self._ticks is not None:
            open_roles = [role for role, track in self._tracks.items() if not track.ended]
            return min(open_roles, key=self._progress_ns, default=None)
        master = self._tracks[self._master]
        if master.waiting:
            return _OTHER[self._master]
        return None if master.ended else self._master

    def pop(self, now_ns: int | None) -> list[FramePair]:
        """The pairs that are decided by now, in order of capture. ``now_ns``: None offline, the time now live."""
        return self._pop_led(now_ns) if self._ticks is None else self._pop_ticks(self._ticks, now_ns)

    def _progress_ns(self, role: Role) -> float:
        newest_ns = self._tracks[role].newest_t_ns
        return float("-inf") if newest_ns is None else newest_ns

    def _pop_led(self, now_ns: int | None) -> list[FramePair]:
        role = self._master
        if now_ns is not None and not self._tracks[role].waiting and self._silent(role, now_ns):
            role = _OTHER[role]
        leader, partner = self._tracks[role], _OTHER[role]
        pairs: list[FramePair] = []
        while leader.waiting and self._decided(partner, leader.waiting[0].t_ns, leader.waiting[0].arrival_ns, now_ns):
            led = leader.lead()
            if now_ns is not None and self._overtaken(led.t_ns):
                self._late_out += 1
                continue
            pair = self._pair(led.t_ns, {role: led}, leader.period_ns, now_ns)
            if pair is not None:
                pairs.append(pair)
        if now_ns is None and leader.ended and not leader.waiting:
            self._tracks[partner].clear_waiting()
        return pairs

    def _pop_ticks(self, ticks: TickGrid, now_ns: int | None) -> list[FramePair]:
        pairs: list[FramePair] = []
        if now_ns is not None:
            self._restart_if_set_back(ticks)
        if ticks.start_ns is None:
            ticks.start_ns = self._first_common_ns(now_ns)
        while (t_ns := ticks.next_ns()) is not None:
            reached = [s for track in self._tracks.values() if (s := track.first_from(t_ns)) is not None]
            if not reached:
                break
            arrival_ns = min(s.arrival_ns for s in reached)
            if not all(self._decided(role, t_ns, arrival_ns, now_ns) for role in self._tracks):
                break
            ticks.advance()
            pair = self._pair(t_ns, {}, round(ticks.period_ns), now_ns)
            if pair is not None:
                pairs.append(pair)
            else:
                # Both streams have a gap here: do not count through it tick by tick, it may be hours long.
                ticks.skip_towards(min(s.t_ns for s in reached))
        return pairs

    def _restart_if_set_back(self, ticks: TickGrid) -> None:
        """Live: newest stamps far behind the next tick mean that the clock which stamps them was set back."""
        t_ns = ticks.next_ns()
        newest_ns = max((t.newest_t_ns for t in self._tracks.values() if t.newest_t_ns is not None), default=None)
        if t_ns is not None and newest_ns is not None and newest_ns < t_ns - GONE_NS - ticks.period_ns:
            ticks.reset()

    def _first_common_ns(self, now_ns: int | None) -> int | None:
        firsts = []
        for role, track in self._tracks.items():
            if track.waiting:
                firsts.append(track.waiting[0].t_ns)
            elif not track.ended and (now_ns is None or not self._silent(role, now_ns)):
                return None
        return max(firsts, default=None)

    def _needed_from_ns(self) -> int | None:
        """The earliest moment that a pair still to come can have; None while that is open."""
        if self._ticks is not None:
            return self._ticks.next_ns()
        waiting = self._tracks[self._master].waiting
        return waiting[0].t_ns if waiting else self._last_out_ns

    def _decided(self, role: Role, t_ns: int, arrival_ns: int, now_ns: int | None) -> bool:
        """Whether no frame of ``role`` still to come can change, or should still be awaited for, moment ``t_ns``."""
        track = self._tracks[role]
        newest_ns = track.newest_t_ns
        if track.ended or (newest_ns is not None and newest_ns >= t_ns):
            return True
        if now_ns is None:
            return False
        if now_ns >= arrival_ns + self._deadline_ns + self._behind_ns(role) or self._silent(role, now_ns):
            return True
        return newest_ns is not None and track.period_known and t_ns - newest_ns <= SETTLED * track.period_ns

    def _behind_ns(self, role: Role) -> int:
        """How much later than its partner a stream may arrive because of the offset: a camera whose pictures take
        400 ms longer is stamped 400 ms too late by its arrival. To wait no longer than the deadline would then be to
        wait in vain, for every frame.
        """
        offset_ns = self._tracks["infrared"].offset_ns
        return max(0, -offset_ns if role == "infrared" else offset_ns)

    def _silent(self, role: Role, now_ns: int) -> bool:
        """Live: whether a stream has given nothing for two periods and a deadline (or has ended)."""
        track = self._tracks[role]
        last_ns = track.last_arrival_ns if track.last_arrival_ns is not None else self._first_arrival_ns
        if track.ended:
            return True
        return last_ns is not None and now_ns - last_ns > self._deadline_ns + 2 * track.period_ns

    def _overtaken(self, t_ns: int) -> bool:
        """Live: whether the other stream, leading for a while, has given out a later moment already.

        Stamps that lie further back belong to a clock that disagrees; holding them back would never end.
        """
        return self._last_out_ns is not None and 0 <= self._last_out_ns - t_ns <= GONE_NS

    def _pair(self, t_ns: int, led: dict[Role, Stamped], lead_period_ns: int, now_ns: int | None) -> FramePair | None:
        chosen: dict[Role, Stamped | None] = {}
        faults: list[tuple[int, Role]] = []
        held = False
        for role, track in self._tracks.items():
            if role in led:
                chosen[role] = led[role]
                continue
            limit_ns = self._limit_ns(track, lead_period_ns, now_ns)
            picked, near = track.choose(t_ns, limit_ns, max(GONE_NS, 3 * track.period_ns, limit_ns))
            chosen[role] = picked
            if not near:
                faults.append((abs(picked.t_ns - t_ns) if picked else 2**63, role))
            if picked is not None:
                held = held or picked.used
                picked.used = True
        infrared, visible = chosen["infrared"], chosen["visible"]
        if infrared is None and visible is None:
            return None
        self._last_out_ns = t_ns
        self._pairs += 1
        self._held += held
        self._degraded += bool(faults)
        return FramePair(
            infrared=_frame(infrared),
            visible=_frame(visible),
            capture_ns=t_ns,
            skew_ns=infrared.t_ns - visible.t_ns if infrared and visible else 0,
            degraded=_MISSING[max(faults)[1]] if faults else "none",
        )

    def _limit_ns(self, partner: Track, lead_period_ns: int, now_ns: int | None) -> int:
        limit_ns = self._max_skew_ns
        if limit_ns is None:
            limit_ns = round(JITTER * max(lead_period_ns, partner.period_ns) / 2)
        return limit_ns if now_ns is None else limit_ns + self._deadline_ns


def _frame(stamped: Stamped | None) -> Frame | None:
    return None if stamped is None else stamped.frame
