"""What a person says of a picture, column by column: how it is checked, kept, found, written out and changed.

A `Column` is a name and a kind. The kind knows the rest: `Flag` is on or off, `Text` is text of several lines,
`Choice` is one name out of those in use, `Words` is several of them. `studio.gallery.columns` has one file a column.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeAlias

from studio.errors import InvalidRequest

Read: TypeAlias = Callable[[str, Sequence[Any]], Sequence[Any]]  # a query and its values: rows, by their names
Change: TypeAlias = Callable[[Any, str], Any]  # the value that there was, and a word: the value that there is
PICTURES = "pictures"  # the table, of one row a picture


class Kind(Protocol):
    """``empty`` is the value of a picture of which nothing was said. ``actions`` change the value of many pictures at
    once, by the names that the page has for them."""

    @property
    def empty(self) -> Any: ...

    @property
    def actions(self) -> Mapping[str, Change]: ...

    @property
    def longest(self) -> int:
        """Characters that a person may write; 0 where there is nothing to write."""

    def check(self, name: str, value: object) -> Any:
        """The ``value`` as it is kept. Raises `InvalidRequest` for one that is none."""

    def check_wanted(self, name: str, value: object) -> Any:
        """What pictures are filtered by; empty where they are not. Raises `InvalidRequest`."""

    def condition(self, name: str) -> str:
        """What SQL asks of a row of `PICTURES`, with one ``?`` for what is wanted."""

    def create(self, name: str) -> str:
        """The SQL that adds the column to a database that has none."""

    def is_in(self, name: str, read: Read) -> bool:
        """Whether the database has the column."""

    def read(self, name: str, rows: Sequence[Any], read: Read) -> Mapping[str, Any]:
        """The values of some rows of `PICTURES`, by the pictures' names."""

    def write(self, name: str, id_: str, value: Any) -> Sequence[tuple[str, Sequence[Any]]]:
        """The statements that replace a picture's value, each with its values."""

    def in_use(self, name: str, where: str) -> str:
        """The query for the values that pictures have, as ``value``, the first to be offered first; empty where none
        are offered. ``where`` says which pictures."""

    def table(self, name: str) -> str:
        """The table beside `PICTURES` that holds the values, by their ``picture``; empty where there is none."""

    def plain(self, value: Any) -> bool | str:
        """The value as it stands in one cell of a table."""


@dataclass(frozen=True)
class InRow:
    """A kind whose values stand in the row of their picture."""

    TYPE: ClassVar[str]

    def condition(self, name: str) -> str:
        return f"{name} = ?"

    def create(self, name: str) -> str:
        return f"ALTER TABLE {PICTURES} ADD COLUMN {name} {self.TYPE};"

    def is_in(self, name: str, read: Read) -> bool:
        return any(row["name"] == name for row in read(f"PRAGMA table_info({PICTURES})", ()))

    def read(self, name: str, rows: Sequence[Any], read: Read) -> Mapping[str, Any]:
        return {row["id"]: row[name] for row in rows}

    def write(self, name: str, id_: str, value: Any) -> Sequence[tuple[str, Sequence[Any]]]:
        return [(f"UPDATE {PICTURES} SET {name} = ? WHERE id = ?", (value, id_))]

    def in_use(self, name: str, where: str) -> str:
        return ""

    def table(self, name: str) -> str:
        return ""

    def plain(self, value: Any) -> bool | str:
        return value


@dataclass(frozen=True)
class Flag(InRow):
    """On or off. ``on`` and ``off`` name the actions; ``symbol`` stands at pictures where it is on."""

    TYPE = "INTEGER NOT NULL DEFAULT 0"

    on: str
    off: str
    symbol: str = ""
    empty: bool = False
    longest: int = 0

    @property
    def actions(self) -> Mapping[str, Change]:
        return {self.on: lambda before, word: True, self.off: lambda before, word: False}

    def check(self, name: str, value: object) -> bool:
        if not isinstance(value, bool):
            raise InvalidRequest(name, value, "true or false")
        return value

    def check_wanted(self, name: str, value: object) -> bool:
        return value is True

    def read(self, name: str, rows: Sequence[Any], read: Read) -> Mapping[str, Any]:
        return {row["id"]: bool(row[name]) for row in rows}


@dataclass(frozen=True)
class Text(InRow):
    """Text of several lines."""

    TYPE = "TEXT NOT NULL DEFAULT ''"

    longest: int
    empty: str = ""
    actions: Mapping[str, Change] = field(default_factory=dict)

    def check(self, name: str, value: object) -> str:
        if not isinstance(value, str) or len(value) > self.longest or is_broken(value):
            raise InvalidRequest(name, value, "text of at most {most} characters", most=self.longest)
        return value

    def check_wanted(self, name: str, value: object) -> str:
        return self.check(name, "" if value is None else value)


