"""The bench command for real, made small; and its arithmetic."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.processors import Processor, parse_cpuinfo, usable_processors
from stream.bench import Plan, run_benchmarks
from stream.benchmarking import conversion
from stream.benchmarking.conversion import ffmpeg_command, find_ffmpeg, measure_conversion
from stream.benchmarking.facts import first_line, machine_facts
from stream.benchmarking.inputs import RATE_HZ, write_pair
from stream.benchmarking.kernels import kernel_calls
from stream.benchmarking.table import conversion_lines, facts_lines, table
from stream.benchmarking.timing import LEAST_RUNS, WARM_UP_RUNS, measure_ms, spread
from stream.clock import SystemClock
from stream.config import RecordConfig
from stream.errors import NightglassError
from stream.sinks.effort import preset_for

FRAMES, SIZE = 6, (160, 128)
SMALL = Plan(sizes=((64, 48),), engine_s=0.0, kernel_s=0.0, frames=FRAMES, frame_size=SIZE, rounds=1, rounds_s=0.0)
needs_ffmpeg = pytest.mark.skipif(find_ffmpeg() is None, reason="needs an ffmpeg executable: make setup-system")


@dataclass
class Steps:
    """A clock that only the measured call moves."""

    now: int = 0
    durations_ms: list[int] = field(default_factory=list)
    calls: int = 0

    def monotonic_ns(self) -> int:
        return self.now

    def call(self) -> None:
        self.now += self.durations_ms[self.calls % len(self.durations_ms)] * 1_000_000
        self.calls += 1


def test_warm_up_does_not_count_and_the_budget_ends_it():
    clock = Steps(durations_ms=[900] * WARM_UP_RUNS + [10] * 1000)
    taken = measure_ms(clock.call, clock, budget_s=1.0)  # type: ignore[arg-type]
    assert taken.runs == 100 and taken.max == taken.median == 10
    assert clock.calls == WARM_UP_RUNS + 100


def test_slow_calls_are_measured_a_few_times_all_the_same():
    clock = Steps(durations_ms=[5000])
    assert measure_ms(clock.call, clock, budget_s=1.0).runs == LEAST_RUNS  # type: ignore[arg-type]


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=50))
def test_a_spread_is_in_order(values):
    found = spread(values)
    assert found.runs == len(values)
    assert found.min <= found.p10 <= found.median <= found.p90 <= found.max
    assert (found.min, found.max) == (min(values), max(values))


def test_a_spread_of_nothing():
    with pytest.raises(ValueError, match="no measurements"):
        spread([])


def test_tables_are_aligned():
    assert table(["a", "bb"], [["long name", "1"], ["x", "22.5"]]) == [
        "a            bb",
        "long name     1",
        "x          22.5",
    ]


@pytest.mark.parametrize(
    ("text", "model", "flags"),
    [
        (
            "processor : 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 sse avx512_bf16 amx_tile\n\n"
            "processor : 1\nmodel name : Other\nflags : fma\n",
            "Some CPU",
            {"fpu", "avx2", "sse", "avx512_bf16", "amx_tile"},
        ),
        ("processor : 0\nFeatures : fp asimd bf16\n", None, {"fp", "asimd", "bf16"}),
        ("", None, set()),
    ],
)
def test_cpuinfo(text, model, flags):
    assert parse_cpuinfo(text) == Processor(model, frozenset(flags))


def test_facts_know_this_machine():
    facts = machine_facts(SystemClock())
    assert facts["packages"]["numpy"] == np.__version__ and facts["packages"]["av"] == av.__version__
    assert facts["processors_usable"] >= 1
    assert (facts["ffmpeg"] is None) == (find_ffmpeg() is None)
    assert first_line(["/nonexistent"]) is None


def test_a_busy_machine_is_said():
    facts = machine_facts(SystemClock()) | {"processors_usable": 4}
    assert "WARNING" not in " ".join(facts_lines(facts | {"load_average_1min": 0.5}))
    assert "WARNING: the machine is busy" in " ".join(facts_lines(facts | {"load_average_1min": 3.5}))


def test_every_kernel_call_works_on_its_own():
    calls = kernel_calls()
    for call in calls.values():
        call()
    modules = {path.stem for path in (Path(__file__).parents[1] / "kernels").glob("*.py")}
    helpers = {"__init__", "bilinear", "blocks", "checks", "signatures", "reference", "gpu"}
    helpers |= {"projected", "scaled"}  # Measured as what they are for: "register".
    assert modules - helpers == {
        "agc",
        "chroma",
        "coverage",
        "detail",
        "halved",
        "level",
        "levels",
        "maps",
        "matrix",
        "palette",
        "register",
        "resize",
        "steady",
        "unrest",
    }, "a new kernel module: measure it too"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("pair"), FRAMES, SIZE, SystemClock())


def test_the_pair_is_h264_of_the_right_length(pair):
    for path in pair.values():
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            pictures = [frame.to_ndarray(format="gray") for frame in container.decode(stream)]
        assert len(pictures) == FRAMES and pictures[0].shape == SIZE[::-1]
        assert pictures[0].std() > 5


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    said: list[str] = []
    path = tmp_path_factory.mktemp("bench") / "new" / "r.json"
    run_benchmarks(path, said.append, SMALL)
    return said, json.loads(path.read_text())


def test_bench_measures_everything(bench):
    said, figures = bench
    assert {row["precision"] for row in figures["engine"]} >= {"fp32"}
    assert {row["kernel"] for row in figures["kernels"]} == set(kernel_calls())
    ours = figures["conversion"]["nightglass"]
    assert ours["command_s"]["runs"] == 1 and ours["command_s"]["median"] > 0
    assert ours["command_fps"]["median"] == pytest.approx(FRAMES / ours["command_s"]["median"], rel=1e-3)
    assert ours["report"]["frames_out"] == FRAMES and ours["output_bytes"] > 0
    assert (figures["conversion"]["width"], figures["conversion"]["height"]) == SIZE
    text = "\n".join(said)
    for part in ("openvino fp32 64x48", "apply_maps", "nightglass convert", "stages of that run"):
        assert part in text


@needs_ffmpeg
def test_bench_puts_ffmpeg_beside_it(bench):
    said, figures = bench
    theirs = figures["conversion"]["ffmpeg_blend"]
    assert theirs["command_s"]["runs"] == 1 and theirs["output_bytes"] > 0
    assert figures["conversion"]["why_no_ffmpeg"] is None
    assert any(line.startswith("ffmpeg blend=average") for line in said)


@needs_ffmpeg
def test_ffmpegs_command_averages_and_encodes_as_ours(pair, tmp_path):
    command = ffmpeg_command(find_ffmpeg() or "ffmpeg", pair, tmp_path / "out.mp4", FRAMES, SIZE)
    settings = RecordConfig(path="x")
    preset = preset_for(settings.preset, settings.codec, SIZE, RATE_HZ, usable_processors())
    joined = " ".join(command)
    assert f"-preset {preset} -crf {settings.crf} -threads {settings.threads}" in joined
    assert conversion._run(command) is None
    lumas = []
    for path in (pair["infrared"], pair["visible"], tmp_path / "out.mp4"):
        with av.open(str(path)) as container:
            lumas.append([frame.to_ndarray()[: SIZE[1]].astype(float) for frame in container.decode(video=0)])
    assert len(lumas[2]) == FRAMES
    assert np.abs(lumas[2][2] - (lumas[0][2] + lumas[1][2]) / 2).mean() < 4


def stand_in(path: Path, *, fails: bool) -> str:
    """An executable that only notes its turn (and writes the output), or fails."""
    path.write_text(
        "#!/bin/sh\n"
        + (
            'echo "first line" >&2; echo "no such filter" >&2; exit 3\n'
            if fails
            else 'for o; do :; done; echo f >> "$(dirname "$o")/turns"; echo x > "$o"\n'
        )
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def quick_ours(monkeypatch, tmp_path):
    """In place of our conversion, a process that writes what ours would, in no time."""
    report = {
        "frames_out": FRAMES,
        "fps": 1.0,
        "model": "stream",
        "engine": "openvino",
        "precision": "fp32",
        "stage_ms": {"decode": {"p50": 1.0}, "publish": {"p50": 0.0}},
    }

    def command(pair, output, report_path):
        script = f"echo n >> {tmp_path}/turns; echo x > {output}; echo '{json.dumps(report)}' > {report_path}"
        return ["sh", "-c", script]

    monkeypatch.setattr(conversion, "nightglass_command", command)
    return {role: tmp_path / f"{role}.mp4" for role in ("infrared", "visible")}


def test_turns_alternate_and_the_first_run_does_not_count(quick_ours, tmp_path):
    ffmpeg = stand_in(tmp_path / "ffmpeg", fails=False)
    found = measure_conversion(quick_ours, FRAMES, SIZE, SystemClock(), rounds=4, budget_s=60, ffmpeg=ffmpeg)
    assert (tmp_path / "turns").read_text().split() == ["n", "f", *"nf", *"fn", *"nf", *"fn"]
    assert found["nightglass"]["command_s"]["runs"] == found["ffmpeg_blend"]["command_s"]["runs"] == 4


def test_the_time_is_limited_but_for_the_least_rounds(quick_ours):
    found = measure_conversion(quick_ours, FRAMES, SIZE, SystemClock(), rounds=9, budget_s=0, ffmpeg=None)
    assert found["nightglass"]["command_s"]["runs"] == conversion.LEAST_ROUNDS


@pytest.mark.parametrize("there", [False, True])
def test_without_a_usable_ffmpeg_it_is_said(quick_ours, tmp_path, there):
    ffmpeg = stand_in(tmp_path / "ffmpeg", fails=True) if there else None
    found = measure_conversion(quick_ours, FRAMES, SIZE, SystemClock(), rounds=1, budget_s=0, ffmpeg=ffmpeg)
    assert found["ffmpeg_blend"] is None
    why = "no such filter" if there else "no ffmpeg executable on the PATH"
    assert why in found["why_no_ffmpeg"]
    text = "\n".join(conversion_lines(found))
    assert why in text and "publish" not in text


def test_a_conversion_of_ours_that_fails_is_an_error(tmp_path):
    pair = {role: tmp_path / f"{role}.mp4" for role in ("infrared", "visible")}
    with pytest.raises(NightglassError, match=r"our own conversion failed: .*no such file"):
        measure_conversion(pair, FRAMES, SIZE, SystemClock(), rounds=1, budget_s=0, ffmpeg=None)  # type: ignore[arg-type]
