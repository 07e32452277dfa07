"""The window and the window viewer on a real X server without a monitor (Xvfb), looked at through its frame buffer."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sinks_support import fused, scene

from stream.config import WindowConfig
from stream.errors import SinkError
from stream.sinks.window import Window

pytestmark = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb (Debian: apt install xvfb)")

GREY, BLUE = (200, 200, 200), (71, 71, 248)
"""RGB of what the programs below show: luma 200 without chroma; luma 91, Cb 217, Cr 114."""

COMMON = """
import sys, threading
import numpy as np
from sinks_support import fused
from stream.clock import SystemClock
from stream.frames import Chroma, Picture
grey = Picture(np.full((200, 300), 200, np.uint8), None)
blue = Picture(np.full((200, 300), 91, np.uint8),
               Chroma(np.full((100, 150), 217, np.uint8), np.full((100, 150), 114, np.uint8)))
clock = SystemClock()
"""

WINDOW = """
from stream.config import WindowConfig
from stream.sinks.window import Window
import av  # before OpenCV: their X libraries do not get on in one process
window = Window(WindowConfig(title="test"))
window.open()
for seq, picture in enumerate([grey] * 20 + [blue] * 20):
    window.write(picture, fused(picture, seq))
    clock.sleep_s(0.02)
    if seq in (19, 39):
        print("shown", flush=True)
        sys.stdin.readline()
window.close()
window.close()
print("closed", flush=True)
"""

VIEWER = """
from stream.config import ZeroMQConfig
from stream.sinks.publisher import ZeroMQPublisher
import stream.viewer
sink = ZeroMQPublisher(ZeroMQConfig(endpoint="tcp://127.0.0.1:*"), "gate", "fused", "white-hot", clock, dict)
sink.open()
def work():
    for seq in range(100_000):
        sink.write(blue, fused(blue, seq, clock.now_ns()))
        clock.sleep_s(0.02)
threading.Thread(target=work, daemon=True).start()
stream.viewer.show(sink.endpoint, 60.0, clock)
"""


KEYS = """
from stream.sinks.screen import Screen
window = Screen("view", "keys")
pressed = ""
for _ in range(1500):
    assert window.show(grey)
    pressed += window.keys()
    if len(pressed) >= 3:
        break
    clock.sleep_s(0.02)
print(pressed, flush=True)
sys.stdin.readline()  # the window stays while keys are released
window.close()
"""


@contextmanager
def screen(folder: Path) -> Iterator[str]:
    """An X server with its frame buffer in ``folder``, made if need be; its display's name."""
    folder.mkdir(exist_ok=True)
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "640x480x24", "-fbdir", str(folder)]
    server = subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    try:
        with os.fdopen(read_end) as pipe:
            yield f":{pipe.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


def colours(folder: Path) -> np.ndarray:
    """What the screen shows now, RGB (480, 640, 3), from the server's XWD dump (X11/XWDFile.h)."""
    data = (folder / "Xvfb_screen0").read_bytes()
    header = struct.unpack_from(">25I", data)
    width, height, line_bytes, colour_count = header[4], header[5], header[12], header[19]
    start = header[0] + colour_count * 12
    rows = np.frombuffer(data, np.uint8, height * line_bytes, start).reshape(height, line_bytes)
    return rows[:, : width * 4].reshape(height, width, 4)[..., 2::-1]


def share(folder: Path, rgb: tuple[int, int, int]) -> float:
    return float((np.abs(colours(folder).astype(int) - rgb).max(axis=2) <= 6).mean())


@contextmanager
def program(code: str, display: str) -> Iterator[subprocess.Popen[str]]:
    tests = Path(__file__).parent
    path = os.pathsep.join([str(tests), str(tests.parent)])
    process = subprocess.Popen(
        [sys.executable, "-c", COMMON + code],
        env={**os.environ, "PYTHONPATH": path, "DISPLAY": display},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def showing(code: str, folder: Path, rgb: tuple[int, int, int]) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    """A program of which the screen shows a colour, that screen's name, and its folder.

    Six programs are tried: on a busy machine Qt now and then does not learn from a bare X server that its window is
    there, and then never draws (no request leaves it, for as long as it runs). A window manager maps windows again.
    """
    for attempt in range(6):
        own = folder / str(attempt)
        with screen(own) as display, program(code, display) as process:
            if shown(own, rgb, process):
                yield process, display, own
                return
    raise AssertionError(f"six programs, and none showed {rgb}")


def shown(folder: Path, rgb: tuple[int, int, int], process: subprocess.Popen[str]) -> bool:
    """Whether a 300x200 picture of a colour (0.195 of the screen) appears before the program ends or is overdue."""
    for _ in range(100):
        if share(folder, rgb) > 0.15:
            return True
        if process.poll() is not None:
            break
        threading.Event().wait(0.1)
    return False


def test_window_shows_grey_then_colour_and_closes(tmp_path: Path) -> None:
    with showing(WINDOW, tmp_path, GREY) as (process, _, folder):
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "shown\n"
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "shown\n"
        assert shown(folder, BLUE, process)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "closed\n"


def test_a_lost_screen_is_a_sink_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(WindowConfig())
    with screen(tmp_path) as display:
        monkeypatch.setenv("DISPLAY", display)
        window.open()
        window.write(scene(0), fused(scene(0), 0))
    with pytest.raises(SinkError, match="the window's process ended"):
        for seq in range(200):
            window.write(scene(seq), fused(scene(seq), seq))
            threading.Event().wait(0.05)
    window.close()


def test_viewer_shows_the_stream_with_its_age(tmp_path: Path) -> None:
    with showing(VIEWER, tmp_path, BLUE) as (_, _, folder):
        white = (colours(folder) == 255).all(axis=2)
        assert white.sum() > 20  # the age's digits


@pytest.mark.skipif(shutil.which("xdotool") is None, reason="needs xdotool (Debian: apt install xdotool)")
def test_keys_pressed_in_the_window_come_back(tmp_path: Path) -> None:
    with showing(KEYS, tmp_path, GREY) as (process, display, _):
        press = ["xdotool", "search", "--name", "keys", "windowfocus", "key", "--delay", "200", "d", "plus", "k"]
        subprocess.run(press, env={**os.environ, "DISPLAY": display}, check=True, timeout=60)
        assert process.stdout is not None and process.stdout.readline().strip() == "d+k"
