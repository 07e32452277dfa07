"""The window's own process: shows what comes on standard input. Run as a script, with nothing of ours imported.

It is a process of its own because OpenCV's window hangs for ever where PyAV was imported before it (both bring an
X client library of their own), and because its Qt ends the process when the X server goes.

Input: for each picture ``HEADER`` (height, width, channels, length of the caption), the caption (UTF-8), and the
pixels (grey, or BGR). Output: one line, ``ready`` or what is wrong; then the keys that are pressed, a
byte each (printable ASCII). It ends when its input does, or when the user
closes the window or presses Q or Escape.
"""

from __future__ import annotations

import io
import select
import struct
import sys

HEADER = struct.Struct("<IIII")
_EVENTS_MS = 30
_KEYS_THAT_END = (ord("q"), 27)


def main(title: str) -> None:
    """Show pictures from standard input until it ends or the window is closed."""
    try:
        import cv2
        import numpy as np
    except ImportError as error:
        print(f"OpenCV cannot be loaded ({error}); install libGL (Debian: apt install libgl1 libglib2.0-0)", flush=True)
        return
    try:
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    except cv2.error:
        print("this OpenCV has no windows; replace opencv-python-headless by opencv-python", flush=True)
        return
    print("ready", flush=True)
    size = None
    pipe = io.FileIO(sys.stdin.fileno(), closefd=False)  # unbuffered, so that select tells the truth
    while True:
        if select.select([pipe], [], [], _EVENTS_MS / 1000)[0]:
            header = _read(pipe, HEADER.size)
            if header is None:
                break
            height, width, channels, caption_bytes = HEADER.unpack(header)
            body = _read(pipe, caption_bytes + height * width * channels)
            if body is None:
                break
            pixels = np.frombuffer(body, np.uint8, offset=caption_bytes).reshape(height, width, channels)
            if caption_bytes:
                pixels = pixels.copy()
                for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
                    caption = body[:caption_bytes].decode("utf-8")
                    cv2.putText(pixels, caption, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, thickness, cv2.LINE_AA)
            if (width, height) != size:
                size = (width, height)
                cv2.resizeWindow(title, width, height)
            cv2.imshow(title, pixels)
        key = cv2.waitKey(1)
        if key in _KEYS_THAT_END:
            break
        if 32 < key < 127:
            print(chr(key), end="", flush=True)
        try:
            closed = size is not None and cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:  # some versions of OpenCV know nothing any more of a window the user has closed
            closed = True
        if closed:
            break


def _read(pipe: io.FileIO, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        more = pipe.read(size - len(data))
        if not more:
            return None
        data += more
    return bytes(data)


if __name__ == "__main__":
    main(sys.argv[1])
