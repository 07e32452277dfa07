"""The command line. Exit status: 0 done, 1 the run failed, 2 bad usage or configuration."""

from __future__ import annotations

import json
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from stream.clock import SystemClock
from stream.config import Mode, NightglassConfig, Palette, SourceConfig, load_config
from stream.distance import MOST_M
from stream.errors import IncompleteRun, NightglassError, UnequalLengths, UsageError
from stream.kernel_cache import need_kernel_cache
from stream.startup import hold_garbage, one_thread_for_algebra, release_garbage

log = logging.getLogger("nightglass")

app = typer.Typer(
    help="Nightglass: real-time infrared + visible video fusion.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="Configuration, YAML; see configs/.")]
ReportOption = Annotated[Path | None, typer.Option("--report", help="Write figures of the run to this JSON file.")]

_CLICK_ERROR: type[Exception] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""Base of all complaints about arguments: Click's, or in newer Typer that of a copy of Click without a public name."""

_RELEASES = ("convert", "live")
"""Commands that see to the search for garbage themselves, once they are ready."""

_RUNS_KERNELS = ("convert", "live", "calibrate", "bench", "view")

_INTERRUPTED = 128 + signal.SIGINT
"""What newer Typer gives for a KeyboardInterrupt, rather than raising Abort."""


@app.callback()
def _common(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more while running.")] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)
    if context.invoked_subcommand not in _RELEASES:
        release_garbage()
    import av

    # FFmpeg's own log goes nowhere: its handler can deadlock with Python threads, and it prints URLs with passwords.
    av.logging.set_level(None)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr
    )
    if context.invoked_subcommand in _RUNS_KERNELS:
        need_kernel_cache()


@app.command()
def convert(
    infrared: Annotated[str, typer.Option(help="Recording, folder of images, or sim:NAME.")],
    visible: Annotated[str, typer.Option(help="Recording, folder of images, or sim:NAME.")],
    output: Annotated[str, typer.Option(help=".mp4 or .mkv file, or a folder (end it in '/') for one PNG a pair.")],
    config: ConfigOption = None,
    mode: Annotated[Mode | None, typer.Option(help="What the output shows.")] = None,
    palette: Annotated[Palette | None, typer.Option(help="Colours of infrared pictures.")] = None,
    report: ReportOption = None,
    allow_unequal: Annotated[
        bool, typer.Option("--allow-unequal", help="Accept recordings of different length.")
    ] = False,
) -> None:
    """Fuse two recordings into a video or a folder of pictures."""
    from stream.overwrite import refuse_to_overwrite
    from stream.pipeline.offline import convert as run
    from stream.pipeline.offline import output_config
    from stream.progress import ProgressBar

    settings = _settings(config)
    settings = settings.model_copy(
        update={
            "infrared": _source(settings.infrared, infrared),
            "visible": _source(settings.visible, visible),
            "compose": settings.compose.model_copy(
                update={key: value for key, value in (("mode", mode), ("palette", palette)) if value is not None}
            ),
        }
    )
    settings = output_config(settings, output)
    if report is not None:
        refuse_to_overwrite("--report", report, [infrared, visible, output, *([config] if config is not None else [])])
    failure: IncompleteRun | None = None
    with ProgressBar("fusing") as bar:
        try:
            result = run(settings, SystemClock(), bar.update)
        except IncompleteRun as error:
            result, failure = error.report, error
    if report is not None:
        _write_report(result, report)
    if failure is not None and not (allow_unequal and isinstance(failure, UnequalLengths)):
        raise failure
    typer.echo(f"{output}: {result['frames_out']} frames, {result['fps']:.1f} fps")


@app.command()
def live(
    config: Annotated[Path, typer.Option("--config", help="Configuration, YAML; see configs/.")],
    duration: Annotated[float | None, typer.Option(help="Stop after this many seconds.", min=0.1)] = None,
    report: ReportOption = None,
) -> None:
    """Fuse two live cameras until stopped (Ctrl-C)."""
    from stream.overwrite import refuse_to_overwrite
    from stream.pipeline.live import Live

    settings = load_config(config)
    if report is not None:
        sources = [source.url for source in (settings.infrared, settings.visible) if source is not None]
        calibration = settings.registration.calibration
        refuse_to_overwrite("--report", report, [config, *sources, *([calibration] if calibration else [])])
    run = Live(settings, SystemClock())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A closed terminal ends it as Ctrl-C does; but nohup means that it shall not.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: run.stop())

    def ready() -> None:
        release_garbage()
        for address in run.addresses():
            typer.echo(f"page: {address}", err=True)
        typer.echo("live", err=True)

    result = run.run(duration, on_ready=ready)
    if report is not None:
        _write_report(result, report)
    typer.echo(f"{result['frames_out']} frames, {result['fps']:.1f} fps, dropped: {result['dropped'] or 'none'}")


