"""The estimate in a process of its own, at low priority: live fusion goes first, and it can be stopped."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream.alignment.structure import Luma
from stream.homography import Matrix

_NICE = 5


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What is needed of an ``estimate.Alignment``."""

    homography: Matrix
    score: float
    accepted: bool
    reason: str


class ApartEstimator:
    """Estimates maps, one at a time; ``stop`` may be called from another thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def __call__(self, infrared: Sequence[Luma], visible: Sequence[Luma]) -> Found:
        """As ``estimate``. A process that fails or is stopped is a refusal that says so."""
        package_home = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (package_home, os.environ.get("PYTHONPATH"))))
        # In a session of its own: Ctrl-C is for live, which then stops this.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stream.alignment.apart"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        if self._stopped:
            self._process.kill()
        frames = io.BytesIO()
        np.savez(frames, infrared=np.stack(infrared), visible=np.stack(visible))
        out, said = self._process.communicate(frames.getvalue())
        if self._process.returncode != 0:
            last = said.decode("utf-8", "replace").strip().splitlines()[-1:]
            reason = f"the process that searches ended with status {self._process.returncode} {' '.join(last)}".strip()
            return Found(np.eye(3), 0.0, False, reason)
        answer = json.loads(out)
        return Found(np.array(answer["homography"]), answer["score"], answer["accepted"], answer["reason"])

    def stop(self) -> None:
        """End a search in progress."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()


def main() -> None:
    """The other side: frames on standard input, the estimate on standard output."""
    os.nice(_NICE)
    import cv2

    from stream.alignment.estimate import estimate

    cv2.setNumThreads(1)
    frames = np.load(io.BytesIO(sys.stdin.buffer.read()))
    found = estimate(list(frames["infrared"]), list(frames["visible"]))
    answer = {
        "homography": found.homography.tolist(),
        "score": found.score,
        "accepted": found.accepted,
        "reason": found.reason,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
