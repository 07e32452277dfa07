"""A quick start: garbage is searched for again once a command is under way, and compiled networks are kept."""

from __future__ import annotations

import gc
import logging
from pathlib import Path

import numpy as np
import pytest

from models.engines import load_engine
from models.engines.cache import cache_folder
from stream.cli import main
from stream.startup import hold_garbage, release_garbage


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.enable()
    gc.unfreeze()


def test_what_is_there_by_then_is_not_searched_again():
    hold_garbage()
    assert not gc.isenabled()
    release_garbage()
    assert gc.isenabled() and gc.get_freeze_count() > 1000


def test_nothing_is_kept_from_the_search_where_it_was_not_held_up():
    gc.unfreeze()
    release_garbage()
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("arguments", [["doctor", "--nonsense"], ["live", "--config", "missing.yaml"], ["nonsense"]])
def test_a_command_that_fails_early_leaves_the_search_on(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(arguments) == 2
    assert gc.isenabled()


def test_a_compiled_network_is_kept_and_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rng = np.random.default_rng(0)
    infrared, visible = (rng.integers(0, 256, (64, 80), np.uint8) for _ in range(2))

    def fused() -> np.ndarray:
        engine = load_engine("stream", "openvino", "fp32", 1)
        try:
            small = engine.fuse(infrared, visible).luma
            engine.fuse(infrared[:32], visible[:32])
        finally:
            engine.close()
        return small

    first = fused()
    (kept,) = (tmp_path / "nightglass").iterdir()
    before = kept.stat().st_mtime_ns
    assert np.array_equal(fused(), first)
    assert kept.stat().st_mtime_ns == before
    # A file that was cut off is made anew.
    kept.chmod(0o600)
    kept.write_bytes(kept.read_bytes()[:1000])
    assert np.array_equal(fused(), first)


def test_without_a_place_to_keep_it_the_network_is_compiled_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with caplog.at_level(logging.INFO, logger="nightglass"):
        assert cache_folder() is None
    assert "not kept for the next start" in caplog.text
    engine = load_engine("stream", "openvino", "fp32", 1)
    grey = np.full((32, 32), 90, np.uint8)
    assert engine.fuse(grey, grey).luma.shape == grey.shape
    engine.close()
