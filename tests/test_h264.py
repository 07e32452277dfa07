"""The live encoder: a picture in, its packet out; key frames, bit rate, slices. And what is said of failures."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sinks_support import psnr, scene

from kernels.levels import LIMITED_TO_FULL_LUMA
from stream.frames import Picture
from stream.sinks.h264 import H264Encoder, highest_kbps, slices
from stream.sinks.rtsp_advice import advice


def encoder(size: tuple[int, int] = (160, 120), **more: Any) -> H264Encoder:
    settings: dict[str, Any] = {"rate_hz": 25.0, "preset": "veryfast", "crf": 20, "max_kbps": 2000, "processors": 2}
    return H264Encoder(size=size, **(settings | more))


def test_every_picture_comes_out_at_once_and_a_decoder_shows_it_at_once():
    coder, decoder = encoder((159, 119)), av.CodecContext.create("h264", "r")
    decoder.flags |= av.codec.context.Flags.low_delay
    keys = []
    for number in range(60):
        picture = scene(number, 159, 119)
        coded = coder.encode(picture, number * 3600, key=number == 40)
        assert coded.ticks == number * 3600
        keys += [number] if coded.key else []
        (frame,) = decoder.decode(av.Packet(coded.data))
        luma = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(-1, frame.planes[0].line_size)
        assert (frame.width, frame.height) == (160, 120)
        assert psnr(LIMITED_TO_FULL_LUMA[luma[:119, :159]], picture.luma) > 33
    assert {0, 25, 40} <= set(keys)


def test_noise_keeps_to_the_bit_rate():
    random = np.random.default_rng(0)
    coder = encoder((320, 240), crf=10, max_kbps=1000)
    sizes = [
        len(coder.encode(Picture(random.integers(0, 256, (240, 320), np.uint8), None), number * 3600).data)
        for number in range(150)
    ]
    assert sum(sizes[25:]) * 8 / 5 < 1.3 * 1_000_000


@given(st.integers(16, 4000), st.integers(16, 4000), st.floats(1, 120), st.integers(1, 128))
def test_slices_are_no_more_than_processors_and_one_for_small_pictures(width, height, rate_hz, processors):
    count = slices((width, height), rate_hz, processors)
    assert 1 <= count <= min(processors, 4)
    assert count <= slices((width, height * 2), rate_hz, processors)
    assert slices((640, 480), 30, processors) == 1


def test_more_pixels_may_need_more_bits():
    assert highest_kbps((160, 120), 25) == 1000
    assert highest_kbps((640, 480), 30) == 1382
    assert highest_kbps((1920, 1080), 25) == 7776


@pytest.mark.parametrize(
    ("kind", "waited_s", "connected", "says", "settled"),
    [
        ("HTTPUnauthorizedError", 0.1, False, "(401)", True),
        ("HTTPNotFoundError", 9.0, False, "(404)", True),
        ("HTTPOtherClientError", 9.0, False, "takes pushes", False),
        ("InvalidDataError", 4.9, False, "no answer within 5 s", False),
        ("InvalidDataError", 0.1, False, "no RTSP server", False),
        ("InvalidDataError", 0.1, True, "has ended the connection", False),
        ("TimeoutError", 0.0, True, "has taken nothing for 5 s", False),
        ("OSError", 0.1, False, "No route to host", False),
    ],
)
def test_what_is_said_of_failures(kind: str, waited_s: float, connected: bool, says: str, settled: bool):
    told = advice(kind, "No route to host", waited_s, 5.0, connected=connected)
    assert says in told.text and told.settled == settled and "\n" not in told.text
