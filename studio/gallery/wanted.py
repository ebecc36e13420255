"""Which pictures somebody wants to see, and the words by which they are found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.errors import InvalidRequest
from studio.gallery.columns import filtered

LONGEST_SEARCH = 200  # characters
HAN = re.compile(r"([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")


@dataclass(frozen=True)
class PictureFilter:
    """Pictures with all that is named; what is empty or None does not count.

    words:        in what they were made from, their tags and notes; the last one may be unfinished
    task, sampler, seed: as in their requests
    deleted:      those in the bin instead of the others
    marks:        what people say of them, by the filters of `studio.gallery.columns`
    since, until: made in that time, seconds since 1970
    before:       the time and the name of the last picture of the page before
    """

    words: str = ""
    task: str = ""
    deleted: bool = False
    before: tuple[float, str] | None = None
    sampler: str = ""
    seed: int | None = None
    since: float | None = None
    until: float | None = None
    marks: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        filters = {column.filter: column for column in filtered()}
        if not self.marks.keys() <= filters.keys():
            raise InvalidRequest("marks", list(self.marks), "some of: {names}", names=", ".join(filters))
        checked = {name: filters[name].kind.check_wanted(name, value) for name, value in self.marks.items()}
        object.__setattr__(self, "marks", checked)

    def conditions(self) -> tuple[list[str], list[Any]]:
        """What SQL asks of a row of ``pictures``, and the values in it."""
        told: list[tuple[str, Any]] = [
            ("task = ?", self.task),
            ("sampler = ? COLLATE NOCASE", self.sampler),
            ("id IN (SELECT id FROM words WHERE words MATCH ?)", match(self.words)),
        ]
        told += [(column.kind.condition(column.name), self.marks.get(column.filter)) for column in filtered()]
        given = [(condition, value) for condition, value in told if value]
        limits = [("seed = ?", self.seed), ("made >= ?", self.since), ("made < ?", self.until)]
        given += [(condition, value) for condition, value in limits if value is not None]
        texts = ["deleted IS NOT NULL" if self.deleted else "deleted IS NULL"]
        texts += [condition for condition, _ in given]
        values = [value for _, value in given]
        if self.before is not None:
            return [*texts, "(made, id) < (?, ?)"], [*values, *self.before]
        return texts, values


def apart(text: str) -> str:
    """Chinese writes no spaces; each character becomes a word of its own."""
    return HAN.sub(r" \1 ", text)


def match(words: str) -> str:
    """What FTS5 looks for: all words, the last of them perhaps not finished; empty where there are none."""
    found = re.findall(r"\w+", apart(words[:LONGEST_SEARCH]))
    return " ".join(f'"{word}"*' for word in found)
