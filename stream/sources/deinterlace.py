"""Interlaced pictures to whole ones, by FFmpeg's bwdif filter: one picture a frame, at the frame's own time."""

from __future__ import annotations

import logging
from typing import Any

import av
from av.filter import Graph

log = logging.getLogger("nightglass")

_FILTER = "mode=send_frame:parity=auto:deint=interlaced"


class Deinterlacer:
    """Gives one source's pictures on: at once until the first interlaced one, from then on after the one behind it.

    That delay is a frame. Pictures that are not marked interlaced pass as they are.
    """

    def __init__(self, name: str) -> None:
        """``name``: the source, for the log."""
        self._name = name
        self._graph: Graph | None = None
        self._form: tuple[Any, ...] | None = None
        self._is_needed = False

    def push(self, picture: av.VideoFrame) -> list[av.VideoFrame]:
        """The pictures that can be given on now. Raises av.FFmpegError where one cannot be filtered."""
        if not self._is_needed and not picture.interlaced_frame:
            return [picture]
        if not self._is_needed:
            self._is_needed = True
            log.warning("%s: its pictures are interlaced: they are deinterlaced, a frame later", self._name)
        form = (picture.width, picture.height, picture.format.name, picture.time_base)
        ready = self.flush() if form != self._form else []
        if self._graph is None:
            self._graph, self._form = _graph(picture), form
        self._graph.push(picture)
        return ready + _pulled(self._graph)

    def flush(self) -> list[av.VideoFrame]:
        """What is left, at the end."""
        graph, self._graph = self._graph, None
        if graph is None:
            return []
        graph.push(None)
        return _pulled(graph)


def _graph(picture: av.VideoFrame) -> Graph:
    graph = Graph()
    chain = [
        graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format, time_base=picture.time_base
        ),
        graph.add("bwdif", _FILTER),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*chain).configure()
    return graph


def _pulled(graph: Graph) -> list[av.VideoFrame]:
    pictures: list[av.VideoFrame] = []
    while True:
        try:
            picture = graph.pull()
        except (BlockingIOError, EOFError):
            return pictures
        assert isinstance(picture, av.VideoFrame)
        pictures.append(picture)
