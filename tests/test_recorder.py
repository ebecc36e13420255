"""Nobody hears of a picture that is not on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.events import Drawn, Failed, Finished, Started
from studio.gallery import store as store_module
from studio.gallery.recipe import read_recipe
from studio.gallery.store import Store
from studio.images.pixels import Pixels
from studio.recorder import Recorder
from tests.miniature import ask

DRAWN = Drawn("job", 0, ask(seed=4), "abc", 1.5, stopped_at=7, pixels=Pixels(1, 1, b"rgb"))


def test_drawn_comes_out_with_a_path_and_without_pixels(tmp_path: Path) -> None:
    event = Recorder(Store(tmp_path))(DRAWN)
    assert isinstance(event, Drawn)
    assert event.pixels is None
    assert event.path is not None
    recipe = read_recipe(Path(event.path))
    assert (recipe.request.seed, recipe.model_hash, recipe.stopped_at) == (4, "abc", 7)


def test_other_events_pass_as_they_are(tmp_path: Path) -> None:
    for event in (Started("job"), Finished("job")):
        assert Recorder(Store(tmp_path))(event) is event


def test_a_full_disk_is_a_failure_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    recorder = Recorder(Store(tmp_path))
    monkeypatch.setattr(store_module.os, "fsync", full)
    event = recorder(DRAWN)
    assert isinstance(event, Failed)
    assert "No space left" in str(event.error)
    assert str(tmp_path) not in str(event.error)
