"""From FFmpeg's pictures to planes: views on the decoder's memory where the format allows, one conversion elsewhere."""

from __future__ import annotations

import struct
from collections.abc import Set
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange as AvColorRange
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from stream.errors import SourceError
from stream.frames import Chroma, ColorRange, LumaArray, chroma_size
from stream.sources.base import StreamInfo
from stream.sources.rgb import planes_of_rgb

# PyAV's log handler takes the GIL inside FFmpeg's threads and can deadlock there; errors come as exceptions.
av.logging.set_level(None)

_PLANAR_420 = frozenset({"yuv420p", "yuvj420p"})
_SEMI_PLANAR_420 = {"nv12": (0, 1), "nv21": (1, 0)}

_UNSAID = 2
_MATRICES = {1: "bt709", 9: "bt2020", 10: "bt2020"}
"""Those that differ from BT.601, as ITU-T H.273 numbers them. 10: BT.2020 with constant luminance, taken for 9."""

_HD_WIDTH_PX, _HD_HEIGHT_PX = 1280, 577
"""From one of them on, players take video that does not say its matrix for BT.709. (PAL has 576 rows.)"""

NO_TURNS: Set[int] = frozenset()
UPSIDE_DOWN: Set[int] = frozenset({2})
ALL_TURNS: Set[int] = frozenset({1, 2, 3})
"""Quarter turns. Upside down the size stays as the stream said before its first picture."""


@dataclass(frozen=True, slots=True)
class Planes:
    """What a decoded picture gives: luma uint8 or uint16 (H, W), chroma 4:2:0 or None, both in ``color_range``."""

    luma: LumaArray
    chroma: Chroma | None
    color_range: ColorRange


