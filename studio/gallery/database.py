"""The file ``<data>/ledger.db``: one writer, numbered migrations, every change one transaction. What can be said of
pictures (`studio.gallery.columns`) is added by itself where a database has no room for it yet.

Rollback journal, as SQLite before 3.51.3 can lose a write-ahead log to a race.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from studio.errors import LedgerError, StudioError
from studio.gallery.columns import columns

FILE, LOCK = "ledger.db", "ledger.lock"

# Each is one transaction; the number of those that a database has seen is its ``user_version``. Old ones never change.
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
    # digest: of the picture's pixels, as `Pixels.digest`; '' until the next start looks at the file
    # revision: hash over all weights of the pack; '' of a picture from before it was written down
    # origins: the images that a picture's request names; vectors: float32, what a picture shows as ``model`` sees it
    """
    ALTER TABLE pictures ADD COLUMN digest TEXT NOT NULL DEFAULT '';
    ALTER TABLE pictures ADD COLUMN revision TEXT NOT NULL DEFAULT '';
    ALTER TABLE pictures ADD COLUMN note TEXT NOT NULL DEFAULT '';
    ALTER TABLE pictures ADD COLUMN collection TEXT NOT NULL DEFAULT '';
    CREATE INDEX pictures_digest ON pictures (digest);
    CREATE INDEX pictures_collection ON pictures (owner, collection);
    CREATE TABLE tags (tag TEXT NOT NULL, picture TEXT NOT NULL, PRIMARY KEY (tag, picture)) WITHOUT ROWID;
    CREATE INDEX tags_picture ON tags (picture);
    CREATE TABLE origins (
        picture TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (picture, digest)
    ) WITHOUT ROWID;
    CREATE INDEX origins_digest ON origins (digest);
    CREATE TABLE vectors (picture TEXT PRIMARY KEY, model TEXT NOT NULL, vector BLOB NOT NULL);
    """,
)


class Database:
    """The database in the folder ``data``. Safe to use from many threads. ``everybody`` lets each see all rows, for a
    studio of one person. Raises `StudioError` where another process has the folder, or a newer version wrote it."""

    def __init__(self, data: Path, *, everybody: bool = False) -> None:
        self._everybody = everybody
        data.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._file_lock = FileLock(data / LOCK)
        try:
            self._file_lock.acquire(timeout=0)
        except Timeout:
            raise StudioError(
                "Another studio is using the folder {folder}; give this one another folder with STUDIO_DATA.",
                folder=str(data),
            ) from None
        try:
            self._connection = sqlite3.connect(data / FILE, check_same_thread=False, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._migrate()
        except sqlite3.Error as error:
            self._file_lock.release()
            raise StudioError(
                "{file} cannot be read ({kind}). The pictures are safe: move this file away, and they are taken "
                "in again at the next start.",
                file=str(data / FILE),
                kind=str(error),
            ) from None

    def close(self) -> None:
        with self._lock:
            self._connection.close()
            self._file_lock.release()

    def _migrate(self) -> None:
        (seen,) = self._connection.execute("PRAGMA user_version").fetchone()
        if seen > len(MIGRATIONS):
            raise StudioError("The data folder was written by a newer version of the studio; update this one.")
        for number, script in enumerate(MIGRATIONS[seen:], seen + 1):
            self._connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")
        for name, column in columns().items():
            if not column.kind.is_in(name, self.read):
                self._connection.executescript(f"BEGIN; {column.kind.create(name)} COMMIT;")

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction. Raises `LedgerError` where it cannot be written."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise LedgerError("The data folder cannot be written to ({reason}).", reason=str(error)) from None
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def read(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def where(self, owner: str, *conditions: str) -> tuple[str, list[Any]]:
        """What SQL asks of a row that the owner may see and for which the ``conditions`` are true, with the values that
        come before theirs. Whoever has no name sees nothing, not even what is nobody's."""
        texts, values = (["1"], []) if self._everybody else (["owner = ? AND owner <> ''"], [owner])
        return " AND ".join([*texts, *conditions]), values
