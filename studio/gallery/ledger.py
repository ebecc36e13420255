"""What has been asked for and what came of it: rows of jobs and of pictures, in a database beside the pictures.

Pictures are files first (`Store`); a row here makes one quick to find, and knows whose it is. A picture whose row was
lost, because the process ended in between, is adopted from its own recipe at the next start; a row whose picture is
gone says so.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from studio.errors import InvalidRequest, MissingImage, NoRecipe, StudioError
from studio.gallery.containers import read_recipe
from studio.gallery.database import Database
from studio.gallery.likeness import Vectors
from studio.gallery.recipe import Recipe
from studio.gallery.wanted import PictureFilter, apart
from studio.images.pixels import Pixels
from studio.requests import from_mapping, to_mapping
from studio.requests.request import Request

logger = logging.getLogger(__name__)

DAY = 86_400.0  # seconds
KEPT_IN_BIN = 30 * DAY
PAGE = 60  # pictures
THUMBNAILS = "thumbnails"  # the folder beside that of the pictures
MOST_OFFERED = 20  # interrupted jobs
MOST_TAGS, LONGEST_TAG, LONGEST_COLLECTION, LONGEST_NOTE = 20, 40, 80, 2000
MOST_GENERATIONS, MOST_RELATED = 12, 200  # of a picture's tree


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
class Marks:
    """What a person says of a picture. Raises `InvalidRequest` for what is too long or too many."""

    is_favourite: bool = False
    tags: tuple[str, ...] = ()
    note: str = ""
    collection: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.is_favourite, bool):
            raise InvalidRequest("favourite", self.is_favourite, "true or false")
        if not isinstance(self.tags, (list, tuple)) or len(self.tags) > MOST_TAGS:
            raise InvalidRequest("tags", self.tags, "at most {most} of them", most=MOST_TAGS)
        tags = dict.fromkeys(_line("tag", tag, LONGEST_TAG) for tag in self.tags)
        object.__setattr__(self, "tags", tuple(tag for tag in tags if tag))
        object.__setattr__(self, "collection", _line("collection", self.collection, LONGEST_COLLECTION))
        if not isinstance(self.note, str) or len(self.note) > LONGEST_NOTE or _is_broken(self.note):
            raise InvalidRequest("note", self.note, "text of at most {most} characters", most=LONGEST_NOTE)


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


@dataclass(frozen=True)
class Interrupted:
    """A job that had not ended when the studio did."""

    job: str
    request: Request


@dataclass(frozen=True)
class Related:
    """A picture in another one's tree, made from those called ``parents``."""

    picture: Picture
    parents: tuple[str, ...]


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