@dataclass(frozen=True)
class Choice(InRow):
    """One name, of those that other pictures have or a new one; ``put`` names the action that gives it."""

    TYPE = "TEXT NOT NULL DEFAULT ''"

    put: str
    longest: int
    empty: str = ""

    @property
    def actions(self) -> Mapping[str, Change]:
        return {self.put: lambda before, word: word}

    def check(self, name: str, value: object) -> str:
        return one_line(name, value, self.longest)

    def check_wanted(self, name: str, value: object) -> str:
        self.check(name, "" if value is None else value)
        return str(value or "")

    def in_use(self, name: str, where: str) -> str:
        return (
            f"SELECT DISTINCT {name} AS value FROM {PICTURES} WHERE {where} AND {name} <> '' "
            f"ORDER BY {name} COLLATE NOCASE"
        )


@dataclass(frozen=True)
class Words:
    """Several names, kept in a table that is called as the column is, whose rows are a ``word`` and a ``picture``.
    ``add`` names the action that gives one more."""

    add: str
    word: str
    most: int
    longest: int
    empty: tuple[str, ...] = ()

    @property
    def actions(self) -> Mapping[str, Change]:
        return {self.add: self._added}

    def _added(self, before: tuple[str, ...], word: object) -> tuple[object, ...]:
        if not one_line(self.word, word, self.longest):
            raise InvalidRequest(self.word, word, "a text of at most {most} characters in one line", most=self.longest)
        return (*before, word)

    def check(self, name: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple)):
            raise InvalidRequest(name, value, "at most {most} of them", most=self.most)
        words = dict.fromkeys(one_line(self.word, word, self.longest) for word in value)
        if len(words) > self.most:
            raise InvalidRequest(name, value, "at most {most} of them", most=self.most)
        return tuple(word for word in words if word)

    def check_wanted(self, name: str, value: object) -> str:
        one_line(name, "" if value is None else value, self.longest)
        return str(value or "")

    def condition(self, name: str) -> str:
        return f"id IN (SELECT picture FROM {name} WHERE {self.word} = ?)"

    def create(self, name: str) -> str:
        return (
            f"CREATE TABLE {name} ({self.word} TEXT NOT NULL, picture TEXT NOT NULL, "
            f"PRIMARY KEY ({self.word}, picture)) WITHOUT ROWID; CREATE INDEX {name}_picture ON {name} (picture);"
        )

    def is_in(self, name: str, read: Read) -> bool:
        return bool(read("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)))

    def read(self, name: str, rows: Sequence[Any], read: Read) -> Mapping[str, Any]:
        found: dict[str, list[str]] = {row["id"]: [] for row in rows}
        query = (
            f"SELECT picture, {self.word} AS word FROM {name} WHERE picture IN (SELECT value FROM json_each(?)) "
            "ORDER BY word"
        )
        for row in read(query, [json.dumps(list(found))]):
            found[row["picture"]].append(row["word"])
        return {id_: tuple(words) for id_, words in found.items()}

    def write(self, name: str, id_: str, value: Any) -> Sequence[tuple[str, Sequence[Any]]]:
        forget = (f"DELETE FROM {name} WHERE picture = ?", (id_,))
        query = f"INSERT INTO {name} ({self.word}, picture) VALUES (?, ?)"
        return [forget, *((query, (word, id_)) for word in value)]

    def in_use(self, name: str, where: str) -> str:
        return (
            f"SELECT {self.word} AS value FROM {name} JOIN {PICTURES} ON picture = id WHERE {where} "
            f"GROUP BY {self.word} ORDER BY count(*) DESC, {self.word}"
        )

    def table(self, name: str) -> str:
        return name

    def plain(self, value: Any) -> bool | str:
        return " ".join(value)


@dataclass(frozen=True)
class Column:
    """Something that a person can say of a picture.

    order:       of the columns, on the page and in exports
    filter:      the name under which pictures are filtered by it; empty where they are not
    filter_help: which pictures that finds, for programs and the command line
    is_searched: whether pictures are found by the words in it
    in_datasets: whether a dataset tells it
    """

    name: str
    kind: Kind
    order: int
    filter: str = ""
    filter_help: str = ""
    is_searched: bool = False
    in_datasets: bool = True

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or not self.name.isascii():
            raise ValueError(f"a column cannot be called {self.name!r}, as its name stands in SQL")


def one_line(name: str, value: object, longest: int) -> str:
    """A text in one line, without the spaces around it. Raises `InvalidRequest`."""
    if not isinstance(value, str) or len(value) > longest or is_broken(value) or not value.isprintable():
        raise InvalidRequest(name, value, "a text of at most {most} characters in one line", most=longest)
    return value.strip()


def is_broken(text: str) -> bool:
    """Whether it holds what no text does: null characters, or halves of characters."""
    return "\0" in text or any(0xD800 <= ord(character) <= 0xDFFF for character in text)
