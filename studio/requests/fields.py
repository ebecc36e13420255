"""What the fields of requests are: which values each takes, its help, and what others call it; said once, beside it.

    count: Annotated[int, Whole("how many pictures", 1, MOST_PICTURES)] = 1

Requests check themselves by it. Endpoints, tools, commands, the bounds of the page's controls and the names in
"parameters" texts are made from it. What depends on several fields is a rule of the request's own.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

from studio.errors import InvalidRequest
from studio.images.boxes import MOST_BOXES, boxed
from studio.requests.limits import (
    LONGEST_PROMPT,
    check_digest,
    check_flag,
    check_integer,
    check_multiple,
    check_number,
    check_text,
)
from studio.sampling.catalogue import find_sampler


@dataclass(frozen=True)
class Field:
    """Anything, as far as it is known here: the request has rules for it.

    help:         what it is, in a phrase without its limits
    infotext:     its name in a "parameters" text; empty where other programs have none
    silent:       the value at which such a text leaves it out
    needs:        the field of the same request without which it has no effect
    first:        what is offered first, where that is not the request's own first value
    option:       what the command line calls it, where that is not its name; of a flag, what changes its first value
    in_endpoints: whether endpoints and tools take it; `/draw` takes all
    """

    help: str
    infotext: str = field(default="", kw_only=True)
    silent: object = field(default=None, kw_only=True)
    needs: str = field(default="", kw_only=True)
    first: Any = field(default=None, kw_only=True)
    option: str = field(default="", kw_only=True)
    in_endpoints: bool = field(default=True, kw_only=True)

    def checked(self, name: str, value: Any) -> Any:
        """The value as a request keeps it. Raises `InvalidRequest`, naming it ``name``."""
        return value

    @property
    def limits(self) -> str:
        """Which values it takes, in a phrase; empty where the help says it."""
        return ""

    @property
    def described(self) -> str:
        return f"{self.help}, {self.limits}" if self.limits else self.help


@dataclass(frozen=True)
class Text(Field):
    """Text of up to so many characters."""

    longest: int = LONGEST_PROMPT

    def checked(self, name: str, value: Any) -> Any:
        check_text(name, value, self.longest)
        return value


@dataclass(frozen=True)
class SamplerName(Text):
    """The name of a sampler, in any case; kept in the catalogue's."""

    def checked(self, name: str, value: Any) -> Any:
        return find_sampler(super().checked(name, value)).name


@dataclass(frozen=True)
class Flag(Field):
    """True or false."""

    def checked(self, name: str, value: Any) -> Any:
        check_flag(name, value)
        return value


@dataclass(frozen=True)
class Whole(Field):
    """A whole number in a range, both ends included."""

    least: int
    most: int
    multiple: int = 1

    def checked(self, name: str, value: Any) -> Any:
        if self.multiple == 1:
            check_integer(name, value, self.least, self.most)
        else:
            check_multiple(name, value, self.least, self.most, self.multiple)
        return value

    @property
    def limits(self) -> str:
        multiple = f", a multiple of {self.multiple}" if self.multiple > 1 else ""
        return f"{self.least} to {self.most}{multiple}"


@dataclass(frozen=True)
class Number(Field):
    """A number in a range, both ends included."""

    least: float
    most: float

    def checked(self, name: str, value: Any) -> Any:
        check_number(name, value, self.least, self.most)
        return value

    @property
    def limits(self) -> str:
        return f"{self.least:g} to {self.most:g}"


@dataclass(frozen=True)
class Choice(Field):
    """One of several values; with ``may_be_empty``, or none."""

    values: tuple[Any, ...]
    may_be_empty: bool = False

    def checked(self, name: str, value: Any) -> Any:
        names = ", ".join(map(str, self.values))
        if self.may_be_empty:
            check_text(name, value)
            if value and value not in self.values:
                raise InvalidRequest(name, value, "empty, or one of: {names}", names=names)
        elif isinstance(value, bool) or value not in self.values:
            raise InvalidRequest(name, value, "one of: {names}", names=names)
        return value

    @property
    def limits(self) -> str:
        *others, last = (f'"{value}"' if isinstance(value, str) else str(value) for value in self.values)
        return f"{', '.join(others)} or {last}" if others else last


@dataclass(frozen=True)
class Picture(Field):
    """A picture, by its digest; empty for none where it ``may_be_empty``."""

    may_be_empty: bool = False

    def checked(self, name: str, value: Any) -> Any:
        if value or not self.may_be_empty:
            check_digest(name, value)
        return value


@dataclass(frozen=True)
class MaskOf(Picture):
    """A mask of the picture that the field ``picture`` names, by its digest; of the same size."""

    picture: str = "image"


@dataclass(frozen=True)
class Boxes(Field):
    """Boxes with phrases; mappings become `Boxed`."""

    def checked(self, name: str, value: Any) -> Any:
        is_some = isinstance(value, (list, tuple))
        if not is_some or not 1 <= len(value) <= MOST_BOXES:
            raise InvalidRequest(
                name, f"{len(value)} boxes" if is_some else value, "{least} to {most} of them", least=1, most=MOST_BOXES
            )
        boxes = tuple(boxed(each) for each in value)
        for each in boxes:
            check_text("phrase", each.phrase)
        return boxes

    @property
    def limits(self) -> str:
        return f'1 to {MOST_BOXES}, each {{"phrase": "a red house", "box": [x0, y0, x1, y1]}} in fractions of the whole'


def first_value(kind: type, name: str) -> Any:
    """What is offered first for a field; `dataclasses.MISSING` where somebody must say it."""
    offered = fields_of(kind)[name].first
    return getattr(kind, name, dataclasses.MISSING) if offered is None else offered


def fields_of(kind: type) -> Mapping[str, Field]:
    """What each field of a kind of request is, by its name. A field that is declared anew without a word is what it was
    in the class that it comes from. Raises `TypeError` for one that nothing is said of."""
    return _fields_of(kind)


@cache
def _fields_of(kind: type) -> Mapping[str, Field]:
    declared = [(base, vars(base).get("__annotations__", {})) for base in kind.__mro__]
    found = {}
    for each in dataclasses.fields(kind):
        bases = (base for base, names in declared if each.name in names)
        said = (_said(base)[each.name] for base in bases)
        found[each.name] = next((what for what in said if what is not None), None)
    silent = [name for name, what in found.items() if what is None]
    if silent:
        raise TypeError(f"{kind.__name__} does not say what {', '.join(silent)} is: Annotated[int, Whole(...)] ...")
    return MappingProxyType({name: what for name, what in found.items() if what is not None})


@cache
def _said(base: type) -> Mapping[str, Field | None]:
    """What a class itself says of each of its fields."""
    return {name: _of(typing.get_args(hint)) for name, hint in typing.get_type_hints(base, include_extras=True).items()}


def _of(parts: Sequence[Any]) -> Field | None:
    return next((part for part in parts if isinstance(part, Field)), None)