class Ledger:
    """The rows in the folder ``data``. Safe to use from many threads. ``everybody`` lets each see all pictures, for a
    studio of one person. Raises `StudioError` where another process has the folder."""

    def __init__(self, data: Path, *, everybody: bool = False) -> None:
        self._everybody = everybody
        self._database = Database(data)
        self._vectors: tuple[str, Vectors] | None = None  # of the model of that name; None after a change
        self._vectors_lock = threading.Lock()

    def close(self) -> None:
        self._database.close()

    # jobs

    def accept(self, job: str, owner: str, request: Request) -> None:
        """A job that has been taken."""
        values = (job, owner, json.dumps(to_mapping(request)), "waiting", time.time())
        with self._database.change() as database:
            database.execute("INSERT INTO jobs (id, owner, request, state, begun) VALUES (?, ?, ?, ?, ?)", values)

    def note(self, job: str, state: str, reason: str = "") -> None:
        """What has become of a job: "running", "done", "failed" or "cancelled". Of others nothing is written."""
        ended = None if state == "running" else time.time()
        with self._database.change() as database:
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
            for row in self._database.read(query, values)
            if (request := _request(row["request"])) is not None
        ]

    def dismiss(self, owner: str, job: str) -> None:
        """An interrupted job that nobody needs to be told of any more."""
        conditions, values = self._visible(owner)
        where = " AND ".join([*conditions, "id = ?", "state = 'interrupted'"])
        with self._database.change() as database:
            database.execute(f"UPDATE jobs SET state = 'cancelled' WHERE {where}", [*values, job])

    # pictures

    def add(self, entry: Entry) -> None:
        """A picture that is on the disk."""
        with self._database.change() as database:
            row = database.execute("SELECT owner FROM jobs WHERE id = ?", (entry.job,)).fetchone()
            _insert(database, entry, row["owner"] if row else entry.owner)

    def find(self, owner: str, wanted: PictureFilter, most: int = PAGE) -> list[Picture]:
        """At most so many pictures, the latest first."""
        where, values = self._where(owner, wanted)
        rows = self._database.read(
            f"SELECT * FROM pictures WHERE {where} ORDER BY made DESC, id DESC LIMIT ?", [*values, most]
        )
        return self._pictures(rows)

    def names(self, owner: str, wanted: PictureFilter) -> list[str]:
        """The names of all such pictures, the latest first."""
        where, values = self._where(owner, wanted)
        query = f"SELECT id FROM pictures WHERE {where} ORDER BY made DESC, id DESC"
        return [row["id"] for row in self._database.read(query, values)]

    def count(self, owner: str, wanted: PictureFilter | None = None) -> int:
        where, values = self._where(owner, wanted or PictureFilter())
        return int(self._database.read(f"SELECT count(*) AS n FROM pictures WHERE {where}", values)[0]["n"])

    def picture(self, owner: str, id_: str) -> Picture:
        """Raises `MissingImage` for one that is not there, or is somebody else's."""
        found = self.pictures(owner, [id_])
        if not found:
            raise MissingImage("There is no such picture (any more).")
        return found[0]

    def pictures(self, owner: str, ids: Sequence[str]) -> list[Picture]:
        """Those of the pictures called ``ids`` that are there, in this order."""
        conditions, values = self._visible(owner)
        query = f"SELECT * FROM pictures WHERE {' AND '.join([*conditions, 'id IN (SELECT value FROM json_each(?))'])}"
        found = {each.id: each for each in self._pictures(self._database.read(query, [*values, json.dumps(list(ids))]))}
        return [found[id_] for id_ in dict.fromkeys(ids) if id_ in found]

    def same(self, owner: str, digest: str, request: Request) -> Picture | None:
        """The picture of these pixels, made by this request, that the owner has, in the bin or missing though it may
        be."""
        conditions, values = self._visible(owner)
        query = f"SELECT * FROM pictures WHERE {' AND '.join([*conditions, 'digest = ?', 'request = ?'])}"
        found = self._pictures(self._database.read(query, [*values, digest, json.dumps(to_mapping(request))]))
        return min(found, key=lambda each: (each.is_missing, each.is_deleted), default=None)

    def is_back(self, owner: str, id_: str) -> None:
        """A picture that was missing, or in the bin, is there again."""
        self._set(owner, [id_], "missing", 0)
        self._set(owner, [id_], "deleted", None)

    def _pictures(self, rows: Sequence[sqlite3.Row]) -> list[Picture]:
        tags: dict[str, list[str]] = {row["id"]: [] for row in rows}
        query = "SELECT picture, tag FROM tags WHERE picture IN (SELECT value FROM json_each(?)) ORDER BY tag"
        for row in self._database.read(query, [json.dumps(list(tags))]):
            tags[row["picture"]].append(row["tag"])
        found = (_picture(row, tags[row["id"]]) for row in rows)
        return [picture for picture in found if picture is not None]

    # what a person says of them

    def favour(self, owner: str, ids: Iterable[str], *, is_favourite: bool) -> None:
        self._set(owner, ids, "favourite", int(is_favourite))

    def gather(self, owner: str, ids: Iterable[str], collection: str) -> None:
        """Puts pictures into a collection, out of the one that they were in; the empty name is none."""
        self._set(owner, ids, "collection", Marks(collection=collection).collection)

    def tag(self, owner: str, ids: Iterable[str], tag: str) -> None:
        """Gives each picture one more tag. Raises `InvalidRequest` where one has too many, and then changes none."""
        (name,) = Marks(tags=(tag,)).tags or ("",)
        if not name:
            raise InvalidRequest("tag", tag, "a text of at most {most} characters in one line", most=LONGEST_TAG)
        with self._database.change() as database:
            for id_ in self._own(database, owner, ids):
                database.execute("INSERT OR IGNORE INTO tags (tag, picture) VALUES (?, ?)", (name, id_))
                (count,) = database.execute("SELECT count(*) FROM tags WHERE picture = ?", (id_,)).fetchone()
                if count > MOST_TAGS:
                    raise InvalidRequest("tags", count, "at most {most} of them", most=MOST_TAGS)
                _index(database, id_)

    def mark(self, owner: str, id_: str, marks: Marks) -> None:
        """Replaces tags, note and collection of a picture; whether it is a favourite stays. Raises `MissingImage`."""
        with self._database.change() as database:
            if not self._own(database, owner, [id_]):
                raise MissingImage("There is no such picture (any more).")
            (is_favourite,) = database.execute("SELECT favourite FROM pictures WHERE id = ?", (id_,)).fetchone()
            _mark(database, id_, replace(marks, is_favourite=bool(is_favourite)))

    def delete(self, owner: str, ids: Iterable[str]) -> None:
        """Puts pictures in the bin."""
        self._set(owner, ids, "deleted", time.time())

    def restore(self, owner: str, ids: Iterable[str]) -> None:
        """Takes pictures out of the bin."""
        self._set(owner, ids, "deleted", None)

    def tags(self, owner: str) -> list[str]:
        """All tags of the owner's pictures, the most used first."""
        conditions, values = self._visible(owner)
        query = (
            f"SELECT tag FROM tags JOIN pictures ON picture = id WHERE {' AND '.join(conditions)} AND deleted IS NULL "
            "GROUP BY tag ORDER BY count(*) DESC, tag"
        )
        return [row["tag"] for row in self._database.read(query, values)]

    def collections(self, owner: str) -> list[str]:
        conditions, values = self._visible(owner)
        where = " AND ".join([*conditions, "collection <> ''", "deleted IS NULL"])
        query = f"SELECT DISTINCT collection FROM pictures WHERE {where} ORDER BY collection COLLATE NOCASE"
        return [row["collection"] for row in self._database.read(query, values)]

    def _set(self, owner: str, ids: Iterable[str], column: str, value: Any) -> None:
        conditions, values = self._visible(owner)
        query = f"UPDATE pictures SET {column} = ? WHERE {' AND '.join([*conditions, 'id = ?'])}"
        with self._database.change() as database:
            database.executemany(query, [(value, *values, id_) for id_ in ids])

    def _own(self, database: sqlite3.Connection, owner: str, ids: Iterable[str]) -> list[str]:
        """Those of the pictures called ``ids`` that the owner may change."""
        conditions, values = self._visible(owner)
        query = f"SELECT id FROM pictures WHERE {' AND '.join([*conditions, 'id = ?'])}"
        return [id_ for id_ in ids if database.execute(query, [*values, id_]).fetchone()]

    def _where(self, owner: str, wanted: PictureFilter) -> tuple[str, list[Any]]:
        conditions, values = self._visible(owner)
        texts, wishes = wanted.conditions()
        return " AND ".join([*conditions, *texts]), [*values, *wishes]

    def _visible(self, owner: str) -> tuple[list[str], list[Any]]:
        """What the owner may see; whoever has no name sees nothing, not even what is nobody's."""
        return (["1"], []) if self._everybody else (["owner = ? AND owner <> ''"], [owner])

    # where a picture comes from, and what came of it

    def lineage(self, owner: str, id_: str) -> list[Related]:
        """The tree that a picture is in: what it was made from, and all that was made from those, the oldest first.
        Made from a picture is what names its pixels; several pictures of the same pixels count as one, the oldest.
        Raises `MissingImage`."""
        first = self.picture(owner, id_)
        found, news = {first.id: first}, [first]
        parents: dict[str, set[str]] = defaultdict(set)
        for _ in range(MOST_GENERATIONS):
            above, below = self._parents(owner, news), self._children(owner, news)
            for child, source in above:
                parents[child].add(source.id)
            for parent, result in below:
                parents[result.id].add(parent)
            news = [each for _, each in (*above, *below) if each.id not in found]
            found |= {each.id: each for each in news}
            if not news or len(found) > MOST_RELATED:
                break
        tree = sorted(found.values(), key=lambda each: (each.made, each.id))[:MOST_RELATED]
        return [Related(each, tuple(sorted(parents[each.id] & found.keys()))) for each in tree]

    def _parents(self, owner: str, pictures: Sequence[Picture]) -> list[tuple[str, Picture]]:
        """Each picture's name with each of those that it was made from."""
        named = [(each.id, digest) for each in pictures for digest in each.request.named.values()]
        known = self._by_digest(owner, {digest for _, digest in named})
        return [(id_, known[digest]) for id_, digest in named if digest in known and known[digest].id != id_]

    def _children(self, owner: str, pictures: Sequence[Picture]) -> list[tuple[str, Picture]]:
        """Each picture's name with each of those that were made from it."""
        first = self._by_digest(owner, {each.digest for each in pictures if each.digest})
        parents = {digest: each.id for digest, each in first.items()}
        conditions, values = self._visible(owner)
        where = " AND ".join([*conditions, "digest_ IN (SELECT value FROM json_each(?))"])
        query = (
            "SELECT pictures.*, digest_ FROM (SELECT picture, digest AS digest_ FROM origins) "
            f"JOIN pictures ON picture = id WHERE {where} LIMIT {MOST_RELATED}"
        )
        rows = self._database.read(query, [*values, json.dumps(list(parents))])
        made = {each.id: each for each in self._pictures(rows)}
        pairs = {(parents[row["digest_"]], row["id"]) for row in rows if row["id"] in made}
        return [(parent, made[child]) for parent, child in sorted(pairs) if parent != child]

    def _by_digest(self, owner: str, digests: set[str]) -> dict[str, Picture]:
        """The oldest of the owner's pictures of each digest."""
        conditions, values = self._visible(owner)
        where = " AND ".join([*conditions, "digest IN (SELECT value FROM json_each(?))"])
        rows = self._database.read(f"SELECT * FROM pictures WHERE {where} ORDER BY made DESC", [
            *values, json.dumps(list(digests))
        ])  # fmt: skip
        return {each.digest: each for each in self._pictures(rows)}

    # what they show

    def without_vector(self, model: str, most: int) -> list[str]:
        """The names of some pictures that ``model`` has not looked at, the latest first."""
        query = (
            "SELECT id FROM pictures WHERE missing = 0 AND deleted IS NULL AND NOT EXISTS "
            "(SELECT 1 FROM vectors WHERE picture = id AND model = ?) ORDER BY made DESC LIMIT ?"
        )
        return [row["id"] for row in self._database.read(query, (model, most))]

    def put_vectors(self, model: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """What ``model`` sees in pictures, by their names: [width] each."""
        rows = [(id_, model, vector.astype(np.float32).tobytes()) for id_, vector in vectors.items()]
        with self._database.change() as database:
            database.executemany("INSERT OR REPLACE INTO vectors (picture, model, vector) VALUES (?, ?, ?)", rows)
        with self._vectors_lock:
            self._vectors = None

    def vector_of(self, model: str, id_: str) -> NDArray[np.float32] | None:
        """What ``model`` sees in a picture, at unit length; None where it has not looked yet."""
        return self._all_vectors(model).of(id_)

    def alike(
        self, owner: str, wanted: PictureFilter, model: str, vector: NDArray[np.float32], most: int = PAGE
    ) -> list[tuple[Picture, float]]:
        """Of such pictures those that show most what ``vector`` [width] says, the best first, with the cosine."""
        nearest = dict(self._all_vectors(model).nearest(vector, self.names(owner, wanted), most))
        return [(each, nearest[each.id]) for each in self.pictures(owner, list(nearest))]

    def _all_vectors(self, model: str) -> Vectors:
        with self._vectors_lock:
            kept = self._vectors
            if kept is None or kept[0] != model:
                rows = self._database.read("SELECT picture, vector FROM vectors WHERE model = ?", (model,))
                kept = self._vectors = model, Vectors((row["picture"], row["vector"]) for row in rows)
            return kept[1]

    # repairs

    def repair(self, pictures: Path) -> None:
        """At the start: jobs that had not ended are interrupted, unless all of their pictures are here; pictures in the
        folder without a row are adopted, rows without a picture are flagged, and what has been in the bin for long
        enough goes."""
        with self._database.change() as database:
            database.execute("UPDATE jobs SET state = 'interrupted' WHERE state IN ('waiting', 'running')")
        files = {file.stem: file for file in pictures.glob("*.png") if not _is_broken(file.name)}
        known = {row["id"] for row in self._database.read("SELECT id FROM pictures")}
        self._adopt([file for id_, file in files.items() if id_ not in known])
        self._end_complete()
        with self._database.change() as database:
            database.execute("UPDATE pictures SET missing = 0")
            gone = [(id_,) for id_ in known if id_ not in files]
            database.executemany("UPDATE pictures SET missing = 1 WHERE id = ?", gone)
        self._look_at(pictures)
        self.empty_bin(pictures, time.time() - KEPT_IN_BIN)

    def _look_at(self, pictures: Path) -> None:
        """Pictures from before digests were written down get theirs."""
        rows = self._database.read("SELECT id, request FROM pictures WHERE digest = '' AND missing = 0")
        with self._database.change() as database:
            for row in rows:
                digest, request = _digest(pictures / f"{row['id']}.png"), _request(row["request"])
                database.execute("UPDATE pictures SET digest = ? WHERE id = ?", (digest, row["id"]))
                _put_origins(database, row["id"], request)

    def _adopt(self, files: Sequence[Path]) -> None:
        unfinished = self._unfinished()
        with self._database.change() as database:
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
                _insert(database, Entry(file, recipe, digest, id_, made=made), owner)

    def _end_complete(self) -> None:
        """A job has ended with its last picture, even if the studio ended before that could be written down."""
        complete = [(time.time(), job.id) for job in self._unfinished() if not job.lacking]
        with self._database.change() as database:
            database.executemany("UPDATE jobs SET state = 'done', ended = ? WHERE id = ?", complete)

    def _unfinished(self) -> list[_Unfinished]:
        """The interrupted jobs that this version can read, with what they lack."""
        rows = self._database.read("SELECT id, owner, request FROM jobs WHERE state = 'interrupted'")
        asked = ((row["id"], row["owner"], _request(row["request"])) for row in rows)
        jobs = {id_: _Unfinished.of(id_, owner, request) for id_, owner, request in asked if request is not None}
        drawn = self._database.read(
            "SELECT job, pictures.request FROM pictures JOIN jobs ON jobs.id = job WHERE state = 'interrupted'"
        )
        for row in drawn:
            request = _request(row["request"])
            if request is not None and row["job"] in jobs:
                jobs[row["job"]].take(request)
        return list(jobs.values())

    def empty_bin(self, pictures: Path, before: float) -> None:
        """Deletes what was put in the bin before a time, with all that was made of it."""
        ids = [row["id"] for row in self._database.read("SELECT id FROM pictures WHERE deleted < ?", (before,))]
        with self._database.change() as database:
            for table, column in (
                ("pictures", "id"), ("words", "id"), ("tags", "picture"), ("origins", "picture"), ("vectors", "picture")
            ):  # fmt: skip
                where = f"{column} IN (SELECT value FROM json_each(?))"
                database.execute(f"DELETE FROM {table} WHERE {where}", (json.dumps(ids),))
        for id_ in ids:  # the rows first: a picture without a row comes back, and can be deleted again
            for file in (f"{id_}.png", f"{id_}.zip", f"../{THUMBNAILS}/{id_}.webp"):
                (pictures / file).unlink(missing_ok=True)


def _insert(database: sqlite3.Connection, entry: Entry, owner: str) -> None:
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
    _put_origins(database, id_, request)
    _mark(database, id_, entry.marks or Marks())


def _put_origins(database: sqlite3.Connection, id_: str, request: Request | None) -> None:
    digests = set(request.named.values()) if request else set()
    query = "INSERT OR IGNORE INTO origins (picture, digest) VALUES (?, ?)"
    database.executemany(query, [(id_, digest) for digest in digests])


def _mark(database: sqlite3.Connection, id_: str, marks: Marks) -> None:
    values = (int(marks.is_favourite), marks.note, marks.collection, id_)
    database.execute("UPDATE pictures SET favourite = ?, note = ?, collection = ? WHERE id = ?", values)
    database.execute("DELETE FROM tags WHERE picture = ?", (id_,))
    database.executemany("INSERT INTO tags (tag, picture) VALUES (?, ?)", [(tag, id_) for tag in marks.tags])
    _index(database, id_)


def _index(database: sqlite3.Connection, id_: str) -> None:
    """Lets a picture be found by all that is said of it."""
    row = database.execute(
        "SELECT text, sampler, pack, task, seed, note, "
        "(SELECT group_concat(tag, ' ') FROM tags WHERE picture = id) AS tags FROM pictures WHERE id = ?",
        (id_,),
    ).fetchone()
    searched = apart(" ".join(str(value) for value in row if value is not None))
    database.execute("DELETE FROM words WHERE id = ?", (id_,))
    database.execute("INSERT INTO words (id, text) VALUES (?, ?)", (id_, searched))


def _line(field: str, value: object, longest: int) -> str:
    """A text in one line, without spaces around it."""
    if not isinstance(value, str) or len(value) > longest or _is_broken(value) or not value.isprintable():
        raise InvalidRequest(field, value, "a text of at most {most} characters in one line", most=longest)
    return value.strip()


def _is_broken(text: str) -> bool:
    return "\0" in text or any(0xD800 <= ord(character) <= 0xDFFF for character in text)


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


def _request(text: str) -> Request | None:
    """None for one that this version cannot make any more."""
    try:
        return from_mapping(json.loads(text))
    except (StudioError, ValueError, TypeError) as error:
        logger.warning("a request in the ledger cannot be read: %s", error)
        return None


def _picture(row: sqlite3.Row, tags: Sequence[str]) -> Picture | None:
    request = _request(row["request"])
    if request is None:
        return None
    own = {name: row[name] for name in Picture.__dataclass_fields__ if name in row.keys()}  # noqa: SIM118
    marks = Marks(bool(row["favourite"]), tuple(tags), row["note"], row["collection"])
    flags = {"is_deleted": row["deleted"] is not None, "is_missing": bool(row["missing"])}
    return Picture(**{**own, **flags, "marks": marks, "request": request})
