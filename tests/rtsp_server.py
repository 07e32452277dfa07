"""A real RTSP server for tests and demonstrations, on GStreamer's own server library.

    python3 tests/rtsp_server.py --port 8554 --mount /ir=infrared.mp4 --mount /vi=visible.mp4
    python3 tests/rtsp_server.py --port 0 --mount /test=videotestsrc

Runs with the system's Python (Debian: gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-{base,good,bad,ugly}).
A video file is encoded at start with the system's ``ffmpeg`` to H.264 without B-frames and with a key frame twice a
second; a file that ends in ``.h264`` is served as it is (it needs access unit delimiters: x264 ``aud=1``). All mounts
play from one clock, so that frame n of every file is sent at the same moment, over and over, whenever a client comes;
files of different length are cut to the shortest so that they stay in step over the loops.
Prints one URL a line, then READY.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

_USER_ROLE = "user"
_DELIMITER = b"\x00\x00\x00\x01\x09"


def encode(video: Path, rate: int, folder: Path) -> Path:
    """Encode a video file to an H.264 byte stream that can be cut at every access unit."""
    result = folder / f"{len(list(folder.iterdir()))}.h264"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(video), "-an", "-vf", f"fps={rate}"]
    command += ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-bf", "0"]
    command += ["-x264-params", f"aud=1:keyint={max(1, rate // 2)}:scenecut=0:sliced-threads=0"]
    subprocess.run([*command, "-f", "h264", str(result)], check=True)
    return result


def access_units(stream: bytes) -> list[bytes]:
    """Cut an H.264 byte stream before every access unit delimiter (ITU-T H.264, 7.4.1.2.3)."""
    starts = []
    position = stream.find(_DELIMITER)
    while position >= 0:
        starts.append(position)
        position = stream.find(_DELIMITER, position + 1)
    if not starts:
        raise SystemExit("the .h264 file has no access unit delimiters: encode it with x264 aud=1")
    return [stream[a:b] for a, b in zip(starts, [*starts[1:], len(stream)])]  # noqa: B905 (Python 3.9)


def is_key(unit: bytes) -> bool:
    """Whether an access unit holds a sequence parameter set, which x264 puts before every key frame."""
    return b"\x00\x00\x01\x67" in unit or b"\x00\x00\x01\x27" in unit


class Feeder:
    """Pushes a file's access units into one running media at the moments that the common clock gives."""

    def __init__(self, source, units: list[bytes], keys: list[bool], rate: int, start_s: float) -> None:
        self._source, self._units, self._keys = source, units, keys
        self._rate, self._start_s = rate, start_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, *_unused) -> None:
        self._stopped.set()

    def _run(self) -> None:
        number = int((time.monotonic() - self._start_s) * self._rate) + 1
        while not self._keys[number % len(self._units)]:
            number += 1
        first = number
        base_ns = None
        while not self._stopped.is_set():
            wait_s = self._start_s + number / self._rate - time.monotonic()
            if wait_s > 0 and self._stopped.wait(wait_s):
                return
            if base_ns is None:
                base_ns = self._running_ns(number)
                if base_ns is None:  # Not playing yet: try again with the next key frame.
                    number += 1
                    while not self._keys[number % len(self._units)]:
                        number += 1
                    first = number
                    continue
            buffer = Gst.Buffer.new_wrapped(self._units[number % len(self._units)])
            buffer.pts = buffer.dts = base_ns + (number - first) * Gst.SECOND // self._rate
            buffer.duration = Gst.SECOND // self._rate
            if self._source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                return
            number += 1

    def _running_ns(self, number: int) -> int | None:
        """The media's running time at a frame's own moment, however late it is sent; None before the media plays."""
        clock = self._source.get_clock()
        if clock is None:
            return None
        late_s = time.monotonic() - (self._start_s + number / self._rate)
        running_ns = clock.get_time() - self._source.get_base_time() - int(late_s * Gst.SECOND)
        return running_ns if running_ns >= 0 else None


class FileFactory(GstRtspServer.RTSPMediaFactory):
    """Serves one list of access units; all clients share one media."""

    def __init__(self, units: list[bytes], rate: int, start_s: float) -> None:
        super().__init__()
        self._units, self._rate, self._start_s = units, rate, start_s
        self._keys = [is_key(unit) for unit in units]
        self.set_launch(
            "( appsrc name=source is-live=true format=time do-timestamp=false max-bytes=4000000 block=false "
            f"caps=video/x-h264,stream-format=byte-stream,alignment=au,framerate={rate}/1 "
            "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
        )
        self.set_shared(True)
        self.connect("media-configure", self._configure)

    def _configure(self, _factory, media) -> None:
        source = media.get_element().get_by_name("source")
        feeder = Feeder(source, self._units, self._keys, self._rate, self._start_s)
        media.connect("unprepared", feeder.stop)
        feeder.start()


def test_factory(rate: int) -> GstRtspServer.RTSPMediaFactory:
    """A moving test picture, 320x240, encoded as it is sent."""
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate={rate}/1 "
        f"! x264enc tune=zerolatency speed-preset=ultrafast bframes=0 key-int-max={max(1, rate // 2)} threads=1 "
        "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
    )
    factory.set_shared(True)
    return factory


def require_password(server: GstRtspServer.RTSPServer, factories: list, user: str, password: str) -> None:
    """Basic authentication for all mounts."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, _USER_ROLE)
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    for factory in factories:
        factory.add_role_from_structure(
            Gst.Structure.from_string(
                f"{_USER_ROLE}, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
            )[0]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8554, help="0: any free port")
    parser.add_argument("--mount", action="append", required=True, metavar="/PATH=FILE", help="file or videotestsrc")
    parser.add_argument("--rate", type=int, default=30, help="frames a second (30)")
    parser.add_argument("--user", metavar="NAME:PASSWORD", help="ask clients for this user and password")
    arguments = parser.parse_args()
    Gst.init(None)

    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(arguments.port))
    streams: dict[str, list[bytes] | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        for mount in arguments.mount:
            path, _, what = mount.partition("=")
            if what == "videotestsrc":
                streams[path] = None
                continue
            file = Path(what)
            if not file.is_file():
                parser.error(f"no such file: {what}")
            encoded = file if file.suffix == ".h264" else encode(file, arguments.rate, Path(folder))
            streams[path] = access_units(encoded.read_bytes())

    shortest = min((len(units) for units in streams.values() if units), default=0)
    start_s = time.monotonic()
    factories = []
    for path, units in streams.items():
        factory = FileFactory(units[:shortest], arguments.rate, start_s) if units else test_factory(arguments.rate)
        server.get_mount_points().add_factory(path, factory)
        factories.append(factory)
    if arguments.user:
        require_password(server, factories, *arguments.user.split(":", 1))
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on port {arguments.port}")
    for path in streams:
        print(f"rtsp://127.0.0.1:{server.get_bound_port()}{path}")
    print("READY", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
