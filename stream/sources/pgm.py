"""Binary PGM (``P5``), read here because FFmpeg stretches its counts to 16 bits, which a thermal camera's are not."""

from __future__ import annotations

import re

import numpy as np

from stream.frames import LumaArray

_SPACE = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"P5" + _SPACE + rb"([0-9]+)" + _SPACE + rb"([0-9]+)" + _SPACE + rb"([0-9]+)\s")


def read_pgm(data: bytes) -> tuple[LumaArray, str] | None:
    """The levels of a whole binary PGM and their format as FFmpeg calls it; None where it is none.

    Up to a maximum of 255: uint8 (H, W), white is 255. Above: the counts as they are, uint16 (H, W), and from
    ``gray9le`` to ``gray16le`` as many bits as the maximum has.

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
        levels = np.minimum((np.arange(256) * 510 + maximum) // (2 * maximum), 255).astype(np.uint8)
        return levels[np.frombuffer(body, np.uint8)].reshape(height, width), "gray"
    counts = np.frombuffer(body, ">u2").reshape(height, width).astype(np.uint16)
    # Some writers have counts above the maximum that they state.
    return counts, f"gray{max(maximum, int(counts.max())).bit_length()}le"
