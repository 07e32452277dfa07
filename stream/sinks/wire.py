"""The ZeroMQ wire format, version 1: one message part a frame (docs/wire-format.md). Pure: bytes in, bytes out.

``topic "CAMERA/STREAM" + 0x00 + header length (u32, little endian) + header (JSON, UTF-8) + payload``
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stream.errors import NightglassError
from stream.frames import FusedFrame, chroma_size

WIRE_VERSION = 1
MAX_HEADER_BYTES = 1 << 20

PayloadFormat = Literal["jpeg", "gray8", "i420", "gray16"]

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,64}/[a-z][a-z0-9-]{0,31}")
_LENGTH = struct.Struct("<I")
_MAX_TOPIC_BYTES = 64 + 1 + 32


class WireError(NightglassError):
    """A message is not version 1 of the wire format, or a header cannot be written in it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One decoded message. ``payload`` is a view into the received bytes, empty for ``status``."""

    topic: str
    header: dict[str, Any]
    payload: memoryview


def topic_name(camera: str, stream: str) -> str:
    """``CAMERA/STREAM``. Raises WireError for names with other characters than ``A-Z a-z 0-9 . _ -``."""
    topic = f"{camera}/{stream}"
    if not _TOPIC.fullmatch(topic):
        raise WireError(f"topic {topic!r}: must be CAMERA/STREAM of letters, digits, '.', '_' and '-'")
    return topic


def subscription(topic: str) -> bytes:
    """What to subscribe to so that exactly this topic comes (ZeroMQ matches prefixes: the 0x00 ends it)."""
    return topic.encode("ascii") + b"\0"


def picture_header(
    fused: FusedFrame,
    *,
    camera: str,
    stream: str,
    publish_ns: int,
    payload_format: PayloadFormat,
    width_px: int,
    height_px: int,
    mode: str,
    palette: str | None,
) -> dict[str, Any]:
    """The header of a picture: every field of docs/wire-format.md, in its order.

    ``palette``: None where the stream has no palette. ``temperature`` is null: no source gives its scale yet.
    """
    prior, alignment, timing = fused.prior, fused.alignment, fused.timing
    return {
        "v": WIRE_VERSION,
        "camera": camera,
        "stream": stream,
        "seq": fused.seq,
        "capture_ns": fused.capture_ns,
        "publish_ns": publish_ns,
        "skew_ns": fused.skew_ns,
        "clock": fused.clock,
        "clocks": None if fused.clocks is None else dict(zip(("infrared", "visible"), fused.clocks, strict=True)),
        "format": payload_format,
        "width": width_px,
        "height": height_px,
        "mode": mode,
        "palette": palette,
        "degraded": fused.degraded,
        "prior": None if prior is None else {"scores": dict(prior.scores), "caption": prior.caption},
        "alignment": None if alignment is None else {"state": alignment.state, "score": alignment.score},
        "timing": None
        if timing is None
        else {"state": timing.state, "offset_ms": timing.offset_ms, "confidence": timing.confidence},
        "temperature": None,
    }


def status_header(
    *, camera: str, seq: int, publish_ns: int, subscribers: Mapping[Any, int], status: Mapping[str, Any]
) -> dict[str, Any]:
    """The header of a status message, which has no payload."""
    return {
        "v": WIRE_VERSION,
        "camera": camera,
        "stream": "status",
        "seq": seq,
        "publish_ns": publish_ns,
        "subscribers": subscribers,
        "status": status,
    }


def encode(topic: str, header: Mapping[str, Any], *payload: bytes | memoryview) -> bytes:
    """Write one message part. ``payload``: C-contiguous buffers, joined in order (one copy, into fresh bytes).

    Raises WireError for a topic or header that the format has no room for (NaN, too long, not JSON).
    """
    if not _TOPIC.fullmatch(topic):
        raise WireError(f"topic {topic!r}: must be CAMERA/STREAM of letters, digits, '.', '_' and '-'")
    try:
        text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(f"{topic}: the header is not JSON: {error}") from None
    if len(text) > MAX_HEADER_BYTES:
        raise WireError(f"{topic}: the header has {len(text)} bytes, more than {MAX_HEADER_BYTES}")
    return b"".join((topic.encode("ascii"), b"\0", _LENGTH.pack(len(text)), text, *payload))


def decode(part: bytes | memoryview) -> Message:
    """Read one message part. Raises WireError for anything that is not a whole, version 1 message.

    The payload's size is checked where the format fixes it (gray8, gray16, i420); a JPEG is not looked into.
    """
    view = memoryview(part)
    head = bytes(view[: _MAX_TOPIC_BYTES + 1])
    end = head.find(0)
    if end < 0:
        raise WireError("message has no topic: not from a Nightglass publisher")
    topic = head[:end].decode("ascii", "replace")
    if not _TOPIC.fullmatch(topic):
        raise WireError(f"message topic {topic!r} is not CAMERA/STREAM: not from a Nightglass publisher")
    start = end + 1 + _LENGTH.size
    if len(view) < start:
        raise WireError(f"{topic}: message ends inside the header length")
    (length,) = _LENGTH.unpack(view[end + 1 : start])
    if length > MAX_HEADER_BYTES or len(view) < start + length:
        raise WireError(f"{topic}: header of {length} bytes declared, message has {len(view) - start} left")
    header = _parse_header(topic, bytes(view[start : start + length]))
    payload = view[start + length :]
    _check_payload(topic, header, len(payload))
    return Message(topic, header, payload)


def _parse_header(topic: str, text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise WireError(f"{topic}: the header is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise WireError(f"{topic}: the header must be a JSON object, got {type(header).__name__}")
    version = header.get("v")
    if version != WIRE_VERSION or isinstance(version, bool):
        raise WireError(
            f"{topic}: wire format version {version!r}, this viewer reads {WIRE_VERSION}; update one of both"
        )
    return header


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_payload(topic: str, header: dict[str, Any], payload_bytes: int) -> None:
    payload_format = header.get("format")
    if payload_format not in ("gray8", "gray16", "i420"):
        return
    width, height = header.get("width"), header.get("height")
    if type(width) is not int or type(height) is not int or width < 1 or height < 1:
        raise WireError(f"{topic}: width and height must be positive integers, got {width!r} and {height!r}")
    expected = width * height
    if payload_format == "gray16":
        expected *= 2
    elif payload_format == "i420":
        chroma_width, chroma_height = chroma_size(width, height)
        expected += 2 * chroma_width * chroma_height
    if payload_bytes != expected:
        raise WireError(f"{topic}: {payload_format} of {width}x{height} has {expected} bytes, got {payload_bytes}")
