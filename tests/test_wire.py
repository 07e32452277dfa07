"""The wire format: round trip, strictness, and what is in a header."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sinks_support import fused, scene

from stream.frames import Prior
from stream.sinks.wire import WireError, decode, encode, picture_header, subscription, topic_name

names = st.text("abcXYZ019._-", min_size=1, max_size=64)
streams = st.sampled_from(["fused", "infrared", "visible", "status"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
reserved = ("v", "format", "width", "height")
json_headers = st.dictionaries(st.text().filter(lambda key: key not in reserved), json_values, max_size=6)


@given(names, streams, json_headers, st.lists(st.binary(max_size=200), max_size=3))
def test_round_trip(camera: str, stream: str, header: dict, payload: list[bytes]) -> None:
    topic = topic_name(camera, stream)
    message = decode(encode(topic, {"v": 1, **header}, *payload))
    assert message.topic == topic
    assert message.header == {"v": 1, **header}
    assert bytes(message.payload) == b"".join(payload)


def a_message() -> bytes:
    picture = scene(0, 6, 4)
    header = picture_header(
        fused(picture, 0),
        camera="gate-1",
        stream="fused",
        publish_ns=5,
        payload_format="gray8",
        width_px=6,
        height_px=4,
        mode="fused",
        palette="white-hot",
    )
    return encode("gate-1/fused", header, picture.luma.data)


def test_truncation_at_any_byte_is_a_wire_error() -> None:
    whole = a_message()
    assert decode(whole).header["width"] == 6
    for length in range(len(whole)):
        with pytest.raises(WireError):
            decode(whole[:length])


@given(st.integers(min_value=0), st.binary(min_size=1, max_size=8))
def test_damage_never_raises_anything_but_wire_error(position: int, damage: bytes) -> None:
    broken = bytearray(a_message())
    at = position % len(broken)
    broken[at : at + len(damage)] = damage
    try:
        decode(bytes(broken))
    except WireError as error:
        assert "\n" not in str(error)


@given(st.binary(max_size=300))
def test_noise_never_raises_anything_but_wire_error(noise: bytes) -> None:
    for part in (noise, b"camera/fused\0" + noise, b"camera/fused\0" + struct.pack("<I", len(noise)) + noise):
        with pytest.raises(WireError):
            decode(part)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"v": 2}',
        '{"v": true}',
        "{}",
        "[1]",
        '{"v": 1, "x": NaN}',
        '{"v": 1, "format": "gray8", "width": -2, "height": -2}',
        '{"v": 1, "format": "i420", "width": "4", "height": 4}',
        '{"v": 1, "format": "gray16"}',
    ],
)
def test_wrong_headers_are_refused(text: str) -> None:
    data = text.encode()
    with pytest.raises(WireError):
        decode(b"camera/fused\0" + struct.pack("<I", len(data)) + data + b"\1\2\3\4")


@pytest.mark.parametrize(("payload_format", "size"), [("gray8", 15), ("gray16", 30), ("i420", 15 + 2 * 6)])
def test_payload_size_is_checked(payload_format: str, size: int) -> None:
    header = {"v": 1, "format": payload_format, "width": 5, "height": 3}
    assert len(decode(encode("c/fused", header, bytes(size))).payload) == size
    for wrong in (size - 1, size + 1):
        with pytest.raises(WireError, match=f"has {size} bytes, got {wrong}"):
            decode(encode("c/fused", header, bytes(wrong)))


@pytest.mark.parametrize("header", [{"v": float("nan")}, {"v": b"x"}, {"v": np.int64(1)}])
def test_headers_that_are_not_json_are_refused(header: dict) -> None:
    with pytest.raises(WireError, match="not JSON"):
        encode("c/fused", header)


@pytest.mark.parametrize(
    "topic", ["", "fused", "a b/fused", "a/b/c", "a/Fused", "é/fused", "a/fused\n", "x" * 65 + "/fused"]
)
def test_wrong_topics_are_refused(topic: str) -> None:
    with pytest.raises(WireError, match="CAMERA/STREAM"):
        encode(topic, {"v": 1})


def test_subscription_does_not_match_a_longer_stream_name() -> None:
    assert encode("cam/fused", {"v": 1}).startswith(subscription("cam/fused"))
    assert not encode("cam/fused-hd", {"v": 1}).startswith(subscription("cam/fused"))


def test_header_has_every_field_of_the_format() -> None:
    picture = scene(3, 8, 6)
    header = picture_header(
        fused(picture, 3, prior=Prior({"smoke": 0.75}, "visible: smoke")),
        camera="gate",
        stream="fused",
        publish_ns=7,
        payload_format="jpeg",
        width_px=8,
        height_px=6,
        mode="pip",
        palette="ironbow",
    )
    assert json.loads(json.dumps(header)) == {
        "v": 1,
        "camera": "gate",
        "stream": "fused",
        "seq": 3,
        "capture_ns": 1_700_000_000_243_000_000,
        "publish_ns": 7,
        "skew_ns": 1_500_000,
        "clock": "arrival",
        "clocks": None,
        "format": "jpeg",
        "width": 8,
        "height": 6,
        "mode": "pip",
        "palette": "ironbow",
        "degraded": "none",
        "prior": {"scores": {"smoke": 0.75}, "caption": "visible: smoke"},
        "alignment": None,
        "timing": None,
        "temperature": None,
    }
