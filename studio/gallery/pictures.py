"""The rows of pictures: added once, found again by whose they are, how they were made and what is said of them."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.errors import MissingImage, StudioError
from studio.gallery.database import Database
from studio.gallery.marks import Marks, read_marks, write_marks
from studio.gallery.recipe import Recipe
from studio.gallery.wanted import PictureFilter
from studio.requests import from_mapping, to_mapping
from studio.requests.request import Request

logger = logging.getLogger(__name__)

PAGE = 60  # pictures


@dataclass(frozen=True)
class Entry:
    """A picture that is on the disk at ``path``, and what is known of it. ``digest`` names its pixels; its ``owner`` is
    its job's, if that is known; ``made`` in seconds since 1970, None for now."""

    path: Path
    recipe: Recipe
    digest: str
    job: str = ""
    owner: str = ""
    made: float | None = None
    seconds: float | None = None
    marks: Marks | None = None


@dataclass(frozen=True)
class Picture:
    """A finished picture: ``id`` is its file's name without the ending, ``made`` in seconds since 1970."""

    id: str
    made: float
    task: str
    text: str
    sampler: str
    seed: int
    pack: str
    model_hash: str
    revision: str
    digest: str
    width: int
    height: int
    seconds: float | None
    is_deleted: bool
    is_missing: bool
    marks: Marks
    request: Request


class PictureTable:
    """The pictures in a database. Whoever asks sees their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: Entry) -> None:
        """A picture that is on the disk."""
        with self._database.change() as database:
            row = database.execute("SELECT owner FROM jobs WHERE id = ?", (entry.job,)).fetchone()
            insert_picture(database, entry, row["owner"] if row else entry.owner)

    def find(self, owner: str, wanted: PictureFilter, most: int = PAGE) -> list[Picture]:
        """At most so many pictures, the latest first."""
        where, values = self._where(owner, wanted)
        return self._read(f"SELECT * FROM pictures WHERE {where} ORDER BY made DESC, id DESC LIMIT ?", [*values, most])

    def names(self, owner: str, wanted: PictureFilter) -> list[str]:
        """The names of all such pictures, the latest first."""
        where, values = self._where(owner, wanted)
        query = f"SELECT id FROM pictures WHERE {where} ORDER BY made DESC, id DESC"
        return [row["id"] for row in self._database.read(query, values)]

    def count(self, owner: str, wanted: PictureFilter | None = None) -> int:
        where, values = self._where(owner, wanted or PictureFilter())
        return int(self._database.read(f"SELECT count(*) AS n FROM pictures WHERE {where}", values)[0]["n"])

    def get(self, owner: str, id_: str) -> Picture:
        """Raises `MissingImage` for one that is not there, or is somebody else's."""
        found = self.get_all(owner, [id_])
        if not found:
            raise MissingImage("There is no such picture (any more).")
        return found[0]

    def get_all(self, owner: str, ids: Sequence[str]) -> list[Picture]:
        """Those of the pictures called ``ids`` that are there, in this order."""
        where, values = self._database.where(owner, "id IN (SELECT value FROM json_each(?))")
        rows = self._read(f"SELECT * FROM pictures WHERE {where}", [*values, json.dumps(list(ids))])
        found = {each.id: each for each in rows}
        return [found[id_] for id_ in dict.fromkeys(ids) if id_ in found]

    def same(self, owner: str, digest: str, request: Request) -> Picture | None:
        """The picture of these pixels, made by this request, that the owner has, in the bin or missing though it may
        be."""
        where, values = self._database.where(owner, "digest = ?", "request = ?")
        query = f"SELECT * FROM pictures WHERE {where}"
        found = self._read(query, [*values, digest, json.dumps(to_mapping(request))])
        return min(found, key=lambda each: (each.is_missing, each.is_deleted), default=None)

    def oldest_of(self, owner: str, digests: Iterable[str]) -> dict[str, Picture]:
        """The oldest of the owner's pictures of each digest."""
        where, values = self._database.where(owner, "digest IN (SELECT value FROM json_each(?))")
        query = f"SELECT * FROM pictures WHERE {where} ORDER BY made DESC"
        return {each.digest: each for each in self._read(query, [*values, json.dumps(list(digests))])}

    def made_from(self, owner: str, digests: Iterable[str], most: int) -> list[tuple[str, Picture]]:
        """At most so many of the owner's pictures that were made from one of these, each with the digest of that."""
        where, values = self._database.where(owner, "source IN (SELECT value FROM json_each(?))")
        query = (
            "SELECT pictures.*, source FROM (SELECT picture, digest AS source FROM origins) "
            f"JOIN pictures ON picture = id WHERE {where} LIMIT {most}"
        )
        rows = self._database.read(query, [*values, json.dumps(list(digests))])
        made = {each.id: each for each in self._pictures(rows)}
        return [(row["source"], made[row["id"]]) for row in rows if row["id"] in made]

    def is_back(self, owner: str, id_: str) -> None:
        """A picture that was missing, or in the bin, is there again."""
        self._set(owner, [id_], "missing", 0)
        self._set(owner, [id_], "deleted", None)

    def delete(self, owner: str, ids: Iterable[str]) -> None:
        """Puts pictures in the bin."""
        self._set(owner, ids, "deleted", time.time())

    def restore(self, owner: str, ids: Iterable[str]) -> None:
        """Takes pictures out of the bin."""
        self._set(owner, ids, "deleted", None)

    def _set(self, owner: str, ids: Iterable[str], column: str, value: Any) -> None:
        where, values = self._database.where(owner, "id = ?")
        with self._database.change() as database:
            query = f"UPDATE pictures SET {column} = ? WHERE {where}"
            database.executemany(query, [(value, *values, id_) for id_ in ids])

    def _where(self, owner: str, wanted: PictureFilter) -> tuple[str, list[Any]]:
        conditions, wishes = wanted.conditions()
        where, values = self._database.where(owner, *conditions)
        return where, [*values, *wishes]

    def _read(self, query: str, values: Sequence[Any]) -> list[Picture]:
        return self._pictures(self._database.read(query, values))

    def _pictures(self, rows: Sequence[sqlite3.Row]) -> list[Picture]:
        marks = read_marks(rows, self._database.read)
        found = (_picture(row, marks[row["id"]]) for row in rows)
        return [picture for picture in found if picture is not None]


