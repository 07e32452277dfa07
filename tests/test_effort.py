"""The encoder's effort where the configuration leaves it to the machine."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sinks_support import scene

from models.engines.processors import usable_processors
from stream.config import RecordConfig
from stream.sinks.effort import preset_for
from stream.sinks.videofile import VideoFile

BY_EFFORT = ("ultrafast", "superfast", "veryfast")


@pytest.mark.parametrize(
    ("size", "rate_hz", "processors", "preset"),
    [
        ((640, 480), 30, 2, "veryfast"),
        ((640, 480), 60, 2, "superfast"),
        ((1280, 720), 30, 2, "ultrafast"),
        ((1920, 1080), 30, 8, "superfast"),
        ((1920, 1080), 25, 16, "veryfast"),
    ],
)
def test_bigger_pictures_and_fewer_processors_mean_less_effort(size, rate_hz, processors, preset):
    assert preset_for("auto", "h264", size, rate_hz, processors) == preset


@given(st.integers(16, 4000), st.integers(16, 4000), st.floats(1, 120), st.integers(1, 128))
def test_more_work_never_means_more_effort(width, height, rate_hz, processors):
    for codec in ("h264", "hevc"):
        efforts = [
            BY_EFFORT.index(preset_for("auto", codec, (width, height * times), rate_hz, count))
            for times, count in itertools.product((1, 2), (processors, processors + 1))
        ]
        assert efforts[2] <= efforts[0] <= efforts[1] and efforts[2] <= efforts[3] <= efforts[1]


def test_what_the_configuration_names_is_taken():
    assert preset_for("slow", "h264", (1920, 1080), 60, 1) == "slow"


def test_the_encoder_gets_it(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """x264 writes its settings into the stream: with ultrafast it is told to do without its deblocking filter."""
    size = (640, 480)
    for preset in ("auto", "ultrafast"):
        config = RecordConfig(path=str(tmp_path / f"{preset}.mkv"), preset=preset)
        with caplog.at_level("INFO", "nightglass"):
            video = VideoFile(Path(config.path), config, width_px=size[0], height_px=size[1], rate_hz=30, live=False)
        video.write(scene(0, *size), 0)
        video.close()
        named = preset_for(config.preset, config.codec, size, 30, usable_processors())
        assert f"preset {named}" in caplog.messages[-1]
        with av.open(config.path) as container:
            data = b"".join(bytes(packet) for packet in container.demux(video=0))
        assert (b"deblock=0" in data) == (named == "ultrafast")