@app.command()
def view(
    endpoint: Annotated[str, typer.Argument(help="Where a publisher is, such as tcp://127.0.0.1:5556.")],
    headless: Annotated[int | None, typer.Option(help="Print this many headers and no window.", min=1)] = None,
    stream: Annotated[
        Literal["fused", "infrared", "visible", "status"], typer.Option(help="Which of its streams.")
    ] = "fused",
    camera: Annotated[str | None, typer.Option(help="Which camera; the first one heard if not given.")] = None,
    timeout: Annotated[
        float, typer.Option(help="Seconds without a frame before giving up.", min=0.1, max=86_400)
    ] = 10.0,
    server_key: Annotated[str | None, typer.Option(help="CURVE: the publisher's public key, or a file.")] = None,
    client_key: Annotated[Path | None, typer.Option(help="CURVE: this viewer's secret key file.")] = None,
    control: Annotated[
        str | None, typer.Option(help="live's control.endpoint: keys in the window then correct its alignment.")
    ] = None,
) -> None:
    """Watch a published stream."""
    from stream import viewer
    from stream.viewer_trim import TrimByKeys

    if control is not None and headless is not None:
        raise UsageError("--control needs the window's keys: leave out --headless")

    keys = None
    if server_key is not None or client_key is not None:
        if server_key is None or client_key is None:
            raise UsageError("--server-key and --client-key go together: give both, or none")
        keys = viewer.ViewerKeys(server_key, client_key)
    clock = SystemClock()
    if headless is None:
        trim_keys = None if control is None else TrimByKeys(control)
        viewer.show(endpoint, timeout, clock, stream=stream, camera=camera, keys=keys, trim=trim_keys)
        return
    for header in viewer.headers(endpoint, headless, timeout, clock, stream=stream, camera=camera, keys=keys):
        typer.echo(json.dumps(header))


@app.command()
def calibrate(
    output: Annotated[Path, typer.Option(help="Calibration file to write; a picture to check it by goes beside it.")],
    infrared: Annotated[str, typer.Option(help="Infrared camera, recording, folder of images, or sim:NAME.")],
    visible: Annotated[str, typer.Option(help="Visible camera, recording, folder of images, or sim:NAME.")],
    points: Annotated[
        Path | None,
        typer.Option(help="YAML with 'points', measured by hand: a list of {infrared: [x, y], visible: [x, y]}."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=600, help="Footage to use. Clock drift takes some minutes.")
    ] = 30.0,
    distance_m: Annotated[
        float | None,
        typer.Option(help="Metres to what is in view: the map is for this distance.", min=0.01, max=MOST_M),
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Add to the maps of other distances in the file, in place of one of the same.")
    ] = False,
) -> None:
    """Find how infrared lies on visible, in space and time, in footage without a target, or take points by hand."""
    from stream.calibrate import Target, calibrate_by_hand, calibrate_from_footage
    from stream.overwrite import refuse_to_overwrite

    if add and distance_m is None:
        raise UsageError("--add needs the distance that the map is taken at: give --distance-m, too")
    target = Target(output, distance_m, add)
    inputs: list[str | Path] = [infrared, visible, *([points] if points is not None else [])]
    refuse_to_overwrite("--output", output, inputs)
    if points is None:
        refuse_to_overwrite("--output (its picture goes beside it)", target.picture_path(), inputs)
        lines = calibrate_from_footage(infrared, visible, target, SystemClock(), seconds)
    else:
        lines = calibrate_by_hand(infrared, visible, points, target, SystemClock())
    for line in lines:
        typer.echo(line)