def insert_picture(database: sqlite3.Connection, entry: Entry, owner: str) -> None:
    request, recipe, id_ = entry.recipe.request, entry.recipe, entry.path.stem
    made = time.time() if entry.made is None else entry.made
    row = {
        "id": id_, "owner": owner, "job": entry.job, "made": made, "task": request.TASK, "text": request.words,
        "sampler": request.sampler, "seed": request.seed, "pack": request.pack, "model_hash": recipe.model_hash,
        "revision": recipe.revision, "digest": entry.digest, "width": request.width, "height": request.height,
        "seconds": entry.seconds, "request": json.dumps(to_mapping(request)),
    }  # fmt: skip
    names = ", ".join(row)
    database.execute(f"INSERT INTO pictures ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
    put_origins(database, id_, request)
    write_marks(database, id_, entry.marks or Marks())


def put_origins(database: sqlite3.Connection, id_: str, request: Request | None) -> None:
    """What a picture's request names, so that it is found from there."""
    digests = set(request.named.values()) if request else set()
    query = "INSERT OR IGNORE INTO origins (picture, digest) VALUES (?, ?)"
    database.executemany(query, [(id_, digest) for digest in digests])


def read_request(text: str) -> Request | None:
    """A request as the ledger keeps it; None for one that this version cannot make any more."""
    try:
        return from_mapping(json.loads(text))
    except (StudioError, ValueError, TypeError) as error:
        logger.warning("a request in the ledger cannot be read: %s", error)
        return None


def _picture(row: sqlite3.Row, marks: Marks) -> Picture | None:
    request = read_request(row["request"])
    if request is None:
        return None
    own = {name: row[name] for name in Picture.__dataclass_fields__ if name in row.keys()}  # noqa: SIM118
    flags = {"is_deleted": row["deleted"] is not None, "is_missing": bool(row["missing"])}
    return Picture(**{**own, **flags, "marks": marks, "request": request})