class PlaneReader:
    """Takes the planes out of decoded pictures. Keeps swscale's set-up between pictures: one reader a stream.

    - ``yuv420p``, ``yuvj420p``, ``gray``, little-endian ``gray10`` to ``gray16``: views on the decoder's memory,
      which stays alive as long as a view does (array -> plane -> picture).
    - ``nv12``, ``nv21``: luma is a view, chroma is split.
    - big-endian grey: byte order swapped, values kept.
    - RGB and palettes: full-range BT.601, see ``stream.sources.rgb``.
    - every other YUV (4:2:2, 4:4:4, more than 8 bits): swscale makes ``yuv420p`` of it, in the picture's own range.
      A grey picture with alpha, of 1 bit or of floats becomes ``gray`` or ``gray16le``.

    Colour that is marked BT.709 or BT.2020 becomes BT.601, which everything behind takes it for. The range is the
    picture's own; where it says none: full for grey, RGB and ``yuvj``, limited for YUV. A video's pictures that are
    marked to be shown turned (phones, cameras hung upside down) can be.
    """

    def __init__(self, *, detect_grey: bool = False, hd_is_709: bool = False, turns: Set[int] = NO_TURNS) -> None:
        """``detect_grey``: give no chroma for a picture without colour, although its format has room for it.
        Right for single images; in a video it would make chroma come and go with a black frame.

        ``hd_is_709``: take HD pictures that do not say their matrix for BT.709, as players take coded video. Pictures,
        and uncompressed ones of capture devices, are BT.601 at any size.

        ``turns``: by how many quarter turns pictures are turned that are marked so; others stay as stored.
        """
        self._detect_grey = detect_grey
        self._hd_is_709 = hd_is_709
        self._turns = turns
        self._reformatter = VideoReformatter()

    def read(self, picture: av.VideoFrame) -> Planes:
        """Give the planes of one picture, turned as it is marked. Raises av.FFmpegError where swscale knows no way."""
        planes = self._stored(picture)
        quarters = quarter_turns(picture.rotation)
        return _turned(planes, quarters) if quarters in self._turns else planes

    def _stored(self, picture: av.VideoFrame) -> Planes:
        form = picture.format
        if form.is_rgb or form.has_palette:
            packed = picture if form.name == "rgb24" else self._reformatter.reformat(picture, format="rgb24")
            luma, chroma = planes_of_rgb(_packed_rgb(packed), detect_grey=self._detect_grey)
            return Planes(luma, chroma, "full")
        if len(form.components) < 3:
            return Planes(self._grey(picture), None, _range(picture, default="full"))
        return self._yuv(picture)

    def _grey(self, picture: av.VideoFrame) -> LumaArray:
        form = picture.format
        bits = form.components[0].bits
        known = len(form.components) == 1 and 8 <= bits <= 16 and bits == max(8, form.bits_per_pixel)
        if not known:
            picture = self._reformatter.reformat(
                picture,
                format="gray" if bits <= 8 else "gray16le",
                src_color_range=AvColorRange.JPEG,
                dst_color_range=AvColorRange.JPEG,
            )
            form = picture.format
        if form.components[0].bits == 8:
            return _plane(picture, 0, np.dtype(np.uint8))
        counts = _plane(picture, 0, np.dtype(">u2" if form.is_big_endian else "<u2"))
        return counts.astype(np.uint16, copy=False)

    def _yuv(self, picture: av.VideoFrame) -> Planes:
        default: ColorRange = "full" if picture.format.name.startswith("yuvj") else "limited"
        color_range = _range(picture, default)
        name = picture.format.name
        matrix = self._matrix(picture)
        if name not in _PLANAR_420 and name not in _SEMI_PLANAR_420:
            same = AvColorRange.JPEG if color_range == "full" else AvColorRange.MPEG
            # From yuvj to yuvj: PyAV 14 would squeeze the picture into plain yuv420p in spite of the ranges given.
            target = "yuvj420p" if name.startswith("yuvj") else "yuv420p"
            picture = self._reformatter.reformat(picture, format=target, src_color_range=same, dst_color_range=same)
            name = picture.format.name
        byte = np.dtype(np.uint8)
        if name in _SEMI_PLANAR_420:
            pairs = _plane(picture, 1, byte, per_row=2)
            first, second = _SEMI_PLANAR_420[name]
            cb, cr = np.ascontiguousarray(pairs[:, first::2]), np.ascontiguousarray(pairs[:, second::2])
        else:
            cb, cr = _plane(picture, 1, byte), _plane(picture, 2, byte)
        luma = _plane(picture, 0, byte)
        if matrix is not None:
            # Not at the top: not every stream needs Numba. (swscale takes thirty times as long for it.)
            from kernels.matrix import to_bt601

            luma, cb, cr = to_bt601(luma, cb, cr, matrix, full=color_range == "full")
        chroma: Chroma | None = Chroma(cb, cr)
        if self._detect_grey and bool((cb == 128).all()) and bool((cr == 128).all()):
            chroma = None
        return Planes(luma, chroma, color_range)

    def _matrix(self, picture: av.VideoFrame) -> str | None:
        """Which matrix is to become BT.601; None: it is that already."""
        said = int(picture.colorspace)
        if said == _UNSAID and self._hd_is_709:
            return "bt709" if picture.width >= _HD_WIDTH_PX or picture.height >= _HD_HEIGHT_PX else None
        return _MATRICES.get(said)


def quarter_turns(rotation_deg: int) -> int | None:
    """Of a picture that is to be shown so much counterclockwise: how many quarter turns, 0 to 3, or None."""
    nearest = round(rotation_deg / 90)
    # PyAV cuts fractions off: 89 may be 90 less a rounding error.
    return nearest % 4 if abs(rotation_deg - 90 * nearest) <= 1 else None


def _turned(planes: Planes, quarters: int | None) -> Planes:
    """Contiguous copies. With odd sizes, chroma may lie one pixel aside afterwards."""
    luma, *chroma = (
        np.ascontiguousarray(np.rot90(plane, quarters or 0))
        for plane in (planes.luma, *((planes.chroma.cb, planes.chroma.cr) if planes.chroma else ()))
    )
    return Planes(luma, Chroma(*chroma) if chroma else None, planes.color_range)


