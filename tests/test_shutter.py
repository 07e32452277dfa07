"""The shutter of thermal cameras: told within three frames, never where there is none, and without a flash."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from models.engines.base import FusionResult
from stream.clock import SystemClock
from stream.config import NormalizeConfig
from stream.frames import Frame, FramePair
from stream.fusion import FusionStage
from stream.shutter import InfraredShare, ShutterWatch

PERIOD_NS = 33_333_333


def living(count: int, seed: int = 0, sigma: float = 1.0) -> list[NDArray[np.uint8]]:
    """A resting scene as a sensor sees it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:96, 0:128]
    scene = 90 + 40 * np.sin(x / 9) * np.cos(y / 13)
    return [np.clip(scene + sigma * rng.standard_normal(scene.shape), 0, 255).astype(np.uint8) for _ in range(count)]


def watched(frames: Sequence[NDArray[np.uint8] | NDArray[np.uint16]]) -> list[bool]:
    watch = ShutterWatch()
    return [watch.push(frame, seq, seq * PERIOD_NS) for seq, frame in enumerate(frames)]


def encoded(frames: list[NDArray[np.uint8]], crf: int) -> list[NDArray[np.uint8]]:
    """As they come through H.264."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": str(crf), "preset": "veryfast"})
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray").reformat(format="yuv420p")))
        container.mux(stream.encode())
    buffer.seek(0)
    return decoded(buffer)


def decoded(video: io.BytesIO | str) -> list[NDArray[np.uint8]]:
    with av.open(video, "r") as container:
        return [np.asarray(frame.to_ndarray(format="gray"), np.uint8) for frame in container.decode(video=0)]


@pytest.mark.parametrize("crf", [12, 18])
@pytest.mark.parametrize("closed", [10, 30, 60])
def test_a_shutter_is_told_within_three_frames_of_encoded_video(closed: int, crf: int):
    before, after = living(60, 1, 3.0), living(30, 2, 3.0)
    got = watched(encoded([*before, *[before[-1]] * closed, *after], crf))
    assert not any(got[:60])
    # The encoder lets the last of them look ahead a little to what comes then.
    assert all(got[62 : 60 + closed - 3])
    assert not any(got[60 + closed + 2 :])


def test_a_slow_camera_in_a_fast_stream_does_not_stand_still():
    """9 Hz in 30 Hz: every picture comes three or four times."""
    frames = [frame for number, frame in enumerate(living(60)) for _ in range(3 + (number % 3 == 0))]
    assert not any(watched(frames))
    # Its shutter takes a little longer to tell.
    got = watched([*frames, *[frames[-1]] * 40])
    assert all(got[len(frames) + 5 :])


def test_one_long_rest_counts_once_among_what_is_usual():
    watch = ShutterWatch()
    frames = [*living(60), *[living(1)[0]] * 400, *living(60, 1)]
    frozen = [watch.push(frame, seq, seq * PERIOD_NS) for seq, frame in enumerate(frames)]
    assert not frozen[-1] and len(watch._runs) == 1, "it pushes out what is known of other runs"


def test_a_scene_that_comes_to_rest_is_not_a_shutter():
    """Smoke fills half of it and is gone; a quiet sensor's noise, which is little beside that, goes on."""
    frames, rng = living(300, 4, 0.4), np.random.default_rng(5)
    for frame in frames[20:140]:
        frame[:, 64:] = np.clip(frame[:, 64:] + rng.normal(0, 12, (96, 64)), 0, 255).astype(np.uint8)
    assert not any(watched(frames))
    # And a shutter is told all the same.
    assert all(watched([*frames, *[frames[-1]] * 30])[302:])


@pytest.mark.data
@pytest.mark.parametrize("name", ["0113_1714", "0117_1605", "0117_1620"])
def test_recordings_have_no_shutter_in_either_direction(data_dir: Path, name: str):
    frames = decoded(str(data_dir / "m3svd" / "videos" / "ir" / f"{name}.mp4"))
    assert not any(watched([*frames, *frames[-2::-1]]))


def test_a_stream_without_noise_is_never_called_frozen():
    still = living(1)[0]
    assert not any(watched([still] * 300))
    # Nor is one that lived and then rests for good.
    assert not any(watched([*living(60), *[still] * 600])[60 + 160 :])


def test_a_held_frame_is_looked_at_once():
    watch = ShutterWatch()
    for seq, frame in enumerate(living(40)):
        assert not any(watch.push(frame, seq, seq * PERIOD_NS) for _ in range(4))


def test_raw_counts():
    frames = [frame.astype(np.uint16) * 40 + 8000 for frame in living(50)]
    got = watched([*frames, *[frames[-1]] * 20])
    assert not any(got[:50]) and all(got[52:])


def test_infrared_leaves_at_once_and_comes_back_slowly():
    share = InfraredShare().moved(False, 0)
    shares = []
    for frame in range(1, 91):
        share = share.moved(frame <= 30, frame * PERIOD_NS)
        shares.append(share.share)
    assert shares[4] == 0 and shares[29] == 0
    assert max(after - before for before, after in pairwise(shares)) < 0.04 and shares[-1] == 1


class _Mean:
    """An engine that averages."""

    name, precision, parallel, model = "mean", "fp32", 1, "none"

    def fuse(
        self, infrared: NDArray[np.uint8], visible: NDArray[np.uint8], code: object = None, *, read: bool = True
    ) -> FusionResult:
        return FusionResult(((infrared.astype(np.uint16) + visible) // 2).astype(np.uint8))

    def close(self) -> None:
        pass


def test_frozen_infrared_is_left_out_marked_and_comes_back_without_a_flash():
    stage = FusionStage(_Mean(), NormalizeConfig(), None, SystemClock())
    infrared, visible = living(40, 1), living(130, 2)
    warm = [np.minimum(frame.astype(int) + 100, 255).astype(np.uint8) for frame in infrared]
    shown = [*warm, *[warm[-1]] * 40, *warm, *warm[:10]]
    fused = []
    for seq, (thermal, lit) in enumerate(zip(shown, visible, strict=True)):
        at_ns = seq * PERIOD_NS
        frames = [Frame(plane, None, "gray", "full", seq / 30, at_ns, "file", seq, "cam") for plane in (thermal, lit)]
        fused.append(stage.fuse(FramePair(frames[0], frames[1], at_ns), seq))
    marks = [frame.degraded for frame in fused]
    assert marks[42:80] == ["infrared_frozen"] * 38 and set(marks[:41] + marks[82:]) == {"none"}
    means = [float(frame.luma.mean()) for frame in fused]
    assert abs(means[70] - visible[70].mean()) < 3, "visible alone"
    assert max(abs(after - before) for before, after in pairwise(means[79:])) < 3
    assert means[-1] > means[70] + 40
