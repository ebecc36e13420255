"""Tells a scene in English, Chinese or German, each time a little differently.

A caption names the things from left to right and leaves parts unsaid, as people do. The German follows gender
and case: "ein rotes Haus", "eine rote Katze", "ein roter Baum".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from storybook.world.scene import Scene, Thing

LANGUAGES = ("en", "zh", "de")

ENGLISH_KINDS = {
    "house": ("house", "house", "cottage"),
    "tree": ("tree",),
    "pine": ("pine tree", "pine", "fir tree"),
    "car": ("car",),
    "boat": ("sailing boat", "sailboat", "boat"),
    "balloon": ("hot-air balloon", "balloon", "hot air balloon"),
    "lighthouse": ("lighthouse",),
    "windmill": ("windmill",),
    "cat": ("cat",),
    "flower": ("flower",),
    "mushroom": ("mushroom", "mushroom", "toadstool"),
    "tent": ("tent",),
    "castle": ("castle",),
    "kite": ("kite",),
}
ENGLISH_COLOURS = {"purple": ("purple", "purple", "violet")}
ENGLISH_PLACES = {
    "meadow": ("in a meadow", "on a green meadow", "in the grass", "on the grass", "in a field"),
    "desert": ("in the desert", "in the desert", "among sand dunes", "on the sand"),
    "snow": ("in the snow", "in the snow", "in a snowy landscape", "on a snowy field"),
    "sea": ("by the sea", "by the sea", "at the seaside", "near the sea", "at the beach"),
}
ENGLISH_AFLOAT = ("on the sea", "on the sea", "at sea", "on the water")
ENGLISH_EMPTY = {
    "meadow": ("a meadow", "a green meadow", "a field of grass"),
    "desert": ("a desert", "the desert", "sand dunes"),
    "snow": ("a snowy landscape", "a snowy field", "snow"),
    "sea": ("the sea", "the sea", "a beach"),
}
ENGLISH_TIMES = {
    "day": ("by day", "during the day", "in daylight", "at noon"),
    "dawn": ("at dawn", "at dawn", "at sunrise", "early in the morning"),
    "sunset": ("at sunset", "at sunset", "in the evening", "at dusk"),
    "night": ("at night", "at night", "by night", "under the stars", "in the moonlight"),
}
ENGLISH_WEATHERS = {
    "clear": ("under a clear sky", "in clear weather", "in fine weather"),
    "cloudy": ("under a cloudy sky", "with many clouds", "in cloudy weather"),
    "rain": ("in the rain", "in the rain", "in rainy weather", "while it rains"),
    "snowfall": ("in falling snow", "while it snows", "while snow is falling"),
}
ENGLISH_MOUNTAINS = (
    "with mountains",
    "with mountains in the background",
    "in front of mountains",
    "with snowy mountains",
)

CHINESE_KINDS = {
    "house": ("房子", "房子", "小屋", "房屋"),
    "tree": ("树", "大树", "树木"),
    "pine": ("松树", "松树", "杉树"),
    "car": ("汽车", "小汽车", "车"),
    "boat": ("帆船", "帆船", "小船", "船"),
    "balloon": ("热气球", "热气球", "气球"),
    "lighthouse": ("灯塔",),
    "windmill": ("风车",),
    "cat": ("猫", "小猫"),
    "flower": ("花", "花朵", "小花"),
    "mushroom": ("蘑菇",),
    "tent": ("帐篷",),
    "castle": ("城堡",),
    "kite": ("风筝",),
}
CHINESE_MEASURES = {
    "house": "一座", "tree": "一棵", "pine": "一棵", "car": "一辆", "boat": "一艘",
    "balloon": "一个", "lighthouse": "一座", "windmill": "一座", "cat": "一只", "flower": "一朵",
    "mushroom": "一个", "tent": "一顶", "castle": "一座", "kite": "一只",
}  # fmt: skip
CHINESE_COLOURS = {
    "red": ("红", "红色的"),
    "orange": ("橙色的", "橘色的", "橙"),
    "yellow": ("黄", "黄色的"),
    "green": ("绿", "绿色的"),
    "blue": ("蓝", "蓝色的"),
    "purple": ("紫", "紫色的"),
    "pink": ("粉", "粉色的", "粉红色的"),
    "white": ("白", "白色的"),
}
CHINESE_PLACES = {
    "meadow": ("草地上", "草地上", "田野里", "草原上"),
    "desert": ("沙漠里", "沙漠中", "沙丘上"),
    "snow": ("雪地里", "雪地上", "雪原上"),
    "sea": ("海边", "海边", "海滩上", "大海边"),
}
CHINESE_AFLOAT = ("海上", "海上", "大海上", "海面上")
CHINESE_EMPTY = {
    "meadow": ("草地", "草原", "田野"),
    "desert": ("沙漠", "沙丘"),
    "snow": ("雪地", "雪原"),
    "sea": ("大海", "海边", "海滩"),
}
CHINESE_TIMES = {
    "day": ("白天", "中午", "日间"),
    "dawn": ("黎明", "清晨", "日出时"),
    "sunset": ("日落时", "傍晚", "黄昏", "夕阳下"),
    "night": ("夜晚", "夜晚", "夜里", "晚上", "星空下"),
}
CHINESE_WEATHERS = {
    "clear": ("晴天", "晴朗", "天气晴朗"),
    "cloudy": ("多云", "阴天", "天上有很多云"),
    "rain": ("下雨", "雨中", "下着雨", "雨天"),
    "snowfall": ("下雪", "下着雪", "雪花飘落"),
}
CHINESE_MOUNTAINS = ("背景是群山", "远处有山", "山前", "有雪山")

GERMAN_KINDS: dict[str, tuple[tuple[str, str], ...]] = {
    "house": (("Haus", "n"), ("Haus", "n"), ("Häuschen", "n")),
    "tree": (("Baum", "m"),),
    "pine": (("Tanne", "f"), ("Kiefer", "f"), ("Nadelbaum", "m")),
    "car": (("Auto", "n"),),
    "boat": (("Segelboot", "n"), ("Segelboot", "n"), ("Boot", "n"), ("Segelschiff", "n")),
    "balloon": (("Heißluftballon", "m"), ("Ballon", "m")),
    "lighthouse": (("Leuchtturm", "m"),),
    "windmill": (("Windmühle", "f"),),
    "cat": (("Katze", "f"),),
    "flower": (("Blume", "f"),),
    "mushroom": (("Pilz", "m"),),
    "tent": (("Zelt", "n"),),
    "castle": (("Burg", "f"), ("Schloss", "n")),
    "kite": (("Drachen", "m"),),
}
GERMAN_ARTICLES = {"m": "ein", "f": "eine", "n": "ein"}
GERMAN_ENDINGS = {"m": "er", "f": "e", "n": "es"}
UNDECLINED = {"rosa", "lila"}
GERMAN_COLOURS = {
    "red": ("rot",),
    "orange": ("orange", "orangefarben"),
    "yellow": ("gelb",),
    "green": ("grün",),
    "blue": ("blau",),
    "purple": ("lila", "violett"),
    "pink": ("rosa", "rosafarben"),
    "white": ("weiß",),
}
GERMAN_PLACES = {
    "meadow": ("auf einer Wiese", "auf der Wiese", "im Gras", "auf einem Feld"),
    "desert": ("in der Wüste", "in der Wüste", "zwischen Dünen", "im Sand"),
    "snow": ("im Schnee", "im Schnee", "in einer Schneelandschaft", "auf einem verschneiten Feld"),
    "sea": ("am Meer", "am Meer", "am Strand", "an der See"),
}
GERMAN_AFLOAT = ("auf dem Meer", "auf dem Meer", "auf See", "auf dem Wasser")
GERMAN_EMPTY = {
    "meadow": ("eine Wiese", "eine grüne Wiese", "ein Feld"),
    "desert": ("eine Wüste", "die Wüste", "Dünen"),
    "snow": ("eine Schneelandschaft", "ein verschneites Feld", "Schnee"),
    "sea": ("das Meer", "das Meer", "ein Strand"),
}
GERMAN_TIMES = {
    "day": ("am Tag", "bei Tag", "bei Tageslicht", "mittags"),
    "dawn": ("bei Sonnenaufgang", "im Morgengrauen", "am frühen Morgen"),
    "sunset": ("bei Sonnenuntergang", "am Abend", "in der Abenddämmerung"),
    "night": ("bei Nacht", "bei Nacht", "nachts", "in der Nacht", "unter den Sternen"),
}
GERMAN_WEATHERS = {
    "clear": ("unter klarem Himmel", "bei klarem Wetter", "bei schönem Wetter"),
    "cloudy": ("unter bewölktem Himmel", "mit vielen Wolken", "bei bewölktem Wetter"),
    "rain": ("im Regen", "im Regen", "bei Regen", "während es regnet"),
    "snowfall": ("bei Schneefall", "während es schneit", "mit fallendem Schnee"),
}
GERMAN_MOUNTAINS = ("mit Bergen", "mit Bergen im Hintergrund", "vor den Bergen", "mit schneebedeckten Bergen")

# How often each is told. What is usual often goes without saying, so what is not said is usual: a prompt without
# weather draws a clear sky in most pictures, not rain or snow as often as sun.
SAID = {"place": 0.82, "mountains": 0.92, "colour": 0.93}
SAID_TIME = {"day": 0.6, "dawn": 0.9, "sunset": 0.9, "night": 0.9}
SAID_WEATHER = {"clear": 0.35, "cloudy": 0.85, "rain": 0.95, "snowfall": 0.95}
TAGS = 0.08  # how often the caption is a bare list with commas, as people used to other models write


@dataclass(frozen=True)
class _Lexicon:
    """How one language tells where, when and in what weather a scene is; ``empty`` is for scenes without things."""

    places: Mapping[str, tuple[str, ...]]
    afloat: tuple[str, ...]
    empty: Mapping[str, tuple[str, ...]]
    times: Mapping[str, tuple[str, ...]]
    weathers: Mapping[str, tuple[str, ...]]
    mountains: tuple[str, ...]


_LEXICONS = {
    "en": _Lexicon(ENGLISH_PLACES, ENGLISH_AFLOAT, ENGLISH_EMPTY, ENGLISH_TIMES, ENGLISH_WEATHERS, ENGLISH_MOUNTAINS),
    "zh": _Lexicon(CHINESE_PLACES, CHINESE_AFLOAT, CHINESE_EMPTY, CHINESE_TIMES, CHINESE_WEATHERS, CHINESE_MOUNTAINS),
    "de": _Lexicon(GERMAN_PLACES, GERMAN_AFLOAT, GERMAN_EMPTY, GERMAN_TIMES, GERMAN_WEATHERS, GERMAN_MOUNTAINS),
}


@dataclass(frozen=True)
class _Parts:
    """The pieces of one caption in one language; empty where it stays unsaid."""

    things: tuple[str, ...]
    place: str
    time: str
    weather: str
    mountains: str
    empty: str


def phrase(thing: Thing, language: str, rng: np.random.Generator, *, coloured: bool = True) -> str:
    """One thing in words, as a box in a layout would be labelled: "a red house", "红房子", "ein rotes Haus"."""
    return {"en": _english_thing, "zh": _chinese_thing, "de": _german_thing}[language](thing, rng, coloured)


def caption(scene: Scene, language: str, rng: np.random.Generator, *, complete: bool = False) -> str:
    """One way of telling ``scene`` in ``language`` ("en", "zh" or "de"); ``rng`` picks the words and what is said.

    With ``complete``, everything is said.
    """
    shares = {**SAID, "time": SAID_TIME[scene.time], "weather": SAID_WEATHER[scene.weather]}
    said = {part: complete or bool(rng.random() < share) for part, share in shares.items()}
    if not scene.things and not (said["place"] or said["time"]):
        said["place"] = True
    afloat = bool(scene.things) and all(thing.kind == "boat" for thing in scene.things)
    words = _LEXICONS[language]
    parts = _Parts(
        things=tuple(
            phrase(thing, language, rng, coloured=complete or bool(rng.random() < SAID["colour"]))
            for thing in scene.things
        ),
        place=_pick(words.afloat if afloat else words.places[scene.ground], rng) if said["place"] else "",
        time=_pick(words.times[scene.time], rng) if said["time"] else "",
        weather=_pick(words.weathers[scene.weather], rng) if said["weather"] else "",
        mountains=_pick(words.mountains, rng) if said["mountains"] and scene.mountains else "",
        empty=_pick(words.empty[scene.ground], rng),
    )
    if rng.random() < TAGS:
        pieces = [*parts.things, "" if scene.things else parts.empty, parts.place if scene.things else "", parts.time,
                  parts.weather, parts.mountains]  # fmt: skip
        return ("，" if language == "zh" else ", ").join(piece for piece in pieces if piece)
    return _chinese(parts, rng) if language == "zh" else _european(parts, language, rng)


def _pick(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]


def _european(parts: _Parts, language: str, rng: np.random.Generator) -> str:
    """Things, then the circumstances in any order: "a red house by the sea at night"."""
    conjunction = " and " if language == "en" else " und "
    *first, last = parts.things or (parts.empty,)
    head = conjunction.join([", ".join(first), last]) if first else last
    around = [parts.place if parts.things else "", parts.time, parts.mountains, parts.weather]
    if rng.random() < 0.3:
        around = [around[i] for i in rng.permutation(len(around))]
    return " ".join([head, *(piece for piece in around if piece)])


def _chinese(parts: _Parts, rng: np.random.Generator) -> str:
    """Circumstances before the things: "夜晚海边的红房子"; weather and mountains may follow a comma."""
    *first, last = parts.things or (parts.empty,)
    head = ("和" if rng.random() < 0.7 else "与").join(["、".join(first), last]) if first else last
    before = [parts.time, parts.place if parts.things else ""]
    after = [piece for piece in (parts.mountains, parts.weather) if piece]
    if parts.weather and rng.random() < 0.4:
        before, after = [parts.weather, *before], [piece for piece in after if piece != parts.weather]
    circumstances = "".join(before)
    return "，".join([f"{circumstances}的{head}" if circumstances else head, *after])


def _english_thing(thing: Thing, rng: np.random.Generator, coloured: bool) -> str:
    noun = _pick(ENGLISH_KINDS[thing.kind], rng)
    colour = _pick(ENGLISH_COLOURS.get(thing.colour, (thing.colour,)), rng)
    words = f"{colour} {noun}" if coloured else noun
    if rng.random() < 0.1:
        return words
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _chinese_thing(thing: Thing, rng: np.random.Generator, coloured: bool) -> str:
    noun = _pick(CHINESE_KINDS[thing.kind], rng)
    measure = CHINESE_MEASURES[thing.kind] if rng.random() < 0.35 else ""
    return measure + (_pick(CHINESE_COLOURS[thing.colour], rng) if coloured else "") + noun


def _german_thing(thing: Thing, rng: np.random.Generator, coloured: bool) -> str:
    nouns = GERMAN_KINDS[thing.kind]
    noun, gender = nouns[int(rng.integers(len(nouns)))]
    article = GERMAN_ARTICLES[gender]
    if not coloured:
        return f"{article} {noun}"
    stem = _pick(GERMAN_COLOURS[thing.colour], rng)
    ending = "" if stem in UNDECLINED else GERMAN_ENDINGS[gender]
    adjective = stem + (ending.removeprefix("e") if stem.endswith("e") else ending)
    return f"{article} {adjective} {noun}"