def _range(picture: av.VideoFrame, default: ColorRange) -> ColorRange:
    if picture.color_range == AvColorRange.JPEG:
        return "full"
    return "limited" if picture.color_range == AvColorRange.MPEG else default


def _plane(picture: av.VideoFrame, index: int, dtype: np.dtype[Any], per_row: int = 1) -> NDArray[Any]:
    """A view on a plane, (height, width x ``per_row``): rows are contiguous, the pitch between them is FFmpeg's."""
    plane: Any = picture.planes[index]
    width, height = picture.width, picture.height
    if index > 0:
        width, height = chroma_size(width, height)
    pitch = abs(plane.line_size) // dtype.itemsize
    rows = np.frombuffer(plane, dtype, count=pitch * height).reshape(height, pitch)
    if plane.line_size < 0:
        rows = rows[::-1]
    return rows[:, : width * per_row]


def _packed_rgb(picture: av.VideoFrame) -> NDArray[np.uint8]:
    plane: Any = picture.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(picture.height, abs(plane.line_size))
    if plane.line_size < 0:
        rows = rows[::-1]
    return rows[:, : picture.width * 3].reshape(picture.height, picture.width, 3)


def video_stream(container: Any, name: str) -> Any:
    """The first video stream that is not a cover picture. Raises SourceError if there is none."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    raise SourceError(f"{name} has no video stream; give a file or URL with video in it")


def check_decoder(stream: Any, name: str) -> None:
    """Raises SourceError where FFmpeg has no decoder for a stream; PyAV then has no codec context for it."""
    if stream.codec_context is None:
        raise SourceError(f"{name}: no decoder for its video here; convert it to H.264 or HEVC")


def describe(stream: Any, name: str, *, frame_count: int | None, live: bool) -> StreamInfo:
    """What an opened PyAV video stream says of itself. Raises SourceError without a size or a decoder."""
    check_decoder(stream, name)
    context = stream.codec_context
    if not context.width or not context.height:
        raise SourceError(f"{name}: its video has no picture size; the stream is damaged or nothing was received")
    return StreamInfo(
        width=context.width,
        height=context.height,
        rate_hz=rate_of(stream),
        frame_count=frame_count,
        live=live,
        codec=context.name,
        pixel_format=context.pix_fmt or "unknown",
        pixel_aspect=_pixel_aspect(stream),
    )


def _pixel_aspect(stream: Any) -> Fraction:
    """The container's word goes before the codec's, as in players."""
    said = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return Fraction(said.numerator, said.denominator) if said else Fraction(1)


def rate_of(stream: Any) -> float | None:
    """Nominal frame rate in hertz; None if the stream gives none."""
    # PyAV 19 gives 0/1 (falsy) where 18 gives None.
    rate = stream.average_rate or stream.guessed_rate
    return float(Fraction(rate.numerator, rate.denominator)) if rate else None


def to_ns(pts: int, time_base: Any) -> int:
    """A time stamp in nanoseconds, exactly rounded down; works for PyAV 18's and 19's kinds of time base."""
    return int(pts) * int(time_base.numerator) * 1_000_000_000 // int(time_base.denominator)


TELLS_SENDER_TIME = hasattr(getattr(av.packet, "PacketSideData", None), "buffer_size")
"""Whether this PyAV gives the bytes of what accompanies a packet (from 16.1 on): the sender's time is there."""

_PRODUCER_TIME = struct.Struct("=q")


def sender_time_ns(packet: Any) -> int | None:
    """Unix time of a packet's stamp by its sender's clock, nanoseconds; None where the sender has not said.

    FFmpeg works it out from RTSP's sender reports and attaches it to packets as an ``AVProducerReferenceTime``, whose
    first member is the time in microseconds.
    """
    if not TELLS_SENDER_TIME or not packet.has_sidedata("prft"):
        return None
    return int(_PRODUCER_TIME.unpack_from(bytes(packet.get_sidedata("prft")))[0]) * 1000
