"""Array types for explicit Numba signatures: with them nothing is compiled after the first run on a machine.

Inputs are declared read-only and of any layout: Numba then takes contiguous arrays, decoder planes with a row pitch and
arrays that may not be written, all with one compiled version. (Measured: the any-layout version is as fast for bytes;
loops over planes of our own, also of wider numbers, are up to 5x faster where these are known to be contiguous:
``ROWS``.)
"""

from __future__ import annotations

from numba import types

U8_IN = types.Array(types.uint8, 2, "A", readonly=True)
U16_IN = types.Array(types.uint16, 2, "A", readonly=True)
F32_IN = types.Array(types.float32, 2, "A", readonly=True)
U8_OUT = types.Array(types.uint8, 2, "A")
U8_ROWS_IN = types.Array(types.uint8, 2, "C", readonly=True)
U8_ROWS_OUT = types.Array(types.uint8, 2, "C")
U16_ROWS_IN = types.Array(types.uint16, 2, "C", readonly=True)
U16_ROWS_OUT = types.Array(types.uint16, 2, "C")
LUT = types.Array(types.uint8, 1, "C", readonly=True)
I32_LINE = types.Array(types.int32, 1, "C", readonly=True)
F32_LINE = types.Array(types.float32, 1, "C", readonly=True)
F32_TABLE = types.Array(types.float32, 2, "C", readonly=True)
