"""Trims by hand: what they do to the map, the file they are kept in, and the commands that reach a running live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
import zmq
from cli_support import nightglass
from hypothesis import given, settings
from hypothesis import strategies as st
from live_support import SIM, LiveRun, free_port

from stream.calibration import Calibration, matrix_for
from stream.calibration_file import load_calibration, save_calibration, save_settings
from stream.control import ControlServer, send_command
from stream.errors import CalibrationError, SinkError, SourceError, UsageError
from stream.homography import apply, similarity
from stream.pipeline.commands import LiveCommands
from stream.registration import GLIDE_S, Registration
from stream.trim import NO_TRIM, Trim

SIZE = (640, 480)
trims = st.builds(Trim, st.floats(-100, 100), st.floats(-100, 100), st.floats(0.85, 1.2))


def calibration(trim: Trim = NO_TRIM) -> Calibration:
    return Calibration(similarity((320, 256), SIZE, 2.1, 1.5, (12, -8)), (320, 256), SIZE, "points", trim=trim)


@settings(max_examples=60)
@given(trim=trims, x=st.floats(0, 639), y=st.floats(0, 479), k=st.sampled_from([0.5, 1, 2, 3]))
def test_a_trim_moves_what_infrared_shows_right_down_and_away_from_the_middle(trim, x, y, k):
    """At any size of the visible picture: a trim belongs to the size of the calibration."""
    visible = (round(640 * k), round(480 * k))
    plain = apply(matrix_for(calibration(), (320, 256), SIZE), np.array([[x, y]]))
    middle = np.array([319.5, 239.5])
    there = middle + trim.scale * (np.array([x, y]) - middle) + (trim.shift_x_px, trim.shift_y_px)
    scaled = (there + 0.5) * k - 0.5
    got = apply(matrix_for(calibration(trim), (320, 256), visible), scaled[None])
    np.testing.assert_allclose(got, plain, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Trim(scale=1.5), "scale must be 0.8 to 1.25, got 1.5"),
        (lambda: Trim(float("nan")), "finite"),
        (lambda: calibration(Trim(161)), "at most 160 pixels"),
        (lambda: calibration(Trim(0, -161)), "at most 160 pixels"),
    ],
)
def test_what_is_no_trim(make, said):
    with pytest.raises(CalibrationError, match=said):
        make()


BY_HAND = """# My cameras
infrared_size: [320, 256]
visible_size: [640, 480]
scale: 2.1   # measured
rotate_deg: 1.5
"""


@settings(max_examples=20)
@given(first=trims, second=trims)
def test_a_saved_trim_replaces_the_one_before_and_leaves_the_rest_as_it_is(tmp_path_factory, first, second):
    path = tmp_path_factory.mktemp("trim") / "calibration.yaml"
    path.write_text(BY_HAND)
    for trim in (first, second):
        save_settings(path, calibration(trim))
        assert load_calibration(path).trim == trim
    assert path.read_text().startswith(BY_HAND)
    save_settings(path, calibration(Trim()))
    assert path.read_text() == BY_HAND and [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_trim_of_several_lines_is_replaced_whole(tmp_path):
    path = tmp_path / "calibration.yaml"
    path.write_text("trim:\n  shift_px: [3, 4]\n  scale: 1.1\n" + BY_HAND)
    assert load_calibration(path).trim == Trim(3, 4, 1.1)
    save_settings(path, calibration(Trim(1, 2)))
    assert path.read_text() == BY_HAND + "trim: {scale: 1.0, shift_px: [1, 2]}\n"


def test_a_trim_is_written_with_the_calibration(tmp_path):
    save_calibration(tmp_path / "c.yaml", calibration(Trim(2.5, -1, 1.01)))
    assert load_calibration(tmp_path / "c.yaml").trim == Trim(2.5, -1, 1.01)
    save_calibration(tmp_path / "c.yaml", calibration())
    assert "trim" not in (tmp_path / "c.yaml").read_text()


def test_a_file_that_is_no_calibration_is_left_alone(tmp_path):
    path = tmp_path / "calibration.yaml"
    path.write_text("visible_size: [640, 480]\n")
    with pytest.raises(CalibrationError, match="infrared_size"):
        save_settings(path, calibration(Trim(1)))
    assert path.read_text() == "visible_size: [640, 480]\n"
    path.write_text(BY_HAND + "trim: {shift: [1, 2]}\n")
    with pytest.raises(CalibrationError, match=r"unknown key 'trim\.shift'"):
        load_calibration(path)


def test_the_map_goes_over_to_a_trim_and_back_also_without_a_calibration():
    registration = Registration(None)
    with pytest.raises(CalibrationError, match="first frame"):
        registration.trim_to(Trim(4), 0)
    registration.at(SIZE, SIZE, 0)
    registration.trim_to(Trim(4), 0)
    assert registration.calibration.is_meant
    assert -4 < registration.at(SIZE, SIZE, round(GLIDE_S * 5e8)).matrix[0, 2] < -1
    assert registration.at(SIZE, SIZE, 2_000_000_000).matrix[0, 2] == pytest.approx(-4)
    registration.trim_to(Trim(), 2_000_000_000)
    assert (
        registration.at(SIZE, SIZE, 4_000_000_000).matrix[0, 2] == pytest.approx(0)
        and not registration.calibration.is_meant
    )


def commands_of(path: Path | None = None, given: Calibration | None = None, watched: bool = True) -> LiveCommands:
    return LiveCommands(given or calibration(), path, lambda: watched, lambda: None)


def test_what_a_command_does_not_name_stays():
    one = commands_of(given=calibration(Trim(5, 6, 1.02)))
    assert one.take_trim() is None
    assert one.handle({"command": "trim"}) == {
        "trim": {"shift_x_px": 5, "shift_y_px": 6, "scale": 1.02},
        "distance_m": None,
        "saved": None,
        "infrared_offset_ms": None,
    }
    assert one.take_trim() is None
    one.handle({"command": "trim", "shift_y_px": -1})
    assert one.take_trim() == Trim(5, -1, 1.02) and one.take_trim() is None


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ({}, "unknown command None"),
        ({"command": "reboot"}, "there are trim, recalibrate"),
        ({"command": "trim", "x": 1}, "unknown key 'x'"),
        ({"command": "trim", "scale": "1"}, "'scale' must be a number"),
        ({"command": "trim", "scale": True}, "'scale' must be a number"),
        ({"command": "trim", "scale": 2}, "0.8 to 1.25"),
        ({"command": "trim", "shift_x_px": 1000}, "a quarter of the visible width"),
        ({"command": "trim", "save": 1}, "'save' must be true or false"),
        ({"command": "trim", "save": True}, "set registration.calibration"),
        ({"command": "recalibrate"}, "set alignment.monitor_s"),
    ],
)
def test_commands_that_are_refused(command, said):
    one = commands_of(watched=False)
    with pytest.raises((UsageError, CalibrationError), match=said):
        one.handle(command)
    assert one.take_trim() is None


def test_a_found_map_takes_the_place_of_the_trim_and_is_saved_whole(tmp_path):
    path = tmp_path / "calibration.yaml"
    path.write_text(BY_HAND + "infrared_offset_ms: 40.0\ntrim: {shift_px: [7, 7]}\n")
    one = commands_of(path, load_calibration(path))
    one.found(Calibration(np.eye(3), SIZE, SIZE, "structure", score=0.9))
    one.handle({"command": "trim", "shift_x_px": 2, "save": True})
    saved = load_calibration(path)
    assert (saved.method, saved.trim, saved.infrared_offset_ms) == ("structure", Trim(2), 40.0)


def test_commands_over_a_socket():
    server = ControlServer("tcp://127.0.0.1:*", commands_of().handle)
    server.start()
    try:
        with pytest.raises(SinkError, match=r"control\.endpoint"):
            ControlServer(server.endpoint, commands_of().handle).start()
        answer = send_command(server.endpoint, {"command": "trim", "scale": 1.1}, 10)
        assert answer["trim"]["scale"] == 1.1
        with pytest.raises(UsageError, match="unknown command"):
            send_command(server.endpoint, {"command": "x"}, 10)
        context = zmq.Context()
        socket = context.socket(zmq.REQ)
        socket.connect(server.endpoint)
        trim = b'{"command": "trim", "%s": %s}'
        for request, said in (
            ([b"\xff{"], "not JSON"),
            ([b"[1]"], "must be a JSON object"),
            ([b"[" * 4000], "nested"),
            ([b'{"command": "trim"}'] * 2, "one message part"),
            ([trim % (b"shift_x_px", b"1" + b"0" * 3000)], "'shift_x_px' must be a number, not 1000"),
            ([trim % (b"distance_m", b"NaN")], "'distance_m' must be a number, not NaN"),
        ):
            socket.send_multipart(request)
            assert socket.poll(10_000), "no answer: the server's thread has ended"
            assert said in socket.recv_json()["error"]
        context.destroy(linger=0)
        assert send_command(server.endpoint, {"command": "recalibrate"}, 10)["ok"]
    finally:
        server.stop()
    with pytest.raises(SourceError, match="no answer within"):
        send_command(f"tcp://127.0.0.1:{free_port()}", {"command": "trim"}, 0.2)
    with pytest.raises(UsageError, match=r"control\.endpoint"):
        send_command("nonsense", {"command": "trim"}, 0.2)


def test_a_running_live_is_trimmed_saved_and_asked_for_a_search(tmp_path: Path):
    path = tmp_path / "calibration.yaml"
    path.write_text("infrared_size: [128, 96]\nvisible_size: [128, 96]\nscale: 1.0\n")
    control = f"tcp://127.0.0.1:{free_port()}"
    more = {
        "control": {"endpoint": control},
        "registration": {"calibration": str(path)},
        "alignment": {"monitor_s": 0.5},
    }
    with LiveRun(tmp_path, {"url": SIM}, {"url": SIM}, **more) as run:
        run.until(lambda one: one["alignment"] is not None and one["alignment"]["score"] is not None)
        done = nightglass("trim", "--endpoint", control, "--shift-x", "2", "--scale", "1.01", "--save")
        assert done.code == 0, done.err
        assert done.out.strip() == f"shift 2, 0 pixels, scale 1.01; saved in {path}"
        assert nightglass("recalibrate", "--endpoint", control).code == 0
        refused = nightglass("trim", "--endpoint", control, "--scale", "3")
        assert refused.code == 2 and "0.8 to 1.25" in refused.error
        report = run.finish()
    assert load_calibration(path).trim == Trim(2, 0, 1.01)
    assert report["alignment"]["looks"] > 0
    assert yaml.safe_load(path.read_text())["scale"] == 1.0
