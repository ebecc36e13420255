"""Captions: truthful, grammatical where they mean to be, and as varied as prompts are."""

from __future__ import annotations

import re

import numpy as np
import pytest

from storybook.natural_prompts import NATURAL
from storybook.world import chinese, english, german
from storybook.world.captions import LANGUAGES, SPOKEN, caption, caption_content, mistyped, phrase
from storybook.world.european import ACCUSATIVE, DATIVE, NOMINATIVE
from storybook.world.lexicon import BARE, LOOSE, PLAIN, CaptionContent, Mention, words
from storybook.world.relations import RELATIONS, holds
from storybook.world.scene import COLOURS, GROUNDS, KINDS, SIZES, TIMES, WEATHERS, Group, Scene, Thing, scene

SCENES = [scene(seed) for seed in range(300)]
GERMAN = SPOKEN["de"]
NUMBERS = {
    "en": {2: ("two", "2", "pair"), 3: ("three", "3"), 4: ("four", "4")},
    "de": {2: ("zwei", "2"), 3: ("drei", "3"), 4: ("vier", "4")},
    "zh": {2: ("两", "2"), 3: ("三", "3"), 4: ("四", "4")},
}


def names(language: str, kind: str) -> set[str]:
    """Every way to name things of ``kind``, one or many."""
    if language == "en":
        return {noun for pair in english.NOUNS[kind] for noun in pair}
    if language == "zh":
        return set(chinese.KINDS[kind])
    return {form for noun in german.NOUNS[kind] for form in (noun.singular, noun.oblique, noun.plural)}


def colours(language: str, colour: str) -> set[str]:
    tables = {"en": english.COLOURS, "de": german.COLOURS, "zh": chinese.COLOURS}
    return {*tables[language][colour], *(chinese.LONG_COLOURS[colour] if language == "zh" else ())}


def ways(language: str, mention: Mention, manner: str = PLAIN, tries: int = 60) -> set[str]:
    return {SPOKEN[language].group(mention, np.random.default_rng(seed), manner) for seed in range(tries)}


