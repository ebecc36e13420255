"""Writes the data folder of `tests/test_replays.py` anew: ``python -m tests.replays.ledger``.

``data/`` is what a studio leaves that was killed while it drew: pictures and sources, and in the ledger what is known
of them: tags, a note, a collection, a favourite, one in the bin, jobs that ended each in its way, what a picture shows.
It is written by the gallery's own functions, out of the corpus's pictures, and only its file format matters: that later
versions open it. So it needs to be written anew only for what it lacks.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from unittest.mock import patch

import numpy as np

from studio.gallery import open_gallery
from studio.gallery.containers import read_recipe
from studio.gallery.ledger import Ledger
from studio.gallery.pictures import Entry
from studio.gallery.store import Store
from studio.images.opening import open_picture

HERE = Path(__file__).parent
OWNER, OTHER = "a" * 32, "b" * 32
MADE = 1.75e9  # June 2025
NEVER = 4.1e9  # when the deleted picture was deleted: in 2099, or the bin would be emptied of it within a month
MODEL, WIDTH = "storybook-clip", 64  # who has looked at a picture, and how wide what it has seen is


def write(data: Path) -> None:
    """Into the empty folder ``data``."""
    store, ledger = open_gallery(data)
    for digest in sorted(path.stem for path in (HERE / "sources").glob("*.png")):
        store.keep(Store(HERE).source(digest))
    with patch("time.time", return_value=MADE):
        house = _draw(store, ledger, "words", 0)
        castle = _draw(store, ledger, "inpaint-from-noise", 1)
        boat = _draw(store, ledger, "words-in-chinese", 2)
        gone = _draw(store, ledger, "sampler-euler", 3)
        _draw(store, ledger, "sampler-ddim", 4, owner=OTHER)
        unfinished = read_recipe(HERE / "pictures" / "layout.png").request
        for name, state, reason in (("5", "running", ""), ("6", "failed", "The picture ran off to infinity.")):
            ledger.jobs.accept(_name(name), OWNER, unfinished)
            ledger.jobs.note(_name(name), state, reason)
        ledger.marks.change(
            OWNER, house, {"tags": ("sunny", "for Anna"), "note": "Gruß aus 北京", "collection": "Houses"}
        )
        ledger.marks.act(OWNER, [house, castle], "favour")
        ledger.marks.act(OWNER, [castle], "gather", "Houses")
        ledger.marks.act(OWNER, [boat], "tag", "sunny")
        ledger.vectors.put(MODEL, {house: np.linspace(-1, 1, WIDTH, dtype=np.float32)})
    with patch("time.time", return_value=NEVER):
        ledger.pictures.delete(OWNER, [gone])
    ledger.close()


def _draw(store: Store, ledger: Ledger, name: str, number: int, owner: str = OWNER) -> str:
    """A job whose picture is that of the corpus called ``name``; returns the name that it has from now on."""
    file = HERE / "pictures" / f"{name}.png"
    recipe, pixels, job, id_ = read_recipe(file), open_picture(file.read_bytes()), _name(f"job {name}"), _name(name)
    ledger.jobs.accept(job, owner, recipe.request)
    ledger.jobs.note(job, "running")
    store.put_back(id_, pixels, recipe)
    ledger.pictures.add(Entry(store.path(id_), recipe, pixels.digest, job, made=MADE + number, seconds=1.5))
    if number == 0:
        store.add_trajectory(store.path(id_), [b"\xff\xd8 one", b"\xff\xd8 two"])
    ledger.jobs.note(job, "done")
    return id_


def _name(text: str) -> str:
    """32 hexadecimal digits, which a studio would have drawn at random."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


if __name__ == "__main__":
    shutil.rmtree(HERE / "data", ignore_errors=True)
    write(HERE / "data")
    (HERE / "data" / "ledger.lock").unlink()
