"""Binary PGM (``P5``), read here because FFmpeg stretches its counts to 16 bits, which a thermal camera's are not."""

from __future__ import annotations

import re

import numpy as np

from stream.frames import LumaArray

_SPACE = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"P5" + _SPACE + rb"([0-9]+)" + _SPACE + rb"([0-9]+)" + _SPACE + rb"([0-9]+)\s")


def read_pgm(data: bytes) -> LumaArray | None:
    """The counts of a whole binary PGM, uint8 (H, W), or uint16 where its maximum is above 255; None otherwise.

    The format: Netpbm's specification, https://netpbm.sourceforge.net/doc/pgm.html (16 bit: most significant first).
    """
    header = _HEADER.match(data)
    if header is None:
        return None
    width, height, maximum = (int(number) for number in header.groups())
    item = 1 if maximum < 256 else 2
    body = data[header.end() : header.end() + width * height * item]
    if not 0 < maximum < 65536 or width * height == 0 or len(body) < width * height * item:
        return None
    if item == 1:
        return np.frombuffer(body, np.uint8).reshape(height, width).copy()
    return np.frombuffer(body, ">u2").reshape(height, width).astype(np.uint16)
