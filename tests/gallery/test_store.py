"""A picture is on the disk whole, with its recipe, or not at all."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from studio.errors import LedgerError, MissingImage
from studio.gallery import open_gallery
from studio.gallery import store as store_module
from studio.gallery.containers import read_recipe
from studio.gallery.recipe import Recipe
from studio.gallery.recorder import Recorder
from studio.gallery.store import Store
from studio.images.pixels import Mask, Pixels
from tests.miniature import ask

PIXELS = Pixels(4, 2, bytes(range(24)))


def test_a_picture_comes_back_pixel_for_pixel_with_its_recipe(tmp_path: Path) -> None:
    path = Store(tmp_path).add(PIXELS, Recipe(ask(seed=9), "abc"))
    with Image.open(path) as image:
        assert (image.mode, image.size, image.tobytes()) == ("RGB", (4, 2), PIXELS.rgb)
    assert read_recipe(path).request.seed == 9


def test_names_cannot_be_guessed_and_never_repeat(tmp_path: Path) -> None:
    store = Store(tmp_path)
    names = {store.add(PIXELS, Recipe(ask())).stem for _ in range(20)}
    assert len(names) == 20
    assert all(len(name) == 32 for name in names)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    store = Store(tmp_path)
    monkeypatch.setattr(store_module.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.add(PIXELS, Recipe(ask()))
    assert list(store.folder.iterdir()) == []


def test_what_a_crash_left_half_written_is_cleared_whatever_its_age(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for half in (store.folder / "0.part", store.folder / "1.part"):
        half.write_bytes(b"half a picture")
    store.drop_parts()
    assert list(store.folder.iterdir()) == []


def test_a_folder_that_somebody_deleted_is_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.folder.rmdir()
    assert store.add(Pixels(1, 1, b"rgb"), Recipe(ask())).is_file()


def test_a_source_is_kept_once_and_comes_back_by_its_digest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    mask = Mask(4, 2, b"\0\xff" * 4)
    for image in (PIXELS, mask):
        assert store.keep(image) == store.keep(image) == image.digest
        assert store.source(image.digest) == image
    assert len(list((tmp_path / "sources").iterdir())) == 2


def test_a_source_that_is_gone_damaged_or_no_source_is_a_clear_error(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for digest in ("0" * 64, "../pictures/x", ""):
        with pytest.raises(MissingImage):
            store.source(digest)
    other = store.keep(Pixels(4, 2, bytes(24)))
    digest = store.keep(PIXELS)
    (tmp_path / "sources" / f"{other}.png").replace(tmp_path / "sources" / f"{digest}.png")
    with pytest.raises(MissingImage, match="damaged"):
        store.source(digest)


def test_a_full_disk_is_said_before_anything_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, ledger = open_gallery(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=70 * 2**20))
    recorder = Recorder(store, ledger)
    recorder.accept("small", "a", ask())
    with pytest.raises(LedgerError, match="70 MB are left"):
        recorder.accept("large", "a", ask(width=2048, height=2048))
    assert store.keep(Pixels(16, 16, bytes(768)))
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=5))
    with pytest.raises(LedgerError, match="0 MB are left"):
        store.keep(Pixels(16, 16, bytes([1] * 768)))
    ledger.close()


def test_a_source_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "sources").rmdir()
    (tmp_path / "sources").write_text("in the way")
    with pytest.raises(LedgerError, match="cannot be written to"):
        store.keep(Pixels(16, 16, bytes(768)))