EndpointOption = Annotated[str, typer.Option(help="The running live's control.endpoint.")]
_ANSWER_S = 5.0


@app.command()
def trim(
    endpoint: EndpointOption = "tcp://127.0.0.1:5557",
    shift_x: Annotated[float | None, typer.Option(help="Move infrared right by so many visible pixels.")] = None,
    shift_y: Annotated[float | None, typer.Option(help="Move infrared down by so many visible pixels.")] = None,
    scale: Annotated[float | None, typer.Option(help="Make infrared so much larger, about the middle.")] = None,
    distance_m: Annotated[
        float | None, typer.Option(help="Use the map for this distance, metres (a calibration of several).", min=0.01)
    ] = None,
    save: Annotated[
        bool,
        typer.Option("--save", help="Write it into the calibration file, and the time offset if live has changed it."),
    ] = False,
) -> None:
    """Correct a running live's alignment by hand; what is not given stays. Says what then holds."""
    from stream.control import send_command

    given = {"shift_x_px": shift_x, "shift_y_px": shift_y, "scale": scale, "distance_m": distance_m}
    command = {"command": "trim", "save": save, **{key: value for key, value in given.items() if value is not None}}
    answer = send_command(endpoint, command, _ANSWER_S)
    now = answer["trim"]
    line = f"shift {now['shift_x_px']:g}, {now['shift_y_px']:g} pixels, scale {now['scale']:g}"
    if answer["distance_m"] is not None:
        line += f", distance {answer['distance_m']:.4g} m"
    if answer["saved"]:
        line += f"; saved in {answer['saved']}"
        if answer["infrared_offset_ms"] is not None:
            line += f" with infrared_offset_ms {answer['infrared_offset_ms']:+g}"
    typer.echo(line)


@app.command()
def recalibrate(endpoint: EndpointOption = "tcp://127.0.0.1:5557") -> None:
    """Ask a running live to search for its alignment in what its cameras see now."""
    from stream.control import send_command

    send_command(endpoint, {"command": "recalibrate"}, _ANSWER_S)
    typer.echo("searching; live's log and status say what comes out")


@app.command()
def doctor() -> None:
    """Say what this machine has, what is missing, and how to get it."""
    from stream.doctor import diagnose

    found = diagnose()
    for line in found.lines():
        typer.echo(line)
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def bench(
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    frames: Annotated[
        int, typer.Option(min=1, help="Frames of the recordings that are converted, 30 a second; starting takes 2 s.")
    ] = 1800,
) -> None:
    """Measure engine, kernels and conversion, and FFmpeg's blend filter beside them."""
    from stream.bench import Plan, run_benchmarks

    run_benchmarks(json_path, typer.echo, Plan(frames=frames))


def main(argv: list[str] | None = None) -> int:
    """Run a command; every expected error is one line on the standard error stream."""
    one_thread_for_algebra()
    hold_garbage()
    from models.engines.base import EngineError

    try:
        status = app(argv, standalone_mode=False, prog_name="run_stream.py")
    except NightglassError as error:
        return _complain(error, error.exit_code)
    except EngineError as error:
        return _complain(error, 1)
    except _CLICK_ERROR as error:
        return _complain(_usage(error), 2)
    except (typer.Abort, KeyboardInterrupt):
        return _complain("interrupted", 1)
    finally:
        release_garbage()
    if status == _INTERRUPTED:
        return _complain("interrupted", 1)
    return status if isinstance(status, int) else 0


def _usage(error: Any) -> str:
    """What is wrong with the arguments, and where to read about them."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "run_stream.py"
    # Typer passes a validator's prefix on.
    return f"{error.format_message().replace('Value error, ', '').rstrip('.')}; see {command} --help"


def _complain(error: object, status: int) -> int:
    line = " ".join(str(error).split())
    print(f"nightglass: error: {line}", file=sys.stderr)
    return status


def _settings(path: Path | None) -> NightglassConfig:
    return NightglassConfig() if path is None else load_config(path)


def _source(settings: SourceConfig | None, url: str) -> SourceConfig:
    return SourceConfig(url=url) if settings is None else settings.model_copy(update={"url": url})


def _write_report(result: dict[str, Any], path: Path) -> None:
    from stream.pipeline.report import write_report

    write_report(result, path)
