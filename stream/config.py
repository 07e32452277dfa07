"""The one schema of configuration files. Unknown keys and wrong types are errors that name the key.

Values of a file can be overridden by command line options; defaults stand here and nowhere else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from models.engines import Resolution
from stream.distance import MOST_M
from stream.endpoint import check_endpoint, check_push_url, host_and_port, is_loopback
from stream.errors import ConfigError
from stream.schema import FilePath, StrictModel, describe, read_yaml
from stream.sources.credentials import why_unreadable

Mode = Literal["fused", "side-by-side", "pip", "infrared", "visible"]
Palette = Literal["white-hot", "black-hot", "ironbow", "rainbow", "arctic"]
Policy = Literal["latest", "block"]
ChromaMode = Literal["natural", "plain"]
EncoderPreset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]
StreamName = Literal["fused", "infrared", "visible", "status"]
PictureStream = Literal["fused", "infrared", "visible"]

PositiveMs = Annotated[float, Field(gt=0)]
UpToADayS = Annotated[float, Field(gt=0, le=86_400)]
"""What is waited for; beyond some centuries Python's waits fail."""
AnswerWithin = Annotated[float, Field(gt=0, le=2000)]
"""FFmpeg counts an RTSP server's time in microseconds of 32 bits."""


class RetryConfig(StrictModel):
    """How a lost camera is retried: exponential back-off with jitter."""

    first_ms: PositiveMs = 500.0
    max_ms: PositiveMs = 15_000.0
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.2


class SourceConfig(StrictModel):
    """One camera or recording. ``url``: file, folder of images, rtsp/srt/udp URL, V4L2 device, or ``sim:NAME``."""

    url: str
    transport: Literal["tcp", "udp"] = "tcp"
    timeout_s: AnswerWithin = 5.0
    stalled_after_s: UpToADayS = 2.0
    policy: Policy | None = None
    """None: ``latest`` for live sources, ``block`` for recordings."""
    depth: Annotated[int, Field(ge=1, le=256)] = 8
    decoder_threads: Annotated[int, Field(ge=0, le=64)] = 1
    realtime: bool = False
    """Play a recording, folder or simulator at its own rate, as a camera would."""
    loop: bool = False
    """Start a recording or folder again at its end (live only)."""
    width: Annotated[int, Field(ge=16)] | None = None
    """Asked of a V4L2 device."""
    height: Annotated[int, Field(ge=16)] | None = None
    rate_hz: Annotated[float, Field(gt=0)] | None = None
    """Asked of a V4L2 device; of a folder of images: its frame rate (default 25)."""
    retry: RetryConfig = RetryConfig()


class SyncConfig(StrictModel):
    """Pairing in time. ``master`` leads the output rate; a number is a fixed rate in hertz."""

    master: Literal["visible", "infrared"] | Annotated[float, Field(gt=0, le=240)] = "visible"
    max_skew_ms: PositiveMs | None = None
    """None: half the master's period."""
    deadline_ms: PositiveMs = 60.0
    """Live: how long a frame waits for its partner before the last one is held and the pair marked degraded."""
    infrared_offset_ms: float | None = None
    """Added to infrared capture times; positive when the infrared stream is stamped too early. None: what the
    calibration says, else 0. A number, also 0, stands for itself: the calibration's offset and drift are left out."""


class RegistrationConfig(StrictModel):
    """Infrared onto visible. Without a calibration infrared is scaled to the visible frame's size."""

    calibration: FilePath | None = None
    distance_m: Annotated[float, Field(gt=0, le=MOST_M)] | None = None
    """Of what matters, where the calibration has maps of several distances. None: as the calibration says."""

    @model_validator(mode="after")
    def _distance_of_a_calibration(self) -> RegistrationConfig:
        if self.distance_m is not None and self.calibration is None:
            raise ValueError("'distance_m' chooses among the maps of a calibration: set 'calibration', too")
        return self


class AlignmentConfig(StrictModel):
    """Live: looks now and then whether infrared still lies on visible, in space and in time."""

    monitor_s: Annotated[float, Field(ge=0.5)] | None = 6.0
    """Seconds between looks; None: no looks."""
    on_knock: Literal["warn", "recalibrate"] = "warn"
    """When a camera seems to have been knocked: say so, or also look for the new map and go over to it."""
    timing_s: Annotated[float, Field(ge=0)] = 20.0
    """Seconds between estimates of the time between the cameras, at least 5; 0: none, the offset stays."""

    @field_validator("timing_s")
    @classmethod
    def _off_or_not_too_often(cls, value: float) -> float:
        if 0 < value < 5:
            raise ValueError("must be at least 5, or 0 for none: each takes a fifth of a second of processor time")
        return value


