"""The web page's parts without a server: flow, viewers, health, access, metrics, certificates, addresses."""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from web_support import make_certificate, needs_openssl

from stream.endpoint import host_and_port
from stream.errors import SinkError
from stream.sinks.web.access import SESSION_S, Failures, Sessions, known_host, read_password, same_origin
from stream.sinks.web.audience import Audience, AudienceClosed, Encoded, Viewer
from stream.sinks.web.certificate import Certificate
from stream.sinks.web.health import Seen, verdict
from stream.sinks.web.inflight import InFlight
from stream.sinks.web.metrics import Ages, Collector, Known

MS = 1_000_000


def link(flight: InFlight, *, camera_ms: int, delay_ms: int, picture_ms: int, pictures: int = 300) -> tuple[float, int]:
    """A camera's pictures over a link: delay one way and back, and what a picture takes of the link.

    Gives the rate shown (1/s) and the longest way of a picture among the last half, milliseconds.
    """
    now, free, newest, seq, shown = 0, 0, None, 0, 0
    under_way: list[tuple[int, int]] = []
    ways: list[int] = []
    sent_at: dict[int, int] = {}
    while seq < pictures:
        if now % camera_ms == 0:
            newest, seq = seq, seq + 1
        while under_way and under_way[0][0] <= now:
            _, arrived = under_way.pop(0)
            flight.shown(arrived, now * MS)
            shown += 1
            ways.append(now - sent_at[arrived])
        if newest is not None and flight.room:
            free = max(free, now) + picture_ms
            under_way.append((free + delay_ms, newest))
            sent_at[newest] = now
            flight.sent(newest, now * MS)
            newest = None
        now += 1
    return 1000 * shown / now, max(ways[len(ways) // 2 :])


def test_a_quick_link_with_a_long_delay_shows_every_picture() -> None:
    rate, way_ms = link(InFlight(), camera_ms=40, delay_ms=150, picture_ms=3)
    assert rate > 23 and way_ms < 160


def test_a_slow_link_shows_what_it_can_and_nothing_queues_up() -> None:
    rate, way_ms = link(InFlight(), camera_ms=40, delay_ms=10, picture_ms=200)
    assert 4 < rate <= 5
    assert way_ms <= 2 * 200 + 10 + 200


def test_confirmations_of_what_was_not_sent_change_nothing() -> None:
    flight = InFlight()
    flight.sent(5, 0)
    flight.sent(6, 0)
    assert not flight.room
    for seq in (-1, 4, 7, 10**30):
        flight.shown(seq, MS)
    assert not flight.room
    flight.shown(6, MS)  # and 5 with it
    assert flight.room and flight.size >= 1


def picture(seq: int) -> Encoded:
    return Encoded(seq, b"m%d" % seq, b"j%d" % seq)


def test_a_viewer_gets_the_newest_picture_and_counts_the_others() -> None:
    async def watch() -> None:
        viewer = Viewer("fused", confirms=False)
        for seq in range(3):
            viewer.offer(picture(seq))
        assert await viewer.next() == picture(2)
        assert viewer.skipped == 2
        viewer.offer(picture(3))
        viewer.tell(b"status")
        assert await viewer.next() == b"status"
        viewer.watch("infrared")  # a picture of the other stream is not shown any more
        viewer.close()
        with pytest.raises(AudienceClosed):
            await viewer.next()

    asyncio.run(watch())


def test_a_viewer_that_confirms_nothing_gets_no_more_than_fits() -> None:
    async def watch() -> None:
        viewer = Viewer("fused", confirms=True)
        assert viewer.flight is not None
        got = 0
        while viewer.flight.room:
            viewer.offer(picture(got))
            await viewer.next()
            viewer.flight.sent(got, 0)
            got += 1
        assert got == 2
        waiting = asyncio.ensure_future(viewer.next())
        viewer.offer(picture(7))
        viewer.offer(picture(8))
        await asyncio.sleep(0)
        assert not waiting.done() and viewer.skipped == 1
        viewer.shown(0, MS)
        assert await waiting == picture(8)

    asyncio.run(watch())


def test_the_audience_wants_what_somebody_watches() -> None:
    audience = Audience(2)
    assert audience.wanted == frozenset()
    first, second = audience.join("fused", confirms=True), audience.join("fused", confirms=False)
    assert first is not None and second is not None
    assert audience.join("visible", confirms=True) is None, "two may watch"
    assert audience.wanted == {"fused"} and audience.viewers("fused") == 2
    audience.switch(first, "infrared")
    assert audience.wanted == {"fused", "infrared"}
    for seq in range(3):
        audience.publish("infrared", picture(seq))
    audience.leave(first)
    audience.leave(first)
    assert audience.wanted == {"fused"} and audience.skipped == 2
    audience.close()
    assert audience.join("fused", confirms=True) is None


@pytest.mark.parametrize(
    ("seen", "status", "ok", "text"),
    [
        (None, {}, False, "no picture yet"),
        (None, {"sources": {"visible": "connecting", "infrared": "live"}}, False, "no picture yet; visible connecting"),
        (Seen(0, "none"), {}, True, "ok"),
        (Seen(0, "infrared_frozen"), {"sources": {"infrared": "live"}}, True, "ok"),
        (
            Seen(0, "infrared_missing"),
            {"sources": {"infrared": "lost", "visible": "live"}},
            True,
            "ok, but infrared missing; infrared lost",
        ),
        (Seen(0, "none"), {"lost_outputs": {"record /secret/path": "disk full"}}, True, "ok, but 1 output lost"),
        (
            Seen(-9_000 * MS, "none"),
            {"sources": {"visible": "lost", "infrared": "stalled"}},
            False,
            "no picture for 10 s; infrared stalled; visible lost",
        ),
    ],
)
def test_health(seen: Seen | None, status: dict[str, Any], ok: bool, text: str) -> None:
    found = verdict(seen, status, 1_000 * MS)
    assert (found.ok, found.text()) == (ok, text)


def test_sessions_outlive_a_restart_and_not_the_password() -> None:
    first, again, other = Sessions("correct horse"), Sessions("correct horse"), Sessions("battery staple")
    token = first.token(1000.0)
    assert "horse" not in token
    assert again.is_token(token, 1000.0 + SESSION_S - 1)
    assert not again.is_token(token, 1000.0 + SESSION_S + 1)
    assert not other.is_token(token, 1000.0)
    until, _, signature = token.partition(".")
    for forged in ("", ".", until, f"{int(until) + 1}.{signature}", f"x.{signature}", "ü.\udcff", f"{until}.ü"):
        assert not first.is_token(forged, 1000.0)


def test_passwords_by_http_basic() -> None:
    sessions = Sessions("pässword:1")
    # "anybody:pässword:1" in UTF-8.
    assert sessions.is_basic("Basic YW55Ym9keTpww6Rzc3dvcmQ6MQ==") is True
    assert sessions.is_basic("basic YW55Ym9keTpww6Rzc3dvcmQ6MQ==") is True
    assert sessions.is_basic("Basic YW55Ym9keTp3cm9uZw==") is False
    assert sessions.is_basic("Basic !!!") is False
    assert sessions.is_basic("Basic /w==") is False
    assert sessions.is_basic("Bearer x") is None
    assert sessions.is_basic("") is None


def test_many_wrong_passwords_are_not_looked_at_for_a_while() -> None:
    failures = Failures()
    for second in range(9):
        failures.add("a", float(second))
    assert not failures.blocked("a", 9.0)
    failures.add("a", 9.0)
    assert failures.blocked("a", 9.0) and not failures.blocked("b", 9.0)
    assert failures.blocked("a", 59.0) and not failures.blocked("a", 61.0)
    for number in range(5000):
        failures.add(str(number), 10.0)
    assert not failures.blocked("a", 11.0), "what is kept does not grow without end"


NAMES = frozenset({"localhost", "nvr", "nvr.local", "cam.example.org"})


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:8080", True),
        ("192.168.1.5", True),
        ("[::1]:8080", True),
        ("localhost:8080", True),
        ("NVR.local:8080", True),
        ("cam.example.org.", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("nvr.evil.example:8080", False),
        ("", False),
        ("[", False),
    ],
)
def test_names_that_somebody_else_may_have_made_up(host: str, known: bool) -> None:
    assert known_host(host, NAMES) is known


@pytest.mark.parametrize(
    ("origin", "same"),
    [
        ("http://10.0.0.5:8080", True),
        ("https://cam.example.org", True),
        ("http://10.0.0.5:9090", False),
        ("http://10.0.0.50:8080", False),
        ("https://evil.example", False),
        ("null", False),
        ("http://[", False),
    ],
)
def test_pages_of_other_sites(origin: str, same: bool) -> None:
    assert same_origin(origin, "10.0.0.5:8080", NAMES) is same


def test_passwords_from_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "password"
    path.write_text("  correct horse \nmore\n")
    path.chmod(0o600)
    assert read_password(path) == "correct horse" and not caplog.records
    path.chmod(0o644)
    assert read_password(path) == "correct horse"
    assert "chmod 600" in caplog.text and "horse" not in caplog.text
    for content, said in ((b"short", "at least 8"), (b"\n", "at least 8"), (b"\xff" * 9, "UTF-8")):
        path.write_bytes(content)
        with pytest.raises(SinkError, match=said) as error:
            read_password(path)
        assert "short" not in str(error.value).replace(str(path), "")
    with pytest.raises(SinkError, match=r"outputs\.web\.password_file"):
        read_password(tmp_path / "absent")


def test_addresses() -> None:
    assert host_and_port("127.0.0.1:8080") == ("127.0.0.1", 8080)
    assert host_and_port("[::1]:0") == ("::1", 0)
    assert host_and_port("nvr.local:80") == ("nvr.local", 80)
    for wrong in ("", "8080", ":8080", "127.0.0.1", "::1:80", "[::1]", "host:99999", "host:-1", "host:x", "http://a:1"):
        with pytest.raises(ValueError, match=r"port"):
            host_and_port(wrong)


STATUS = {
    "frames_in": {"infrared": 90, "visible": 250},
    "frames_out": 249,
    "dropped": {"late": 3, "slow web": 2},
    "elapsed_s": 10.0,
    "degraded_frames": 7,
    "reconnects": {"infrared": 2, "visible": 0},
    "sources": {"infrared": "lost"},
    "stage_ms": {"fuse": {"p50": 5.0, "p95": 8.0, "p99": 9.0, "mean": 5.5, "max": 20.0}},
    "lost_outputs": {"record x": "full"},
    "alignment": {"state": "knocked", "score": None, "looks": 9, "knocks": 1, "searches": 0, "recalibrations": 0},
    "timing": {"state": "holds", "offset_ms": -250.0, "confidence": 0.9},
}


def metrics(status: dict[str, Any]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    ages = Ages()
    for age_s in (0.005, 0.04, 0.04, 9.0):
        ages.add(age_s)
    known = Known("gate", status, True, 0.04, ages, {"fused": 1}, {"fused": 100}, 4, {"smoke": 0.7})
    registry = CollectorRegistry()
    registry.register(Collector(known))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    samples = [sample for family in families for sample in family.samples]
    assert all(sample.name.startswith("nightglass_") and sample.labels["camera"] == "gate" for sample in samples)
    return {
        (one.name, tuple((k, v) for k, v in sorted(one.labels.items()) if k != "camera")): one.value for one in samples
    }


def test_metrics_say_what_the_status_says_in_base_units() -> None:
    found = metrics(STATUS)

    def value(name: str, **labels: str) -> float:
        return found[f"nightglass_{name}", tuple(sorted(labels.items()))]

    assert value("frames_in_total", source="visible") == 250
    assert value("frames_out_total") == 249
    assert value("frames_dropped_total", reason="slow web") == 2
    assert value("frames_degraded_total") == 7
    assert value("reconnects_total", source="infrared") == 2
    assert [value("source_state", source="infrared", state=state) for state in ("live", "lost")] == [0, 1]
    assert value("stage_seconds", stage="fuse", quantile="0.95") == 0.008
    assert value("outputs_lost") == 1
    assert value("alignment_state", state="knocked") == 1 and value("alignment_state", state="aligned") == 0
    assert value("alignment_knocks_total") == 1
    assert ("nightglass_alignment_score", ()) not in found, "not known is not 0"
    assert value("timing_offset_seconds") == -0.25
    assert value("degradation_score", kind="smoke") == 0.7
    assert value("picture_age_seconds_bucket", le="0.05") == 3
    assert value("picture_age_seconds_count") == 4
    assert value("picture_age_seconds_sum") == pytest.approx(9.085)
    assert value("web_pictures_sent_total", stream="fused") == 100
    assert value("web_pictures_skipped_total") == 4


def test_metrics_of_a_pipeline_that_says_little() -> None:
    found = metrics({"alignment": None, "timing": None})
    assert found["nightglass_healthy", ()] == 1
    assert not [name for name, _ in found if "alignment" in name or "timing" in name]


def served(certificate: Certificate) -> bytes:
    """The certificate that a new connection is shown."""

    async def connect() -> bytes:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificate.context)
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=trusting)
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        server.close()
        return bytes(shown)

    return asyncio.run(connect())


def later(path: Path) -> None:
    stamp = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(stamp, stamp))


@needs_openssl
def test_a_renewed_certificate_is_shown_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_certificate(tmp_path, "first")
    certificate = Certificate(config)
    first = served(certificate)
    make_certificate(tmp_path, "second")
    later(config.certificate)
    certificate.refresh()
    second = served(certificate)
    assert second != first and b"second" in second
    config.certificate.write_text("half a file")
    for _ in range(2):
        later(config.key)
        certificate.refresh()
        certificate.refresh()
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"], "once for each change"
    assert "cert.pem" in caplog.text and "stays in use" in caplog.text
    config.key.unlink()
    certificate.refresh()
    assert "key.pem: cannot be read" in caplog.text
    assert served(certificate) == second
    with pytest.raises(SinkError, match=r"key\.pem"):
        Certificate(config)
