"""The configuration schema: what it accepts, what it says when it does not, and that the documents agree with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from stream.calibration_file import load_calibration
from stream.config import NightglassConfig, SyncConfig, load_config, parse_config
from stream.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
STREAM_CONFIGS = [path for path in CONFIGS if path.stem in ("live-sim", "live-rtsp", "convert")]


def message_of(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse_config(yaml.safe_load(text), "my.yaml")
    message = str(error.value)
    assert message.startswith("my.yaml: ") and "\n" not in message
    assert error.value.exit_code == 2
    return message


def test_nothing_at_all_is_a_configuration():
    assert parse_config(None, "my.yaml") == parse_config({}, "my.yaml") == NightglassConfig()


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("sync: {deadline_ms: 80}", "sync.deadline_ms", 80.0),
        ("sync: {master: 25}", "sync.master", 25.0),
        ("sync: {master: 12.5}", "sync.master", 12.5),
        ("sync: {master: infrared}", "sync.master", "infrared"),
        ("sync: {max_skew_ms: null}", "sync.max_skew_ms", None),
        ("registration: {calibration: a/b.yaml}", "registration.calibration", Path("a/b.yaml")),
        ("infrared: {url: x, rate_hz: 9}", "infrared.rate_hz", 9.0),
        ("infrared: null", "infrared", None),
        ("fusion: {chroma: plain}", "fusion.chroma", "plain"),
        ("outputs: {zeromq: {streams: [infrared]}}", "outputs.zeromq.streams", ["infrared"]),
        ("outputs: {rtsp: {url: 'rtsp://a:p%40@[::1]:8554/x'}}", "outputs.rtsp.url", "rtsp://a:p%40@[::1]:8554/x"),
        ("outputs: {record: {path: a.mkv, segment_s: 60}}", "outputs.record.segment_s", 60.0),
    ],
)
def test_accepted(text, key, value):
    found: Any = parse_config(yaml.safe_load(text), "my.yaml")
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("snyc: {}", ["unknown key 'snyc'", "allowed here", "sync"]),
        ("infrared: {ulr: x}", ["'infrared.url' is required", "unknown key 'infrared.ulr'", "transport"]),
        ("infrared: {url: x, retry: {frist_ms: 1}}", ["'infrared.retry.frist_ms'", "first_ms, jitter, max_ms)"]),
        ("outputs: {record: {path: x, crt: 1}}", ["'outputs.record.crt'", "crf"]),
        ("sync: {master: sideways}", ["'sync.master'", "'visible' or 'infrared' or", "number", "(got 'sideways')"]),
        ("sync: {master: 500}", ["'sync.master'", "less than or equal to 240", "(got 500)"]),
        ("sync: {master: true}", ["'sync.master'"]),
        ("sync: {deadline_ms: '60'}", ["'sync.deadline_ms'", "number", "'60'"]),
        ("sync: {deadline_ms: yes}", ["'sync.deadline_ms'", "number", "True"]),
        ("sync: {deadline_ms: .inf}", ["'sync.deadline_ms'", "finite"]),
        ("sync: {max_skew_ms: .nan}", ["'sync.max_skew_ms'", "finite"]),
        ("sync: {max_skew_ms: 0}", ["'sync.max_skew_ms'", "greater than 0"]),
        ("sync:", ["'sync' must hold keys of its own", "deadline_ms", "remove it if it is empty"]),
        ("infrared: camera.mp4", ["'infrared' must hold keys of its own", "url", "'camera.mp4'"]),
        ("infrared: {url: x, depth: 0}", ["'infrared.depth'", "greater than or equal to 1"]),
        ("infrared: {url: x, depth: 8.0}", ["'infrared.depth'", "integer"]),
        ("infrared: {url: x, policy: lastest}", ["'infrared.policy'", "'latest' or 'block'", "'lastest'"]),
        ("fusion: {chroma: vivid}", ["'fusion.chroma'", "'natural' or 'plain'", "(got 'vivid')"]),
        ("compose: {mode: fusd}", ["'compose.mode'", "'side-by-side'", "'fusd'"]),
        ("registration: {calibration: 3}", ["'registration.calibration'", "path"]),
        ("registration: {calibration: ''}", ["'registration.calibration'", "path"]),
        ("camera: a/b", ["'camera'", "pattern", "'a/b'"]),
        ("outputs: {zeromq: {streams: [fused, fusd]}}", ["'outputs.zeromq.streams.1'", "'status'"]),
        ("outputs: {zeromq: {streams: []}}", ["'outputs.zeromq.streams'", "at least 1"]),
        ("outputs: {zeromq: {endpoint: 'tcp://0.0.0.0:5556'}}", ["'outputs.zeromq'", "curve", "insecure: true"]),
        ("outputs: {zeromq: {endpoint: 'udp://127.0.0.1:5'}}", ["'outputs.zeromq'", "tcp://, ipc:// or inproc://"]),
        ("outputs: {zeromq: {endpoint: 'tcp://127.0.0.1:99999'}}", ["'outputs.zeromq'", "up to 65535", "'99999'"]),
        ("outputs: {zeromq: {endpoint: 'tcp://127.0.0.1'}}", ["'outputs.zeromq'", "has no port"]),
        ("control: {endpoint: 'tcp://127.0.0.1'}", ["'control'", "has no port"]),
        ("outputs: {web: {listen: '0.0.0.0:8080'}}", ["'outputs.web'", "password_file", "insecure: true"]),
        ("outputs: {web: {listen: ':8080'}}", ["'outputs.web.listen'", "127.0.0.1:8080"]),
        ("outputs: {web: {listen: '127.0.0.1:99999'}}", ["'outputs.web.listen'", "up to 65535"]),
        ("outputs: {web: {streams: [status]}}", ["'outputs.web.streams.0'", "'fused'"]),
        ("outputs: {web: {hosts: ['http://a/']}}", ["'outputs.web.hosts.0'"]),
        ("outputs: {web: {tls: {certificate: a}}}", ["'outputs.web.tls.key' is required"]),
        ("outputs: {zeromq: {high_water_mark: 9999999999}}", ["'outputs.zeromq.high_water_mark'", "1000000"]),
        ("outputs: {zeromq: {status_interval_s: 1.0e+300}}", ["'outputs.zeromq.status_interval_s'", "86400"]),
        ("infrared: {url: x, timeout_s: 1.0e+300}", ["'infrared.timeout_s'", "2000"]),
        ("outputs: {rtsp: {url: 'http://host/gate'}}", ["'outputs.rtsp.url'", "rtsp://user:password@host:8554/gate"]),
        ("outputs: {rtsp: {url: gate}}", ["'outputs.rtsp.url'", "RTSP server", "'gate'"]),
        ("outputs: {rtsp: {url: 'rtsp://host:8554'}}", ["'outputs.rtsp.url'", "must name a path"]),
        ("outputs: {rtsp: {url: 'rtsp://:8554/gate'}}", ["'outputs.rtsp.url'", "must name a host"]),
        ("outputs: {rtsp: {url: 'rtsp://host:99999/gate'}}", ["'outputs.rtsp.url'", "number up to 65535"]),
        ("outputs: {rtsp: {url: 'rtsp://a:b/c@host/gate'}}", ["'outputs.rtsp.url'", "percent-encode", "a:***@host"]),
        ('outputs: {rtsp: {url: "rtsp://host/a\\r\\nX: y"}}', ["'outputs.rtsp.url'", "control characters"]),
        ("outputs: {rtsp: {url: 'rtsp://h/x', transport: http}}", ["'outputs.rtsp.transport'", "'tcp' or 'udp'"]),
        ("infrared: &a [*a]", ["'infrared'", "holds itself"]),
        ("outputs: {zeromq: {curve: {server_secret_key: a, allowed_client_keys: []}}}", ["allowed_client_keys'"]),
        ("{a: 1, b: 2, c: 3, d: 4, e: 5}", ["'a'", "'b'", "'c'", "and 2 more"]),
        ("[a]", ["mapping of keys, got list"]),
        ("{1: x}", ["'1'", "strings"]),
        ('{"a\\nb": x}', ["unknown key 'a b'"]),
    ],
)
def test_refused_naming_the_key_and_what_is_allowed(text, said):
    message = message_of(text)
    assert all(word in message for word in said), message
    assert "literal" not in message and "constrained" not in message and "function-" not in message


def test_a_file_that_is_nested_beyond_all_measure(tmp_path: Path):
    path = tmp_path / "deep.yaml"
    path.write_text("camera: " + "[" * 5000)
    with pytest.raises(ConfigError, match=r"deep\.yaml: cannot read the configuration: nested too deeply"):
        load_config(path)


@pytest.mark.parametrize(
    "text",
    [
        "infrared: 'rtsp://admin:s3cret@host/x'",
        "infrared: {url: ['rtsp://admin:s3cret@host/x']}",
        "infrared: {ulr: 'rtsp://admin:s3cret@host/x'}",
        "infrared: {url: 'rtsp://admin:s3cret@host/x', depth: 0}",
        "infrared: {url: x, policy: 'srt://host:9000?passphrase=s3cret'}",
        "camera: 'rtsp://admin:s3cret@host/x'",
        "infrared: {'rtsp://admin:s3cret@host/x': }",
        "outputs: {rtsp: {url: 'rtsp://admin:s3cret/@host/x'}}",
        "outputs: {rtsp: {url: 'rtsp:/admin:s3cret@host/x'}}",
        "outputs: {rtsp: {url: 'http://admin:s3cret@host/x'}}",
    ],
)
def test_passwords_never_appear_in_errors(text):
    assert "s3cret" not in message_of(text)


@pytest.mark.parametrize(
    ("endpoint", "open_to_the_world"),
    [
        ("tcp://127.0.0.1:5556", False),
        ("tcp://127.8.9.1:5556", False),
        ("tcp://localhost:5556", False),
        ("tcp://[::1]:5556", False),
        ("ipc:///tmp/x", False),
        ("tcp://*:5556", True),
        ("tcp://0.0.0.0:5556", True),
        ("tcp://[::]:5556", True),
        ("tcp://eth0:5556", True),
        ("tcp://localhost.example.org:5556", True),
        ("tcp://192.168.1.5:5556", True),
    ],
)
def test_publishing_to_other_machines_takes_keys_or_a_decision(endpoint, open_to_the_world):
    base = {"outputs": {"zeromq": {"endpoint": endpoint}}}
    if open_to_the_world:
        with pytest.raises(ConfigError, match="reachable from other machines"):
            parse_config(base, "my.yaml")
    else:
        parse_config(base, "my.yaml")
    for more in (
        {"insecure": True},
        {"curve": {"server_secret_key": "k", "allowed_client_keys": ["c"]}},
    ):
        parse_config({"outputs": {"zeromq": {"endpoint": endpoint, **more}}}, "my.yaml")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["camera", "infrared", "visible", "sync", "registration", "normalize", "fusion", "outputs", None]),
)
def test_any_rubbish_is_one_line_of_error_or_a_configuration(data, section):
    whole = data if section is None else {section: data}
    try:
        assert isinstance(parse_config(whole, "my.yaml"), NightglassConfig)
    except ConfigError as error:
        assert str(error).startswith("my.yaml: ")
        assert len(str(error).splitlines()) == 1


def test_configurations_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        SyncConfig().deadline_ms = 3.0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"sync: {", "not valid YAML at line"),
        (b"sync:\n\tmaster: visible\n", "not valid YAML at line 2"),
        (b"camera: \xff\xfe", "not UTF-8"),
        (b"camera: a\nsync: {}\ncamera: b\n", "line 3: key 'camera' comes twice"),
        (b"sync: {deadline_ms: 1, deadline_ms: 2}\n", "'deadline_ms' comes twice"),
        (b'camera: a\nvisible: {url: "a\\0b.mp4"}\n', r"line 2: a NUL character (\0) in a value; remove it"),
        (b"a: !!python/object/apply:os.system [ls]\n", "not valid YAML"),
        (b"\x00", "not valid YAML"),
    ],
)
def test_files_that_are_no_yaml(tmp_path, content, said):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert said in str(error.value) and str(path) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"no such configuration file; see configs/"):
        load_config(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path)


def test_the_calibrations_path_counts_from_the_file(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("registration: {calibration: cal/c.yaml}\n")
    assert load_config(path).registration.calibration == tmp_path / "cal" / "c.yaml"
    path.write_text("registration: {calibration: /etc/c.yaml}\n")
    assert load_config(path).registration.calibration == Path("/etc/c.yaml")


@pytest.mark.parametrize("path", STREAM_CONFIGS, ids=lambda path: path.stem)
def test_example_files_load(path):
    config = load_config(path)
    if path.stem.startswith("live"):
        assert config.infrared is not None and config.visible is not None
        assert config.outputs.zeromq is not None


def test_there_are_examples():
    assert [path.stem for path in STREAM_CONFIGS] == ["convert", "live-rtsp", "live-sim"]


@pytest.mark.parametrize("path", STREAM_CONFIGS, ids=lambda path: path.stem)
def test_example_files_hold_no_real_password(path):
    for user, password, host in re.findall(r"://([^:/\s]+):([^@\s]+)@([0-9a-z.]+)", path.read_text()):
        assert (user, password) == ("user", "password")
        assert host == "host" or host.startswith("192.0.2."), "RFC 5737 keeps these addresses for documents"


def schema_keys(model: type[BaseModel], prefix: str = "") -> dict[str, str]:
    """All keys that hold values, dotted, with their default as YAML writes it (``required`` without one)."""
    found = {}
    for name, field in model.model_fields.items():
        inner = [a for a in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(a, type)]
        models = [a for a in inner if issubclass(a, BaseModel)]
        if models:
            found |= schema_keys(models[0], f"{prefix}{name}.")
        elif field.is_required():
            found[prefix + name] = "required"
        else:
            text = yaml.safe_dump(field.get_default(), default_flow_style=True).removesuffix("...\n").strip()
            found[prefix + name] = f"`{text}`"
    return found


def test_the_document_lists_every_key_with_its_default():
    text = (ROOT / "docs" / "configuration.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \| ([^|]+) \|", text, re.MULTILINE)
    documented = {key: default.strip() for key, default in rows}
    assert len(documented) == len(rows), "a key stands twice"
    wanted = schema_keys(NightglassConfig)
    assert {k for k in wanted if k.startswith("visible.")} == {
        k.replace("infrared.", "visible.", 1) for k in wanted if k.startswith("infrared.")
    }
    assert documented == {k: v for k, v in wanted.items() if not k.startswith("visible.")}


def test_live_sim_shows_every_key_but_those_of_sections_that_are_off():
    data = yaml.safe_load((ROOT / "configs" / "live-sim.yaml").read_text())

    def keys(node: dict[str, Any], prefix: str = "") -> set[str]:
        found = set()
        for name, value in node.items():
            found |= keys(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name}
        return found

    off = ("visible.", "outputs.zeromq.curve", "outputs.rtsp", "outputs.web.tls", "outputs.window")
    wanted = {k for k in schema_keys(NightglassConfig) if not k.startswith(off)}
    assert {k for k in keys(data) if not k.startswith(off)} == wanted


def test_calibrations_in_the_document_load(tmp_path):
    text = (ROOT / "docs" / "configuration.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 4
    for number, example in enumerate(examples):
        path = tmp_path / f"{number}.yaml"
        path.write_text(example)
        load_calibration(path)
