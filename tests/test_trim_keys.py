"""Keys of the viewer's window that change the trim: what they ask for, and what the window then says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import stream.sinks.screen
from stream.errors import CalibrationError, SourceError
from stream.frames import Picture
from stream.sinks import screen_process
from stream.sinks.screen import Screen
from stream.trim import NO_TRIM, Trim
from stream.trim_keys import HELP, TrimKeys, trim_of
from stream.viewer_trim import TrimByKeys


class Live:
    """Answers trim commands as ``live`` does."""

    def __init__(self) -> None:
        self.trim = {"shift_x_px": 0.0, "shift_y_px": 0.0, "scale": 1.0}
        self.saves = 0

    def __call__(self, command):
        assert command["command"] == "trim"
        self.trim.update({key: command[key] for key in self.trim if key in command})
        self.saves += bool(command.get("save"))
        return {"ok": True, "trim": dict(self.trim), "saved": "map.yaml" if command.get("save") else None}


@pytest.mark.parametrize(
    ("key", "trim"),
    [
        ("a", Trim(2, -5, 1.1)),
        ("d", Trim(4, -5, 1.1)),
        ("w", Trim(3, -6, 1.1)),
        ("S", Trim(3, -4, 1.1)),
        ("+", Trim(3, -5, 1.102)),
        ("=", Trim(3, -5, 1.102)),
        ("-", Trim(3, -5, 1.098)),
        ("0", NO_TRIM),
    ],
)
def test_a_key_moves_infrared(key, trim):
    command = TrimKeys().command(key, Trim(3, -5, 1.1))
    assert command is not None and trim_of({"trim": command}) == trim
    assert command["save"] is False


def test_coarse_steps_are_ten_times_as_large_and_f_goes_back():
    coarse = TrimKeys().after("f")
    assert coarse.command("d", NO_TRIM)["shift_x_px"] == 10 * TrimKeys().command("d", NO_TRIM)["shift_x_px"]
    assert coarse.after("F") == TrimKeys()


def test_keeping_changes_nothing():
    assert TrimKeys().command("k", Trim(3, 1, 1.1)) == {"command": "trim", "save": True}


def test_other_keys_ask_for_nothing():
    assert all(TrimKeys().command(key, NO_TRIM) is None for key in "xyz5 ")


def test_no_scale_beyond_a_trims():
    with pytest.raises(CalibrationError, match="scale"):
        TrimKeys(coarse=True).command("+", Trim(scale=1.25))


@pytest.mark.parametrize("answer", [{}, {"trim": 3}, {"trim": {"shift_x_px": 1.0, "scale": 1.0}}])
def test_an_answer_without_a_trim(answer):
    with pytest.raises(CalibrationError, match="no trim"):
        trim_of(answer)


def test_keys_are_carried_out_in_their_order():
    live = Live()
    keys = TrimByKeys("tcp://127.0.0.1:1", live)
    assert keys.text == HELP
    keys.press("ddwfs+k")
    assert live.trim == {"shift_x_px": 2.0, "shift_y_px": 9.0, "scale": 1.02} and live.saves == 1
    assert "+2, +9 px" in keys.text and "map.yaml" in keys.text


def test_what_somebody_else_has_set_is_built_on():
    live = Live()
    keys = TrimByKeys("tcp://127.0.0.1:1", live)
    keys.press("d")
    live.trim["shift_x_px"] = 40.0
    keys.press("d")
    assert live.trim["shift_x_px"] == 41.0


def test_a_live_that_is_gone_is_said_and_the_next_key_tried_again():
    def gone(command):
        raise SourceError("no answer within 2 s")

    keys = TrimByKeys("tcp://127.0.0.1:1", gone)
    keys.press("d")
    assert keys.text == "no answer within 2 s"
    keys.press("f")
    assert "coarse" in keys.text


FAKE_WINDOW = """
import sys
print("ready", flush=True)
sys.stdin.buffer.read(16 + 20 * 30)
print("dd+", end="", flush=True)
sys.stdin.buffer.read(16 + 20 * 30)
"""


def test_the_screen_hands_over_keys_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = tmp_path / "window.py"
    window.write_text(FAKE_WINDOW, encoding="utf-8")
    monkeypatch.setattr(screen_process, "__file__", str(window))
    monkeypatch.setattr(stream.sinks.screen, "require_display", lambda name: None)
    screen = Screen("view", "test")
    try:
        assert screen.keys() == ""
        assert screen.show(Picture(np.zeros((20, 30), np.uint8), None))
        keys = ""
        while len(keys) < 3:
            keys += screen.keys()
        assert keys == "dd+" and screen.keys() == ""
    finally:
        screen.close()
