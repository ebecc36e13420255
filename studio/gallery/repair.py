"""What a ledger needs at the start of a studio, whatever ended the last one: rows and pictures agree again."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL.Image

from studio.errors import NoRecipe
from studio.gallery.column import is_broken
from studio.gallery.columns import columns
from studio.gallery.containers import read_recipe
from studio.gallery.database import Database
from studio.gallery.pictures import Entry, insert_picture, put_origins, read_request
from studio.images.pixels import Pixels
from studio.requests.request import Request

logger = logging.getLogger(__name__)

DAY = 86_400.0  # seconds
KEPT_IN_BIN = 30 * DAY
THUMBNAILS = "thumbnails"  # the folder beside that of the pictures


@dataclass(frozen=True)
class _Unfinished:
    """A job that had not ended: the requests that make each of its pictures, and of those what is ``lacking``."""

    id: str
    owner: str
    asked: Sequence[Request]
    lacking: list[Request]

    @classmethod
    def of(cls, id_: str, owner: str, asked: Request) -> _Unfinished:
        alone = [asked.alone(index) for index in range(asked.count)]
        return cls(id_, owner, alone, [*alone])

    def asked_for(self, drawn: Request) -> bool:
        return any(_is_of(drawn, each) for each in self.asked)

    def take(self, drawn: Request) -> bool:
        """Whether what was ``drawn`` was lacking; then it no longer is."""
        found = next((each for each in self.lacking if _is_of(drawn, each)), None)
        if found is not None:
            self.lacking.remove(found)
        return found is not None


def repair(ledger: Database, pictures: Path) -> None:
    """At the start: jobs that had not ended are interrupted, unless all of their pictures are here; pictures in the
    folder without a row are adopted, rows without a picture are flagged, and what has been in the bin for long
    enough goes."""
    with ledger.change() as database:
        database.execute("UPDATE jobs SET state = 'interrupted' WHERE state IN ('waiting', 'running')")
    files = {file.stem: file for file in pictures.glob("*.png") if not is_broken(file.name)}
    known = {row["id"] for row in ledger.read("SELECT id FROM pictures")}
    _adopt(ledger, [file for id_, file in files.items() if id_ not in known])
    _end_complete(ledger)
    with ledger.change() as database:
        database.execute("UPDATE pictures SET missing = 0")
        gone = [(id_,) for id_ in known if id_ not in files]
        database.executemany("UPDATE pictures SET missing = 1 WHERE id = ?", gone)
    _look_at(ledger, pictures)
    empty_bin(ledger, pictures, time.time() - KEPT_IN_BIN)


def _look_at(ledger: Database, pictures: Path) -> None:
    """Pictures from before digests were written down get theirs."""
    rows = ledger.read("SELECT id, request FROM pictures WHERE digest = '' AND missing = 0")
    with ledger.change() as database:
        for row in rows:
            digest, request = _digest(pictures / f"{row['id']}.png"), read_request(row["request"])
            database.execute("UPDATE pictures SET digest = ? WHERE id = ?", (digest, row["id"]))
            put_origins(database, row["id"], request)


def _adopt(ledger: Database, files: Sequence[Path]) -> None:
    unfinished = _unfinished(ledger)
    with ledger.change() as database:
        for file in files:
            try:
                recipe, digest, made = read_recipe(file), _digest(file), file.stat().st_mtime
            except (NoRecipe, OSError) as error:
                logger.warning("%s is left out of the gallery: %s", file.name, error)
                continue
            job = next((each for each in unfinished if each.take(recipe.request)), None) or next(
                (each for each in unfinished if each.asked_for(recipe.request)), None
            )
            id_, owner = (job.id, job.owner) if job else ("", "")
            insert_picture(database, Entry(file, recipe, digest, id_, made=made), owner)


def _end_complete(ledger: Database) -> None:
    """A job has ended with its last picture, even if the studio ended before that could be written down."""
    complete = [(time.time(), job.id) for job in _unfinished(ledger) if not job.lacking]
    with ledger.change() as database:
        database.executemany("UPDATE jobs SET state = 'done', ended = ? WHERE id = ?", complete)


def _unfinished(ledger: Database) -> list[_Unfinished]:
    """The interrupted jobs that this version can read, with what they lack."""
    rows = ledger.read("SELECT id, owner, request FROM jobs WHERE state = 'interrupted'")
    asked = ((row["id"], row["owner"], read_request(row["request"])) for row in rows)
    jobs = {id_: _Unfinished.of(id_, owner, request) for id_, owner, request in asked if request is not None}
    drawn = ledger.read(
        "SELECT job, pictures.request FROM pictures JOIN jobs ON jobs.id = job WHERE state = 'interrupted'"
    )
    for row in drawn:
        request = read_request(row["request"])
        if request is not None and row["job"] in jobs:
            jobs[row["job"]].take(request)
    return list(jobs.values())


def empty_bin(ledger: Database, pictures: Path, before: float) -> None:
    """Deletes what was put in the bin before a time, with all that was made of it."""
    ids = [row["id"] for row in ledger.read("SELECT id FROM pictures WHERE deleted < ?", (before,))]
    with ledger.change() as database:
        beside = [table for name, column in columns().items() if (table := column.kind.table(name))]
        tables = {"pictures": "id", "words": "id", **dict.fromkeys([*beside, "origins", "vectors"], "picture")}
        for table, key in tables.items():
            where = f"{key} IN (SELECT value FROM json_each(?))"
            database.execute(f"DELETE FROM {table} WHERE {where}", (json.dumps(ids),))
    for id_ in ids:  # the rows first: a picture without a row comes back, and can be deleted again
        for file in (f"{id_}.png", f"{id_}.zip", f"../{THUMBNAILS}/{id_}.webp"):
            (pictures / file).unlink(missing_ok=True)


def _digest(file: Path) -> str:
    """Of a picture's pixels; empty where it cannot be read."""
    try:
        with PIL.Image.open(file, formats=("PNG",)) as stored:
            return Pixels.of(np.asarray(stored.convert("RGB"))).digest
    except (OSError, ValueError, SyntaxError):
        return ""


def _is_of(drawn: Request, asked: Request) -> bool:
    """Whether ``drawn`` is what was ``asked`` for. Who leaves the precision to the engine is told of the one taken."""
    return drawn == (asked if asked.precision else replace(asked, precision=drawn.precision))