class ControlConfig(StrictModel):
    """Live: commands from this machine. Bound to the loopback or a socket file only: there are no keys."""

    endpoint: str = "tcp://127.0.0.1:5557"

    @model_validator(mode="after")
    def _of_this_machine(self) -> ControlConfig:
        parts = urlsplit(self.endpoint)
        if not (parts.scheme == "ipc" or (parts.scheme == "tcp" and is_loopback(parts.netloc))):
            raise ValueError(f"endpoint {self.endpoint!r} must be tcp:// on the loopback (127.0.0.1), or ipc://")
        check_endpoint(self.endpoint)
        return self


class NormalizeConfig(StrictModel):
    """Infrared to 8 bit. ``auto``: ``plateau`` for 16-bit streams, ``none`` for 8-bit ones (the camera has done it)."""

    agc: Literal["auto", "none", "linear", "plateau"] = "auto"
    plateau: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Largest share of pixels one level may count for in plateau equalization."""
    clip_percent: Annotated[float, Field(ge=0, lt=50)] = 0.5
    smoothing_s: Annotated[float, Field(ge=0)] = 0.5
    """Time constant of the curve, so that a hot object entering does not pump the picture."""


class FusionConfig(StrictModel):
    """The student and what runs it."""

    model: str = "stream"
    engine: Literal["auto", "openvino", "torch", "cuda_graph"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Inference threads; 0: all processors."""
    resolution: Resolution = "auto"
    """At which the student looks. ``half``: at half the width and height, its weights act on every pixel; a quarter of
    the work. ``auto``: ``half`` from 0.8 megapixels on."""
    chroma: ChromaMode = "natural"
    """``natural``: the visible camera's colours as corrected by the student; ``plain``: as the camera gives them."""
    noise_reduction: bool = True
    """Raise the fused picture's finest detail, and calm its noise where neither camera sees anything move."""
    shutter: bool = True
    """Leave infrared out while it stands still because the thermal camera's shutter is closed."""


class ComposeConfig(StrictModel):
    """What the main output shows."""

    mode: Mode = "fused"
    palette: Palette = "white-hot"
    pip_scale: Annotated[float, Field(gt=0.05, le=0.5)] = 0.3


class RecordConfig(StrictModel):
    """A recording: MP4 or MKV by the path's ending, or a folder (ends in ``/``) of lossless PNG."""

    path: str
    codec: Literal["h264", "hevc", "ffv1"] = "h264"
    preset: EncoderPreset | Literal["auto"] = "auto"
    """How much effort the encoder makes; ``auto``: as much as leaves this machine time for the rest."""
    crf: Annotated[int, Field(ge=0, le=51)] = 20
    threads: Annotated[int, Field(ge=0, le=64)] = 0
    segment_s: Annotated[float, Field(gt=0)] | None = None
    """Live: start a new file every so many seconds. ``path`` then gets a time stamp before its ending."""


class CurveConfig(StrictModel):
    """CURVE encryption with an allow-list of client keys (Z85 text or paths of files that hold it)."""

    server_secret_key: FilePath
    allowed_client_keys: Annotated[list[str], Field(min_length=1)]


class ZeroMQConfig(StrictModel):
    """A publisher. Anything but the loopback needs ``curve``, or ``insecure: true`` said on purpose."""

    endpoint: str = "tcp://127.0.0.1:5556"
    streams: list[StreamName] = Field(default=["fused", "status"], min_length=1)
    format: Literal["jpeg", "i420", "gray8"] = "jpeg"
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = 85
    high_water_mark: Annotated[int, Field(ge=1, le=1_000_000)] = 2
    status_interval_s: UpToADayS = 1.0
    curve: CurveConfig | None = None
    insecure: bool = False

    @model_validator(mode="after")
    def _not_open_to_the_world(self) -> ZeroMQConfig:
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("tcp", "ipc", "inproc"):
            raise ValueError(f"endpoint {self.endpoint!r} must start with tcp://, ipc:// or inproc://")
        if parts.scheme == "tcp" and self.curve is None and not self.insecure and not is_loopback(parts.netloc):
            raise ValueError(
                f"endpoint {self.endpoint!r} is reachable from other machines: give 'curve' keys, "
                "or set 'insecure: true' if the network is trusted"
            )
        check_endpoint(self.endpoint)
        return self


