"""Tells a scene in English, Chinese or German, each time a little differently, as people's prompts differ.

Here it is decided what is said and in which style; `english.py`, `chinese.py` and `german.py` find the words. A caption
names the groups from left to right, two of them sometimes by where they stand to each other, and leaves parts unsaid.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from storybook.world.chinese import Chinese
from storybook.world.english import English
from storybook.world.german import German
from storybook.world.lexicon import (
    AFLOAT,
    BARE,
    LOOSE,
    PLAIN,
    SUNNY,
    SWIMMING,
    CaptionContent,
    Language,
    Mention,
    pick,
    shuffled,
)
from storybook.world.relations import StatedRelation, stated_relation
from storybook.world.scene import KINDS, Group, Scene, Thing

LANGUAGES = ("en", "zh", "de")
SPOKEN: dict[str, Language] = {"en": English(), "zh": Chinese(), "de": German()}

# How often each is told. What is usual often goes without saying, so what is not said is usual: a prompt without
# weather draws a clear sky in most pictures, not rain or snow as often as sun.
SAID = {"place": 0.82, "mountains": 0.92, "colour": 0.93, "size": 0.9, "relation": 0.45}
SAID_TIME = {"day": 0.55, "dawn": 0.9, "sunset": 0.9, "night": 0.92}
SAID_WEATHER = {"clear": 0.3, "cloudy": 0.85, "rain": 0.95, "snowfall": 0.95, "storm": 0.95, "fog": 0.95}
SUNNY_SAID = 0.5  # how often a clear day is called a sunny one
MANY = 3  # groups from which on they are told in short words
# How often which style is used; the rest is a plain sentence.
STYLES = (("request", 0.14), ("scene first", 0.11), ("statement", 0.06), ("tags", 0.09), ("short", 0.07))
MISTYPED, WITHOUT_UMLAUTS, CAPITALS = 0.06, 0.03, 0.08
NEIGHBOURS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")  # keys beside each other
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


def phrase(thing: Thing, language: str, rng: np.random.Generator, *, coloured: bool = True) -> str:
    """One thing in words, as a box in a layout would be labelled: "a red house", "红房子", "ein rotes Haus"."""
    colour = thing.colour if coloured and KINDS[thing.kind].coloured else None
    return SPOKEN[language].group(Mention(thing.kind, colour=colour), rng, PLAIN if rng.random() < 0.88 else BARE)


def caption(
    scene: Scene,
    language: str,
    rng: np.random.Generator,
    *,
    complete: bool = False,
    relation: StatedRelation | None = None,
) -> str:
    """One way of telling ``scene`` in ``language`` ("en", "zh" or "de"); ``rng`` picks the words and what is said.

    With ``complete``, everything is said, in a plain sentence; of relations only ``relation``, if it is given.
    """
    content, spoken = caption_content(scene, rng, complete=complete), SPOKEN[language]
    if relation is not None:
        content = replace(content, relation=relation)
    if complete:
        return spoken.sentence(content, rng, PLAIN)
    return _typed(_styled(content, spoken, rng), language, rng)


def caption_content(scene: Scene, rng: np.random.Generator, *, complete: bool = False) -> CaptionContent:
    """What a caption says of ``scene``."""

    def said(share: float) -> bool:
        return complete or bool(rng.random() < share)

    brief = len(scene.groups) >= MANY
    mentions = tuple(
        Mention(
            kind=group.kind,
            number=len(group.things),
            colour=group.colour if KINDS[group.kind].coloured and said(SAID["colour"]) else None,
            size=group.size if said(SAID["size"]) else "usual",
            brief=brief and (complete or bool(rng.random() < 0.7)),
        )
        for group in scene.groups
    )
    relation = stated_relation(scene, rng) if not complete and rng.random() < SAID["relation"] else None
    place, time = said(SAID["place"]), scene.time if said(SAID_TIME[scene.time]) else None
    weather = scene.weather if said(SAID_WEATHER[scene.weather]) else None
    if weather == "clear" and scene.time == "day" and rng.random() < SUNNY_SAID:
        weather = SUNNY
    return CaptionContent(
        mentions=mentions,
        relation=relation,
        ground=scene.ground,
        place=_place(scene.groups, scene.ground) if place else None,
        time=time,
        weather=weather,
        mountains=scene.mountains and said(SAID["mountains"]),
    )


def _place(groups: tuple[Group, ...], ground: str) -> str:
    kinds = {group.kind for group in groups}
    if not kinds or not kinds <= {"boat", "fish"}:
        return ground
    return SWIMMING if kinds == {"fish"} else AFLOAT


def _styled(content: CaptionContent, spoken: Language, rng: np.random.Generator) -> str:
    draw = rng.random()
    style = "plain"
    for name, share in STYLES:
        if draw < share:
            style = name
            break
        draw -= share
    if style == "request":
        return spoken.request(content, rng)
    if style == "scene first":
        return spoken.scene_first(content, rng)
    if style == "statement":
        return spoken.statement(content, rng)
    if style == "plain":
        return spoken.sentence(content, rng, LOOSE)
    parts = spoken.keywords(content, rng)
    if rng.random() < 0.25:
        parts = shuffled(parts, rng)
    return (spoken.comma if style == "tags" else " ").join(parts)


def _typed(text: str, language: str, rng: np.random.Generator) -> str:
    """As people's fingers have it: with a mistake now and then, in capitals or with a full stop."""
    draw = rng.random()
    if language == "zh":
        return text + "。" if draw < 0.05 and text[-1] != "？" else text
    if draw < MISTYPED:
        text = mistyped(text, rng)
    elif draw < MISTYPED + WITHOUT_UMLAUTS and language == "de":
        text = text.translate(UMLAUTS)
    draw = rng.random()
    if draw < CAPITALS / 4:
        return text.upper()
    if draw < CAPITALS / 2:
        return text.title()
    if draw < CAPITALS:
        return text[0].upper() + text[1:] + ("" if text[-1] in "?!" else ".")
    return text.lower() if language == "de" and draw > 0.9 else text


def mistyped(text: str, rng: np.random.Generator) -> str:
    """``text`` with one letter of one longer word swapped with the next, dropped, doubled or mistaken."""
    parts = text.split(" ")
    long = [i for i, part in enumerate(parts) if len(part) > 3 and part.isalpha()]
    if not long:
        return text
    i = pick(long, rng)
    word = parts[i]
    at = 1 + int(rng.random() * (len(word) - 2))
    letter, how = word[at], rng.random()
    if how < 0.3:
        word = word[:at] + word[at + 1] + letter + word[at + 2 :]
    elif how < 0.6:
        word = word[:at] + word[at + 1 :]
    elif how < 0.8:
        word = word[:at] + letter + word[at:]
    else:
        row = next((row for row in NEIGHBOURS if letter in row), letter + letter)
        key = row.index(letter)
        word = word[:at] + row[key - 1 if key else 1] + word[at + 1 :]
    parts[i] = word
    return " ".join(parts)
