"""What a person says of a picture: one checked value, and where it lies in the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from studio.errors import InvalidRequest, MissingImage
from studio.gallery.column import Column, Read
from studio.gallery.columns import columns
from studio.gallery.database import Database
from studio.gallery.wanted import apart


class Marks(Mapping[str, Any]):
    """Values by the names of their columns, for every column. Raises `InvalidRequest` for a value that its column does
    not take, and for one of a column that is none."""

    def __init__(self, **values: object) -> None:
        check_names(values)
        self._values = {
            name: column.kind.check(name, values[name]) if name in values else column.kind.empty
            for name, column in columns().items()
        }

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Marks(**{self._values!r})"

    @property
    def symbols(self) -> str:
        """Of the flags that are on."""
        return "".join(getattr(column.kind, "symbol", "") for name, column in columns().items() if self[name] is True)


def check_names(values: Mapping[str, object]) -> None:
    """Raises `InvalidRequest` where one is no column's."""
    if not values.keys() <= columns().keys():
        raise InvalidRequest("marks", list(values), "some of: {names}", names=", ".join(columns()))


def readable_marks(values: Mapping[str, Any]) -> Marks:
    """What ``values`` say, as far as it can be said."""
    kept: dict[str, Any] = {}
    for name, column in columns().items():
        try:
            kept[name] = column.kind.check(name, values.get(name, column.kind.empty))
        except (InvalidRequest, TypeError):
            continue
    return Marks(**kept)


class MarkTable:
    """What the owners of pictures say of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def act(self, owner: str, ids: Iterable[str], action: str, word: str = "") -> None:
        """Does one of a column's actions with pictures, some of which need a ``word``. Raises `InvalidRequest` where
        one of them cannot have its new value, and then changes none."""
        column = actions().get(action)
        if column is None:
            raise InvalidRequest("action", action, "one of: {names}", names=", ".join(actions()))
        change, name = column.kind.actions[action], column.name
        with self._database.change() as database:
            for row in self._own(database, owner, ids):
                before = column.kind.read(name, [row], reading(database))[row["id"]]
                write_marks(database, row["id"], {name: column.kind.check(name, change(before, word))})

    def change(self, owner: str, id_: str, values: Mapping[str, object]) -> None:
        """Replaces what is said of a picture in the columns that ``values`` name. Raises `MissingImage`, and
        `InvalidRequest`."""
        check_names(values)
        checked = {name: columns()[name].kind.check(name, value) for name, value in values.items()}
        with self._database.change() as database:
            if not self._own(database, owner, [id_]):
                raise MissingImage("There is no such picture (any more).")
            write_marks(database, id_, checked)

    def in_use(self, owner: str, name: str) -> list[str]:
        """The values of a column that the owner's pictures have, the first to be offered first; none of a column that
        offers none."""
        where, values = self._database.where(owner, "deleted IS NULL")
        query = columns()[name].kind.in_use(name, where)
        return [row["value"] for row in self._database.read(query, values)] if query else []

    def _own(self, database: sqlite3.Connection, owner: str, ids: Iterable[str]) -> list[sqlite3.Row]:
        """The rows of those of the pictures called ``ids`` that the owner may change."""
        where, values = self._database.where(owner, "id = ?")
        query = f"SELECT * FROM pictures WHERE {where}"
        rows = (database.execute(query, [*values, id_]).fetchone() for id_ in ids)
        return [row for row in rows if row is not None]


def actions() -> dict[str, Column]:
    """The column of each action that can be done with pictures, by the action's name."""
    return {action: column for column in columns().values() for action in column.kind.actions}


def reading(database: sqlite3.Connection) -> Read:
    return lambda query, values: database.execute(query, values).fetchall()


def read_marks(rows: Sequence[sqlite3.Row], read: Read) -> dict[str, Marks]:
    """What is said of the pictures in some rows, by their names."""
    found = {name: column.kind.read(name, rows, read) for name, column in columns().items()}
    return {row["id"]: Marks(**{name: values[row["id"]] for name, values in found.items()}) for row in rows}


def write_marks(database: sqlite3.Connection, id_: str, values: Mapping[str, Any]) -> None:
    """Replaces what is said of a picture in some columns, and lets it be found by that."""
    for name, value in values.items():
        for query, of_query in columns()[name].kind.write(name, id_, value):
            database.execute(query, of_query)
    if any(columns()[name].is_searched for name in values):
        _index(database, id_)


def _index(database: sqlite3.Connection, id_: str) -> None:
    """Lets a picture be found by its request's words and all that is said of it."""
    row = database.execute("SELECT * FROM pictures WHERE id = ?", (id_,)).fetchone()
    said = (
        column.kind.plain(column.kind.read(name, [row], reading(database))[id_])
        for name, column in columns().items()
        if column.is_searched
    )
    words = [str(row[name]) for name in ("text", "sampler", "pack", "task", "seed")]
    database.execute("DELETE FROM words WHERE id = ?", (id_,))
    searched = apart(" ".join([*words, *map(str, said)]))
    database.execute("INSERT INTO words (id, text) VALUES (?, ?)", (id_, searched))
