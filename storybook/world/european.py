"""The word order that English and German share: things first, then the circumstances, in phrases of their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np

from storybook.world.lexicon import BARE, LOOSE, PERSON, PLAIN, CaptionContent, Language, Mention, Words, pick, shuffled

NOMINATIVE, ACCUSATIVE, DATIVE = 0, 1, 2
WITH = ("with", "mit")  # the conjunctions that are prepositions, too


class European(Language):
    """Words are given by the class's attributes, grammar by the methods below."""

    places: Mapping[str, Words]
    times: Mapping[str, Words]
    weathers: Mapping[str, Words]
    mountains: Words
    place_tags: Mapping[str, Words]
    time_tags: Mapping[str, Words]
    weather_tags: Mapping[str, Words]
    mountain_tags: Words
    prepositions: Mapping[str, Words]  # by relation
    conjunctions: Words  # the plain one first
    requests: tuple[tuple[str, int], ...]  # with {} for the things, and their case

    @abstractmethod
    def noun_phrase(self, mention: Mention, case: int, rng: np.random.Generator, manner: str) -> str:
        """The group with its number or article, size and colour."""

    @abstractmethod
    def empty(self, ground: str, case: int, rng: np.random.Generator) -> str:
        """The ground by itself, for a scene with nothing on it."""

    @abstractmethod
    def weather_and_time(self, weather: str, time: str, rng: np.random.Generator) -> str:
        """Both in one phrase: "on a rainy night"."""

    @abstractmethod
    def turned(self, one: Mention, name: str, other: Mention, case: int, rng: np.random.Generator) -> str:
        """The relation from the other's side: "a house with a cat in front of it"."""

    @abstractmethod
    def there_is(self, mention: Mention, head: str, start: str, rng: np.random.Generator) -> str:
        """ "There are two red cats", where ``mention`` is the first of the things in ``head``; after ``start``."""

    @abstractmethod
    def coloured(self, mention: Mention, rng: np.random.Generator) -> str:
        """A clause of its own for the colour: "the house is red"."""

    @abstractmethod
    def verb(self, mention: Mention, rng: np.random.Generator) -> str:
        """What such things do where they are: "stand"."""

    def group(self, mention: Mention, rng: np.random.Generator, manner: str) -> str:
        return self.noun_phrase(mention, NOMINATIVE, rng, manner)

    def sentence(self, content: CaptionContent, rng: np.random.Generator, manner: str) -> str:
        return " ".join([self.head(content, NOMINATIVE, rng, manner), *self.around(content, rng, manner)])

    def request(self, content: CaptionContent, rng: np.random.Generator) -> str:
        form, case = pick(self.requests, rng)
        if form == "":
            first = content.mentions[0] if content.mentions else Mention("scene")
            words = self.there_is(first, self.head(content, NOMINATIVE, rng, PLAIN, relate=False), "", rng)
        else:
            words = self.head(content, case, rng, LOOSE)
        return (form or "{}").format(" ".join([words, *self.around(content, rng, LOOSE)]))

    def scene_first(self, content: CaptionContent, rng: np.random.Generator) -> str:
        pieces = self.around(content, rng, LOOSE)
        if not pieces:
            return self.sentence(content, rng, LOOSE)
        first = pieces.pop(int(rng.random() * len(pieces)))
        draw = rng.random()
        if draw < 0.35 and content.mentions:
            head = self.head(content, NOMINATIVE, rng, PLAIN, relate=False)
            return " ".join([self.there_is(content.mentions[0], head, first, rng), *pieces])
        head = self.head(content, NOMINATIVE, rng, LOOSE)
        return " ".join([first + (", " if draw < 0.8 else ": " if draw < 0.84 else " ") + head, *pieces])

    def statement(self, content: CaptionContent, rng: np.random.Generator) -> str:
        if not content.mentions:
            return self.sentence(content, rng, LOOSE)
        if content.relation:
            i, name, j = content.relation
            rest = [mention for k, mention in enumerate(content.mentions) if k not in (i, j)]
            where = f"{pick(self.prepositions[name], rng)} {self.noun_phrase(content.mentions[j], DATIVE, rng, LOOSE)}"
        else:
            i, rest, where = 0, list(content.mentions[1:]), ""
        one = content.mentions[i]
        pieces = self.around(content, rng, PLAIN)
        if not where and pieces:
            where = pieces.pop(0)
        if one.colour and one.kind != PERSON and rng.random() < 0.4:
            start = self.coloured(one, rng)
            start = f"{start}{self.conjunctions[0]}{self.verb(one, rng)} {where}" if where else start
        elif where:
            start = f"{self.noun_phrase(one, NOMINATIVE, rng, PLAIN)} {self.verb(one, rng)} {where}"
        else:
            return self.sentence(content, rng, LOOSE)
        others = [self.noun_phrase(mention, NOMINATIVE, rng, PLAIN) for mention in rest]
        tail = f", {self.joined(others, self.conjunctions[0])}" if others else ""
        return " ".join([start, *pieces]) + tail

    def keywords(self, content: CaptionContent, rng: np.random.Generator) -> list[str]:
        found = self.items(content, NOMINATIVE, rng, BARE)
        place = content.place if content.mentions else content.ground
        if place:
            found.append(pick(self.place_tags[place], rng))
        if content.time:
            found.append(pick(self.time_tags[content.time], rng))
        if content.weather:
            found.append(pick(self.weather_tags[content.weather], rng))
        if content.mountains:
            found.append(pick(self.mountain_tags, rng))
        return found

    def items(
        self, content: CaptionContent, case: int, rng: np.random.Generator, manner: str, relate: bool = True
    ) -> list[str]:
        """Each group from left to right; two that are told by their relation are one item, where its first stands."""
        if not (content.relation and relate):
            return [self.noun_phrase(mention, case, rng, manner) for mention in content.mentions]
        i, name, j = content.relation
        found = []
        for k, mention in enumerate(content.mentions):
            if k == min(i, j):
                found.append(self._related(content.mentions[i], name, content.mentions[j], case, rng, manner))
            elif k != max(i, j):
                found.append(self.noun_phrase(mention, case, rng, manner))
        return found

    def head(
        self, content: CaptionContent, case: int, rng: np.random.Generator, manner: str, relate: bool = True
    ) -> str:
        if not content.mentions:
            return self.empty(content.ground, case, rng)
        loose = manner == LOOSE and rng.random() < 0.3
        conjunction = pick(self.conjunctions, rng) if loose else self.conjunctions[0]
        items = self.items(content, case, rng, manner, relate)
        if conjunction.strip() in WITH and len(items) > 1 and not (content.relation and relate):
            items[-1] = self.noun_phrase(content.mentions[-1], DATIVE, rng, PLAIN)
        if content.relation and relate and len(items) > 1:  # a comma, so that the rest is not part of the relation
            return ", ".join(items[:-1]) + "," + (conjunction if conjunction[0] == " " else " ") + items[-1]
        return self.joined(items, conjunction)

    def joined(self, items: list[str], conjunction: str) -> str:
        *first, last = items
        return conjunction.join([", ".join(first), last]) if first else last

    def around(self, content: CaptionContent, rng: np.random.Generator, manner: str) -> list[str]:
        """The circumstances, mostly in the order place, time, mountains, weather."""
        found = [pick(self.places[content.place], rng)] if content.place and content.mentions else []
        both = content.time and content.weather and rng.random() < 0.15
        if content.time and content.weather and both:
            found.append(self.weather_and_time(content.weather, content.time, rng))
        elif content.time:
            found.append(pick(self.times[content.time], rng))
        if content.mountains:
            found.append(pick(self.mountains, rng))
        if content.weather and not both:
            found.append(pick(self.weathers[content.weather], rng))
        if len(found) > 1 and rng.random() < (0.1 if manner == PLAIN else 0.3):
            return shuffled(found, rng)
        return found

    def _related(
        self, one: Mention, name: str, other: Mention, case: int, rng: np.random.Generator, manner: str
    ) -> str:
        if manner == LOOSE and rng.random() < 0.12:
            return self.turned(one, name, other, case, rng)
        where = pick(self.prepositions[name], rng)
        return f"{self.noun_phrase(one, case, rng, manner)} {where} {self.noun_phrase(other, DATIVE, rng, manner)}"
