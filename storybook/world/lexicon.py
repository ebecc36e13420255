"""What a language must be able to say of a scene, and how its words are written down.

`english.py`, `german.py` and `chinese.py` each hold one language's words and grammar; `captions.py` decides what is
said and in which style.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from storybook.world.relations import StatedRelation

Words = tuple[str, ...]  # ways to say the same, plain ones repeated so that they are picked more often
Some = TypeVar("Some")

# How words are put: PLAIN is careful grammar and nothing else, LOOSE also what people write in passing, and BARE is
# without articles and verbs.
PLAIN, LOOSE, BARE = "plain", "loose", "bare"


@dataclass(frozen=True)
class Mention:
    """What is said of a group: ``colour`` is None and ``size`` "usual" where they stay unsaid.

    ``brief``: in short words, because much else is to be said.
    """

    kind: str
    number: int = 1
    colour: str | None = None
    size: str = "usual"
    brief: bool = False


@dataclass(frozen=True)
class CaptionContent:
    """What is said of a scene; None is unsaid. ``relation`` is between two of the ``mentions``.

    ``place`` is a ground, AFLOAT or SWIMMING, ``weather`` also SUNNY. ``ground`` is what is named if there is nothing.
    """

    mentions: tuple[Mention, ...]
    relation: StatedRelation | None
    ground: str
    place: str | None
    time: str | None
    weather: str | None
    mountains: bool


# People are told by the colour of their clothes: "a girl in red"; in these colours now and then as all else is.
PERSON = "person"
OF_CLOTHES_ALONE = ("red", "orange", "green", "blue", "purple", "pink")


def dressed(mention: Mention, rng: np.random.Generator) -> bool:
    """Whether the colour is to be told as that of clothes."""
    if mention.kind != PERSON or not mention.colour:
        return False
    return mention.colour not in OF_CLOTHES_ALONE or rng.random() < 0.7


AFLOAT, SWIMMING = "afloat", "swimming"  # places of scenes with nothing but boats, and nothing but fish
SUNNY = "sunny"  # a clear day


class Language(ABC):
    """The words and the grammar of one language."""

    comma = ", "

    @abstractmethod
    def group(self, mention: Mention, rng: np.random.Generator, manner: str) -> str:
        """The group as a noun with what belongs to it: "two small red houses"."""

    @abstractmethod
    def sentence(self, content: CaptionContent, rng: np.random.Generator, manner: str) -> str:
        """Everything in one phrase: "a red house by the sea at night"."""

    @abstractmethod
    def request(self, content: CaptionContent, rng: np.random.Generator) -> str:
        """The same, asked for: "draw a red house by the sea"."""

    @abstractmethod
    def scene_first(self, content: CaptionContent, rng: np.random.Generator) -> str:
        """Time, weather or place before the things: "at night, a red house by the sea"."""

    @abstractmethod
    def statement(self, content: CaptionContent, rng: np.random.Generator) -> str:
        """With verbs: "a red cat sits in front of a house"."""

    @abstractmethod
    def keywords(self, content: CaptionContent, rng: np.random.Generator) -> list[str]:
        """Each part by itself, things first: ["red house", "sea", "night"]."""


def words(text: str) -> Words:
    """The ways in "house*3/cottage": here house, house, house, cottage."""
    found: list[str] = []
    for entry in text.split("/"):
        word, _, times = entry.partition("*")
        found += [word] * int(times or 1)
    return tuple(found)


def worded(table: dict[str, str]) -> dict[str, Words]:
    return {key: words(text) for key, text in table.items()}


def pick(some: Sequence[Some], rng: np.random.Generator) -> Some:
    return some[int(rng.random() * len(some))]


def shuffled(some: Sequence[Some], rng: np.random.Generator) -> list[Some]:
    return [some[i] for i in rng.permutation(len(some))]