def german_ways(mention: Mention, case: int, manner: str = PLAIN) -> set[str]:
    spoken = german.German()
    return {spoken.noun_phrase(mention, case, np.random.default_rng(seed), manner) for seed in range(200)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_words_for_everything(language: str) -> None:
    spoken = SPOKEN[language]
    for kind in KINDS:
        assert ways(language, Mention(kind), tries=3)
    for colour in COLOURS:
        for size in SIZES:
            for manner in (PLAIN, LOOSE, BARE):
                assert all(ways(language, Mention("cat", number, colour, size), manner, 3) for number in (1, 2, 3, 4))
    two = (Mention("cat", 1, "red"), Mention("dog", 2, "blue"))
    for ground in GROUNDS:
        for time in TIMES:
            for weather in (*WEATHERS, "sunny"):
                for relation in (None, *((0, name, 1) for name in RELATIONS)):
                    told = CaptionContent(two if relation else (), relation, ground, ground, time, weather, True)
                    rng = np.random.default_rng(0)
                    for text in (
                        spoken.sentence(told, rng, LOOSE),
                        spoken.request(told, rng),
                        spoken.scene_first(told, rng),
                        spoken.statement(told, rng),
                        *spoken.keywords(told, rng),
                    ):
                        assert text == text.strip()
                        assert text
                        assert "  " not in text
                        assert "{" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_complete_caption_says_all_in_order(language: str) -> None:
    """Each group by its number, colour and kind, from left to right: pictures are scored by what this asks for."""
    rng = np.random.default_rng(1)
    for each in SCENES:
        told = caption(each, language, rng, complete=True)
        at = 0
        for group in each.groups:
            thing, number = group.things[0], len(group.things)
            found = [(told.find(name, at), name) for name in names(language, thing.kind) if told.find(name, at) >= 0]
            assert found, f"{told!r} does not name the {thing.kind}"
            end = min(start + len(name) for start, name in found)
            before = told[max(0, at - 1) : end]
            if number > 1:
                assert any(word in before for word in NUMBERS[language][number]), f"{told!r}: how many {thing.kind}?"
            if KINDS[thing.kind].coloured:
                around = told[max(0, at - 1) : end + 30 * (thing.kind == "person")].lower()  # "a girl dressed in red"
                assert any(word in around for word in colours(language, thing.colour)), f"{told!r}: {thing.kind}?"
            at = end


@pytest.mark.parametrize("language", LANGUAGES)
def test_captions_say_nothing_that_is_not_there(language: str) -> None:
    """Free captions leave things unsaid, but no colour is named that nothing has."""
    rng = np.random.default_rng(2)
    for each in SCENES:
        told = caption(each, language, rng)
        assert told == told.strip()
        assert 0 < len(told) < 320
        if language == "zh":  # there, colours are single characters that other words hold, too
            continue
        own = {thing.colour for thing in each.things}
        text = re.sub("green meadow|blue sky|grüne[nr]? wiese|gruene[nr]? wiese|blaue[mr] himmel", "", told.lower())
        for colour in set(COLOURS) - own:
            word = english.COLOURS[colour][0] if language == "en" else german.COLOURS[colour][0]
            assert not re.search(rf"\b{word}(e|er|es|en|em)?\b", text) or word in ("lila", "pink"), told


def test_told_relations_are_true() -> None:
    rng = np.random.default_rng(3)
    relations = 0
    for each in SCENES:
        relation = caption_content(each, rng).relation
        if relation:
            i, name, j = relation
            relations += 1
            assert holds(name, each.groups[i], each.groups[j])
    assert relations > 30


@pytest.mark.parametrize(
    ("name", "english_words", "german_words", "chinese_words"),
    [
        ("left", "to the left of a blue house", "links von einem blauen Haus", "左边"),
        ("right", "right of a blue house", "rechts neben einem blauen Haus", "右边"),
        ("above", "above a blue house", "über einem blauen Haus", "上方"),
        ("front", "in front of a blue house", "vor einem blauen Haus", "前面"),
        ("behind", "behind a blue house", "hinter einem blauen Haus", "后面"),
        ("beside", "next to a blue house", "neben einem blauen Haus", "旁边"),
    ],
)
def test_relations_in_words(name: str, english_words: str, german_words: str, chinese_words: str) -> None:
    two = (Mention("cat", 1, "red"), Mention("house", 1, "blue"))
    told = CaptionContent(two, (0, name, 1), "meadow", None, None, None, False)
    for language, expected in (("en", english_words), ("de", german_words), ("zh", chinese_words)):
        told_ways = [SPOKEN[language].sentence(told, np.random.default_rng(seed), PLAIN) for seed in range(300)]
        assert any(expected in text for text in told_ways), told_ways[:5]
        if language == "zh":
            assert all(text.index("房") < text.rindex("猫") for text in told_ways if "房" in text)


@pytest.mark.parametrize(
    ("mention", "case", "expected"),
    [
        (Mention("house", 1, "red"), NOMINATIVE, "ein rotes Haus"),
        (Mention("house", 1, "red"), DATIVE, "einem roten Haus"),
        (Mention("house", 2, "red"), NOMINATIVE, "zwei rote Häuser"),
        (Mention("house", 2, "red"), DATIVE, "zwei roten Häusern"),
        (Mention("dog", 3, None, "small"), DATIVE, "drei kleinen Hunden"),
        (Mention("dog", 1, "black", "large"), ACCUSATIVE, "einen großen schwarzen Hund"),
        (Mention("cat", 1, "white"), DATIVE, "einer weißen Katze"),
        (Mention("rabbit", 1, "brown"), NOMINATIVE, "ein brauner Hase"),
        (Mention("rabbit", 1, "brown"), DATIVE, "einem braunen Hasen"),
        (Mention("person", 1), ACCUSATIVE, "einen Jungen"),
        (Mention("flower", 1, "pink"), NOMINATIVE, "eine rosa Blume"),
        (Mention("flower", 4, "purple"), DATIVE, "vier lila Blumen"),
        (Mention("tent", 1, "orange"), NOMINATIVE, "ein oranges Zelt"),
        (Mention("car", 2, "blue"), DATIVE, "zwei blauen Autos"),
        (Mention("apple", 3, "green"), DATIVE, "drei grünen Äpfeln"),
    ],
)
def test_german_gender_case_and_number(mention: Mention, case: int, expected: str) -> None:
    assert expected in german_ways(mention, case)


def test_german_articles_decide_the_endings() -> None:
    loose = german_ways(Mention("house", 1, "red"), NOMINATIVE, LOOSE)
    assert {"ein rotes Haus", "rotes Haus", "das rote Haus", "mein rotes Haus"} <= loose
    bare = german_ways(Mention("house", 1, "red"), DATIVE, BARE)
    assert "rotem Haus" in bare
    assert not any("einem" in text for text in bare)
    told = CaptionContent((Mention("house", 1, "red"),), None, "sea", "sea", None, None, False)
    requests = {GERMAN.request(told, np.random.default_rng(seed)) for seed in range(900)}
    assert "ein Bild von einem roten Haus am Meer" in requests
    assert "zeichne ein rotes Haus am Strand" in requests


@pytest.mark.parametrize(
    ("mention", "expected"),
    [
        (Mention("cat", 2, "red"), r"两只红(色的?)?猫"), (Mention("boat", 3, "blue"), r"三艘蓝(色的?)?帆船"),
        (Mention("flower", 4), r"四朵花"), (Mention("umbrella", 2), r"两把伞"), (Mention("fish", 2), r"两条鱼"),
        (Mention("house", 1, "red", "small"), r"小红房子"), (Mention("house", 1, "red", "small"), r"红色的小房子"),
        (Mention("car", 1, "black", "large"), r"一辆大黑汽车"),
    ],
)  # fmt: skip
def test_chinese_measure_words(mention: Mention, expected: str) -> None:
    found = ways("zh", mention, PLAIN, 400)
    assert any(re.fullmatch(expected, text) for text in found), found
    assert not any(text.startswith("二") for text in found)


def test_people_are_told_by_their_clothes() -> None:
    """ "A black man" would be said of his skin."""
    for colour in ("black", "white", "brown", "yellow"):
        person = Mention("person", 1, colour)
        assert all(re.search(r" (in|wearing) ", text) for text in ways("en", person, LOOSE))
        assert all(" in " in text for text in german_ways(person, DATIVE))
        assert all("穿" in text for text in ways("zh", person, LOOSE))


@pytest.mark.parametrize(
    ("singular", "plural"),
    [("fish", "fish"), ("sheep", "sheep"), ("butterfly", "butterflies"), ("woman", "women"), ("bunny", "bunnies"),
     ("child", "children"), ("snowman", "snowmen"), ("sailing boat", "sailing boats"), ("fortress", "fortresses")],
)  # fmt: skip
def test_english_plurals(singular: str, plural: str) -> None:
    assert english.plural(singular) == plural


@pytest.mark.parametrize(
    ("language", "kind", "colour", "expected"),
    [
        ("en", "apple", "orange", r"(an )?(bright )?orange apple|a bright orange apple"),
        ("en", "umbrella", None, r"(an )?umbrella|(a )?parasol"),
        ("de", "lighthouse", "white", r"(ein )?(schnee)?weißer Leuchtturm"),
        ("de", "flower", "pink", r"(eine )?(rosa|pinke|rosafarbene) (Blume|Blüte)"),
        ("zh", "lighthouse", "red", r"(一座)?(红|(红|鲜红|大红)色的?|火红的?)灯塔"),
        ("en", "rainbow", "red", r"(a )?rainbow"),
    ],
)
def test_a_thing_by_itself(language: str, kind: str, colour: str | None, expected: str) -> None:
    """As the boxes of a layout are labelled; a rainbow has no colour to be named."""
    for seed in range(60):
        thing = Thing(kind, colour or "red", (0, 0, 1, 1))
        told = phrase(thing, language, np.random.default_rng(seed), coloured=colour is not None)
        assert re.fullmatch(expected, told), told


def test_the_readmes_first_prompts_are_among_what_captions_say() -> None:
    """The sentences that people see first must be ones that the model was taught."""
    house = Group((Thing("house", "red", (0.2, 0.3, 0.6, 0.9)),))
    by_the_sea = Scene(0, "night", "sea", "clear", False, 0.6, (house,))
    for language, sentence in (
        ("en", "a red house by the sea at night"),
        ("zh", "夜晚海边的红房子"),
        ("de", "ein rotes Haus am Meer bei Nacht"),
    ):
        assert any(caption(by_the_sea, language, np.random.default_rng(seed)) == sentence for seed in range(6000))


def test_boats_are_on_the_sea_and_fish_in_it() -> None:
    for kind, places in (("boat", english.English.places["afloat"]), ("fish", english.English.places["swimming"])):
        things = Group((Thing(kind, "red", (0.2, 0.3, 0.6, 0.9)),))
        told = caption(
            Scene(0, "day", "sea", "rain", False, 0.6, (things,)), "en", np.random.default_rng(0), complete=True
        )
        assert any(place in told for place in places), told


def test_a_typing_error_changes_one_word_and_not_its_first_letter() -> None:
    for seed in range(200):
        before = ["a", "yellow", "house", "by", "the", "windmill"]
        after = mistyped(" ".join(before), np.random.default_rng(seed)).split(" ")
        changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
        assert len(changed) <= 1
        assert all(one[0] == other[0] and abs(len(one) - len(other)) <= 1 for one, other in changed)


def test_captions_of_a_scene_differ() -> None:
    each = next(each for each in SCENES if len(each.groups) == 2)
    for language in LANGUAGES:
        rng = np.random.default_rng(0)
        assert len({caption(each, language, rng) for _ in range(100)}) > 85


def test_words_are_picked_as_often_as_they_say() -> None:
    assert words("house*3/cottage") == ("house", "house", "house", "cottage")


def test_natural_prompts_can_be_scored_and_cover_the_world() -> None:
    assert len(NATURAL) >= 120
    groups = [group for each in NATURAL for group in each.groups]
    assert {kind for kind, _, _ in groups} == set(KINDS)
    assert {colour for _, colour, _ in groups} == {*COLOURS, None}
    assert {number for _, _, number in groups} == {1, 2, 3, 4}
    assert sum(any(number > 1 for _, _, number in each.groups) for each in NATURAL) >= 30
    told = [each.relation for each in NATURAL if each.relation]
    assert len(told) >= 30
    assert {name for _, name, _ in told} == set(RELATIONS)
    for each in NATURAL:
        if each.relation:
            i, _, j = each.relation
            assert {i, j} <= set(range(len(each.groups)))
            assert i != j
        assert not any(colour and not KINDS[kind].coloured for kind, colour, _ in each.groups)
    assert {each.time for each in NATURAL} >= set(TIMES)
    assert {each.ground for each in NATURAL} >= set(GROUNDS)
    assert {each.weather for each in NATURAL} >= set(WEATHERS)
    for language in LANGUAGES:
        assert len({each.prompt(language) for each in NATURAL}) == len(NATURAL)


def test_natural_prompts_are_not_what_captions_say() -> None:
    """They measure how people are understood, so training must not have shown them."""
    rng = np.random.default_rng(5)
    told = {caption(each, language, rng).lower() for each in SCENES for language in LANGUAGES for _ in range(23)}
    assert not told & {each.prompt(language).lower() for each in NATURAL for language in LANGUAGES}
