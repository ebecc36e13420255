"""What has been asked for and what came of it, in a database beside the pictures: ``<data>/ledger.db``.

Pictures are files first (`Store`); a row here makes one quick to find, and knows whose it is. A picture whose row was
lost, because the process ended in between, is adopted from its own recipe at the next start; a row whose picture is
gone says so. One process writes: a second one on the same folder is refused.

Rollback journal, as SQLite before 3.51.3 can lose a write-ahead log to a race; every change is one transaction.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from studio.errors import LedgerError, MissingImage, NoRecipe, StudioError
from studio.gallery.recipe import Recipe, read_recipe
from studio.requests import from_mapping, to_mapping
from studio.requests.request import Request

logger = logging.getLogger(__name__)

FILE, LOCK = "ledger.db", "ledger.lock"
DAY = 86_400.0  # seconds
KEPT_IN_BIN = 30 * DAY
PAGE = 60  # pictures
MOST_OFFERED = 20  # interrupted jobs
LONGEST_SEARCH = 200  # characters
HAN = re.compile(r"([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")

# Each is one transaction; the number of those that a database has seen is its ``user_version``.
MIGRATIONS = (
    """
    CREATE TABLE pictures (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, job TEXT NOT NULL, made REAL NOT NULL, task TEXT NOT NULL,
        text TEXT NOT NULL, sampler TEXT NOT NULL, seed INTEGER NOT NULL, pack TEXT NOT NULL, model_hash TEXT NOT NULL,
        width INTEGER NOT NULL, height INTEGER NOT NULL, seconds REAL, request TEXT NOT NULL,
        favourite INTEGER NOT NULL DEFAULT 0, deleted REAL, missing INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX pictures_made ON pictures (deleted, made DESC);
    CREATE INDEX pictures_owner ON pictures (owner, deleted, made DESC);
    CREATE VIRTUAL TABLE words USING fts5 (id UNINDEXED, text);
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL, begun REAL NOT NULL,
        ended REAL, reason TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX jobs_owner ON jobs (owner, state, begun DESC);
    """,
)


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
    width: int
    height: int
    seconds: float | None
    is_favourite: bool
    is_deleted: bool
    is_missing: bool
    request: Request


@dataclass(frozen=True)
class Wanted:
    """Which pictures: with all of ``words`` in what they were made from, of a ``task`` or any, favourites only, or
    those in the bin; made before ``before``, for the next page."""

    words: str = ""
    task: str = ""
    favourites: bool = False
    deleted: bool = False
    before: tuple[float, str] | None = None


@dataclass(frozen=True)
class Interrupted:
    """A job that had not ended when the studio did."""

    job: str
    request: Request


class Ledger:
    """The database in the folder ``data``. Safe to use from many threads. ``everybody`` lets each see all pictures, for
    a studio of one person. Raises `StudioError` where another process has the folder."""

    def __init__(self, data: Path, *, everybody: bool = False) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._everybody = everybody
        self._lock = threading.RLock()
        self._file_lock = FileLock(data / LOCK)
        try:
            self._file_lock.acquire(timeout=0)
        except Timeout:
            raise StudioError(
                f"Another studio is using the folder {data}; give this one another folder with STUDIO_DATA."
            ) from None
        self._database = sqlite3.connect(data / FILE, check_same_thread=False, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = DELETE")
        self._database.execute("PRAGMA synchronous = FULL")
        self._migrate()

    def close(self) -> None:
        with self._lock:
            self._database.close()
            self._file_lock.release()

    def _migrate(self) -> None:
        (seen,) = self._database.execute("PRAGMA user_version").fetchone()
        if seen > len(MIGRATIONS):
            raise StudioError("The data folder was written by a newer version of the studio; update this one.")
        for number, script in enumerate(MIGRATIONS[seen:], seen + 1):
            self._database.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction. Raises `LedgerError` where it cannot be written."""
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise LedgerError(f"The data folder cannot be written to ({error}).") from None
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    # jobs

    def accept(self, job: str, owner: str, request: Request) -> None:
        """A job that has been taken."""
        values = (job, owner, json.dumps(to_mapping(request)), "waiting", time.time())
        with self._change() as database:
            database.execute("INSERT INTO jobs (id, owner, request, state, begun) VALUES (?, ?, ?, ?, ?)", values)

    def note(self, job: str, state: str, reason: str = "") -> None:
        """What has become of a job: "running", "done", "failed" or "cancelled". Of others nothing is written."""
        ended = None if state == "running" else time.time()
        with self._change() as database:
            database.execute(
                "UPDATE jobs SET state = ?, ended = ?, reason = ? WHERE id = ?", (state, ended, reason, job)
            )

    def interrupted(self, owner: str) -> list[Interrupted]:
        """The owner's jobs that had not ended when the studio did, the latest first."""
        conditions, values = self._visible(owner)
        where = " AND ".join([*conditions, "state = 'interrupted'"])
        query = f"SELECT id, request FROM jobs WHERE {where} ORDER BY begun DESC LIMIT {MOST_OFFERED}"
        return [
            Interrupted(row["id"], request)
            for row in self._read(query, values)
            if (request := _request(row["request"])) is not None
        ]

    def dismiss(self, owner: str, job: str) -> None:
        """An interrupted job that nobody needs to be told of any more."""
        conditions, values = self._visible(owner)
        where = " AND ".join([*conditions, "id = ?", "state = 'interrupted'"])
        with self._change() as database:
            database.execute(f"UPDATE jobs SET state = 'cancelled' WHERE {where}", [*values, job])

    # pictures

    def add(self, path: Path, recipe: Recipe, job: str = "", owner: str = "", seconds: float | None = None) -> None:
        """A picture that is on the disk. Its owner is its job's, if that is known."""
        with self._change() as database:
            row = database.execute("SELECT owner FROM jobs WHERE id = ?", (job,)).fetchone()
            _insert(database, path, recipe, job, row["owner"] if row else owner, time.time(), seconds)

    def find(self, owner: str, wanted: Wanted) -> list[Picture]:
        """At most `PAGE` pictures, the latest first."""
        conditions, values = self._visible(owner)
        conditions.append("deleted IS NOT NULL" if wanted.deleted else "deleted IS NULL")
        if wanted.task:
            conditions.append("task = ?")
            values.append(wanted.task)
        if wanted.favourites:
            conditions.append("favourite = 1")
        if match := _match(wanted.words):
            conditions.append("id IN (SELECT id FROM words WHERE words MATCH ?)")
            values.append(match)
        if wanted.before is not None:
            conditions.append("(made, id) < (?, ?)")
            values += wanted.before
        query = f"SELECT * FROM pictures WHERE {' AND '.join(conditions)} ORDER BY made DESC, id DESC LIMIT {PAGE}"
        return [picture for row in self._read(query, values) if (picture := _picture(row)) is not None]

    def count(self, owner: str) -> int:
        conditions, values = self._visible(owner)
        query = f"SELECT count(*) AS n FROM pictures WHERE {' AND '.join([*conditions, 'deleted IS NULL'])}"
        return int(self._read(query, values)[0]["n"])

    def picture(self, owner: str, id_: str) -> Picture:
        """Raises `MissingImage` for one that is not there, or is somebody else's."""
        conditions, values = self._visible(owner)
        rows = self._read(f"SELECT * FROM pictures WHERE {' AND '.join([*conditions, 'id = ?'])}", [*values, id_])
        picture = _picture(rows[0]) if rows else None
        if picture is None:
            raise MissingImage("There is no such picture (any more).")
        return picture

    def favour(self, owner: str, ids: Iterable[str], *, is_favourite: bool) -> None:
        self._set(owner, ids, "favourite", int(is_favourite))

    def delete(self, owner: str, ids: Iterable[str]) -> None:
        """Puts pictures in the bin."""
        self._set(owner, ids, "deleted", time.time())

    def restore(self, owner: str, ids: Iterable[str]) -> None:
        """Takes pictures out of the bin."""
        self._set(owner, ids, "deleted", None)

    def _set(self, owner: str, ids: Iterable[str], column: str, value: Any) -> None:
        conditions, values = self._visible(owner)
        query = f"UPDATE pictures SET {column} = ? WHERE {' AND '.join([*conditions, 'id = ?'])}"
        with self._change() as database:
            database.executemany(query, [(value, *values, id_) for id_ in ids])

    def _visible(self, owner: str) -> tuple[list[str], list[Any]]:
        """What the owner may see; whoever has no name sees nothing, not even what is nobody's."""
        return (["1"], []) if self._everybody else (["owner = ? AND owner <> ''"], [owner])

    # repairs

    def repair(self, pictures: Path) -> None:
        """At the start: jobs that had not ended are interrupted, pictures in the folder without a row are adopted, rows
        without a picture are flagged, and what has been in the bin for long enough goes."""
        with self._change() as database:
            database.execute("UPDATE jobs SET state = 'interrupted' WHERE state IN ('waiting', 'running')")
        files = {file.stem: file for file in pictures.glob("*.png")}
        known = {row["id"] for row in self._read("SELECT id FROM pictures")}
        self._adopt([file for id_, file in files.items() if id_ not in known])
        with self._change() as database:
            database.execute("UPDATE pictures SET missing = 0")
            gone = [(id_,) for id_ in known if id_ not in files]
            database.executemany("UPDATE pictures SET missing = 1 WHERE id = ?", gone)
        self.empty_bin(pictures, time.time() - KEPT_IN_BIN)

    def _adopt(self, files: Sequence[Path]) -> None:
        unfinished = self._read("SELECT id, owner, request FROM jobs WHERE state = 'interrupted'")
        jobs = [(row["id"], row["owner"], request) for row in unfinished if (request := _request(row["request"]))]
        with self._change() as database:
            for file in files:
                try:
                    recipe, made = read_recipe(file), file.stat().st_mtime
                except (NoRecipe, OSError) as error:
                    logger.warning("%s is left out of the gallery: %s", file.name, error)
                    continue
                job, owner = next(
                    ((id_, owner) for id_, owner, asked in jobs if _is_of(recipe.request, asked)), ("", "")
                )
                _insert(database, file, recipe, job, owner, made, None)

    def empty_bin(self, pictures: Path, before: float) -> None:
        """Deletes what was put in the bin before a time."""
        ids = [row["id"] for row in self._read("SELECT id FROM pictures WHERE deleted < ?", (before,))]
        with self._change() as database:
            database.executemany("DELETE FROM pictures WHERE id = ?", [(id_,) for id_ in ids])
            database.executemany("DELETE FROM words WHERE id = ?", [(id_,) for id_ in ids])
        for id_ in ids:  # the rows first: a picture without a row comes back, and can be deleted again
            for ending in (".png", ".zip"):
                (pictures / f"{id_}{ending}").unlink(missing_ok=True)


def _insert(
    database: sqlite3.Connection, path: Path, recipe: Recipe, job: str, owner: str, made: float, seconds: float | None
) -> None:
    request = recipe.request
    text = request.words
    values = (
        path.stem, owner, job, made, request.TASK, text, request.sampler, request.seed, request.pack, recipe.model_hash,
        request.width, request.height, seconds, json.dumps(to_mapping(request)),
    )  # fmt: skip
    names = "id, owner, job, made, task, text, sampler, seed, pack, model_hash, width, height, seconds, request"
    database.execute(f"INSERT INTO pictures ({names}) VALUES ({', '.join('?' * len(values))})", values)
    searched = _apart(f"{text} {request.sampler} {request.pack} {request.TASK} {request.seed}")
    database.execute("INSERT INTO words (id, text) VALUES (?, ?)", (path.stem, searched))


def _apart(text: str) -> str:
    """Chinese writes no spaces; each character becomes a word of its own."""
    return HAN.sub(r" \1 ", text)


def _match(words: str) -> str:
    """What FTS5 looks for: all words, the last of them perhaps not finished; empty where there are none."""
    found = re.findall(r"\w+", _apart(words[:LONGEST_SEARCH]))
    return " ".join(f'"{word}"*' for word in found)


def _is_of(drawn: Request, asked: Request) -> bool:
    """Whether ``drawn`` is one of the pictures that were ``asked`` for."""
    return drawn.TASK == asked.TASK and any(asked.alone(index) == drawn for index in range(asked.count))


def _request(text: str) -> Request | None:
    """None for one that this version cannot make any more."""
    try:
        return from_mapping(json.loads(text))
    except (StudioError, ValueError, TypeError) as error:
        logger.warning("a request in the ledger cannot be read: %s", error)
        return None


def _picture(row: sqlite3.Row) -> Picture | None:
    request = _request(row["request"])
    if request is None:
        return None
    own = {name: row[name] for name in Picture.__dataclass_fields__ if name in row.keys()}  # noqa: SIM118
    flags = {"is_favourite": bool(row["favourite"]), "is_deleted": row["deleted"] is not None}
    return Picture(**{**own, **flags, "is_missing": bool(row["missing"]), "request": request})
