"""Where a thread gets its work: one job at a time, now and then, from threads that never wait for it."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Job = TypeVar("Job")


class Desk(Generic[Job]):
    """``changed`` guards it, and may guard what else the threads share."""

    def __init__(self, every_s: float) -> None:
        """``every_s``: least time between two jobs, seconds."""
        self.changed = threading.Condition()
        self.stopping = False
        self._every_ns = every_s * 1e9
        self._job: Job | None = None
        self._idle = False
        self._last_ns: int | None = None

    def wants(self, now_ns: int) -> bool:
        """Whether a job may be put there at ``now_ns``: it is time for one, and the worker waits. For any thread."""
        return self._idle and (self._last_ns is None or now_ns - self._last_ns >= self._every_ns)

    def put(self, job: Job, now_ns: int) -> None:
        """Hand a wanted job to the worker."""
        with self.changed:
            self._last_ns, self._idle = now_ns, False
            self._job = job
            self.changed.notify_all()

    def take(self) -> Job | None:
        """For the worker: the next job, once there is one; None when it is to end."""
        with self.changed:
            self._idle = True
            self.changed.wait_for(lambda: self._job is not None or self.stopping)
            job, self._job = self._job, None
            self._idle = False
            return None if self.stopping else job

    def stop(self) -> None:
        """Let ``take`` give no more."""
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