class WebTlsConfig(StrictModel):
    """HTTPS: files in PEM. ``certificate`` with its chain, ``key`` without a passphrase."""

    certificate: FilePath
    key: FilePath


class WebConfig(StrictModel):
    """A page with the live picture. Anything but the loopback needs a password, or ``insecure: true`` on purpose."""

    listen: str = "127.0.0.1:8080"
    streams: list[PictureStream] = Field(default=["fused", "infrared", "visible"], min_length=1)
    """What viewers can choose from; the first is shown first."""
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = 80
    max_viewers: Annotated[int, Field(ge=1, le=1000)] = 16
    password_file: FilePath | None = None
    """Its first line is the password."""
    tls: WebTlsConfig | None = None
    hosts: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}$")]] = Field(default=[])
    """Names, without a port, by which browsers reach the page, beyond addresses and this machine's own name."""
    insecure: bool = False

    @field_validator("listen")
    @classmethod
    def _an_address(cls, value: str) -> str:
        host_and_port(value)
        return value

    @model_validator(mode="after")
    def _not_open_to_the_world(self) -> WebConfig:
        if self.password_file is None and not self.insecure and not is_loopback(self.listen):
            raise ValueError(
                f"listen {self.listen!r} is reachable from other machines: give a 'password_file', "
                f"or set 'insecure: true' to show the cameras to everybody who can reach it"
            )
        return self


class WindowConfig(StrictModel):
    """A window on this machine's screen."""

    title: str = "Nightglass"


class RtspConfig(StrictModel):
    """H.264 pushed to an RTSP server (ANNOUNCE, RECORD), from which viewers and recorders take it like a camera's."""

    url: str
    transport: Literal["tcp", "udp"] = "tcp"
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 5.0
    """For an answer of the server, and for it to take what is sent."""
    preset: EncoderPreset | Literal["auto"] = "auto"
    crf: Annotated[int, Field(ge=0, le=51)] = 23
    max_kbps: Annotated[int, Field(ge=100, le=1_000_000)] | None = None
    """What the video may need, kilobits a second; None: by its size and rate."""
    retry: RetryConfig = RetryConfig()

    @field_validator("url")
    @classmethod
    def _of_a_server(cls, value: str) -> str:
        return check_push_url(value)


class OutputsConfig(StrictModel):
    """Where pictures go; each output runs in its own thread and cannot hold up the others."""

    zeromq: ZeroMQConfig | None = None
    record: RecordConfig | None = None
    rtsp: RtspConfig | None = None
    window: WindowConfig | None = None
    web: WebConfig | None = None


class NightglassConfig(StrictModel):
    """A whole configuration: one pair of cameras."""

    camera: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "camera"
    infrared: SourceConfig | None = None
    visible: SourceConfig | None = None
    sync: SyncConfig = SyncConfig()
    registration: RegistrationConfig = RegistrationConfig()
    alignment: AlignmentConfig = AlignmentConfig()
    control: ControlConfig | None = None
    normalize: NormalizeConfig = NormalizeConfig()
    fusion: FusionConfig = FusionConfig()
    compose: ComposeConfig = ComposeConfig()
    outputs: OutputsConfig = OutputsConfig()


def parse_config(data: Any, origin: str) -> NightglassConfig:
    """Check parsed YAML. ``origin`` (the file's name) is named in errors. Raises ConfigError, one line."""
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"{origin}: a configuration is a mapping of keys, got {type(data).__name__}")
    try:
        config = NightglassConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {describe(error, NightglassConfig)}") from None
    for key, source in (("infrared", config.infrared), ("visible", config.visible)):
        if source is not None and (reason := why_unreadable(source.url)) is not None:
            raise ConfigError(f"{origin}: key '{key}.url': {reason}")
    return config


def load_config(path: Path) -> NightglassConfig:
    """Read and check a YAML file; relative paths in ``registration.calibration`` count from its folder.

    Raises ConfigError.
    """
    try:
        data = read_yaml(path)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file; see configs/ for examples") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error}") from None
    config = parse_config(data, str(path))
    calibration = config.registration.calibration
    if calibration is not None and not calibration.is_absolute():
        registration = config.registration.model_copy(update={"calibration": path.parent / calibration})
        config = config.model_copy(update={"registration": registration})
    return config
