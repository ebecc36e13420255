"""Nobody hears of a picture that is not on the disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from studio.engine.preview import encode_frame
from studio.errors import LedgerError, MissingImage
from studio.events import Drawn, Failed, Finished, Previewed, Started
from studio.gallery import store as store_module
from studio.gallery.containers import read_recipe
from studio.gallery.ledger import Ledger
from studio.gallery.pictures import PictureTable
from studio.gallery.recorder import Recorder
from studio.gallery.store import Store
from studio.gallery.wanted import PictureFilter
from studio.images.animation import decoded
from studio.images.pixels import Pixels
from tests.miniature import ask


def _recorder(data: Path) -> Recorder:
    return Recorder(Store(data), Ledger(data))


DRAWN = Drawn("job", 0, ask(seed=4), "abc", 1.5, stopped_at=7, pixels=Pixels(1, 1, b"rgb"))


def test_drawn_comes_out_with_a_path_and_without_pixels(tmp_path: Path) -> None:
    event = _recorder(tmp_path)(DRAWN)
    assert isinstance(event, Drawn)
    assert event.pixels is None
    assert event.path is not None
    recipe = read_recipe(Path(event.path))
    assert (recipe.request.seed, recipe.model_hash, recipe.stopped_at) == (4, "abc", 7)


def test_other_events_pass_as_they_are(tmp_path: Path) -> None:
    for event in (Started("job"), Finished("job")):
        assert _recorder(tmp_path)(event) is event


def test_a_full_disk_is_a_failure_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    recorder = _recorder(tmp_path)
    monkeypatch.setattr(store_module.os, "fsync", full)
    event = recorder(DRAWN)
    assert isinstance(event, Failed)
    assert "No space left" in str(event.error)
    assert str(tmp_path) not in str(event.error)


def test_the_frames_of_a_film_are_kept_beside_its_picture_and_nobody_elses(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path)
    for step, level in enumerate((0, 100, 200), 1):
        jpeg = encode_frame(np.full((32, 32, 3), level, np.uint8))
        recorder(Previewed("job", 0, step, 3, jpeg, None, is_frame=True))
        recorder(Previewed("job", 1, step, 3, jpeg, None))
    with_film, without = (recorder(replace(DRAWN, index=index)) for index in (0, 1))
    assert isinstance(with_film, Drawn)
    assert isinstance(without, Drawn)
    frames = decoded(Store(tmp_path).trajectory(Path(str(with_film.path)).name))
    assert [round(float(frame.mean())) for frame in frames] == pytest.approx([0, 100, 200], abs=3)
    with pytest.raises(MissingImage):
        Store(tmp_path).trajectory(Path(str(without.path)).name)


def test_the_frames_of_a_job_that_ends_without_a_picture_are_forgotten(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path)
    recorder(Previewed("job", 0, 1, 3, encode_frame(np.zeros((32, 32, 3), np.uint8)), None, is_frame=True))
    recorder(Finished("job"))
    drawn = recorder(DRAWN)
    assert isinstance(drawn, Drawn)
    with pytest.raises(MissingImage):
        Store(tmp_path).trajectory(Path(str(drawn.path)).name)


def test_a_picture_is_safe_although_its_film_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, store = _recorder(tmp_path), Store(tmp_path)
    recorder(Previewed("job", 0, 1, 3, encode_frame(np.zeros((32, 32, 3), np.uint8)), None, is_frame=True))

    def full(store: Store, picture: Path, jpegs: list[bytes]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "add_trajectory", full)
    drawn = recorder(DRAWN)
    assert isinstance(drawn, Drawn)
    assert Path(str(drawn.path)).exists()
    with pytest.raises(MissingImage):
        store.trajectory(Path(str(drawn.path)).name)


def test_a_row_follows_the_file_and_the_job_s_end_is_written_down(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    recorder = Recorder(Store(tmp_path), ledger)
    recorder.accept("job", "me", ask(seed=4))
    for event in (Started("job"), DRAWN, Finished("job")):
        recorder(event)
    (picture,) = ledger.pictures.find("me", PictureFilter())
    assert (picture.seed, picture.seconds, picture.model_hash) == (4, 1.5, "abc")
    ledger.repair(Store(tmp_path).folder)
    assert ledger.jobs.interrupted("me") == []


def test_a_picture_is_passed_on_although_its_row_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is on the disk with its recipe, and is adopted at the next start."""
    ledger = Ledger(tmp_path)
    recorder = Recorder(Store(tmp_path), ledger)

    def broken(*given: object, **more: object) -> None:
        raise LedgerError("no")

    with monkeypatch.context() as patched:
        patched.setattr(PictureTable, "add", broken)
        drawn = recorder(DRAWN)
    assert isinstance(drawn, Drawn)
    ledger.repair(Store(tmp_path).folder)
    ledger.close()
    everybody = Ledger(tmp_path, everybody=True)
    assert [each.id for each in everybody.pictures.find("", PictureFilter())] == [Path(str(drawn.path)).stem]
