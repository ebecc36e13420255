"""English: words and grammar."""

from __future__ import annotations

import numpy as np

from storybook.world.european import NOMINATIVE, European
from storybook.world.lexicon import BARE, LOOSE, PLAIN, Mention, dressed, pick, worded, words

KINDS = {
    "house": "house*8/cottage*2/hut/home",
    "tree": "tree*9/oak tree/leafy tree",
    "pine": "pine tree*4/pine*3/fir tree*2/fir/conifer",
    "car": "car*9/automobile",
    "boat": "boat*5/sailing boat*4/sailboat*4/ship*2/sailing ship",
    "balloon": "hot-air balloon*4/hot air balloon*3/balloon*4",
    "lighthouse": "lighthouse",
    "windmill": "windmill*9/mill",
    "cat": "cat*9/kitten*2/kitty",
    "flower": "flower*9/blossom",
    "mushroom": "mushroom*7/toadstool",
    "tent": "tent*9/camping tent",
    "castle": "castle*9/fortress/palace",
    "kite": "kite",
    "dog": "dog*9/puppy*2/doggy",
    "bird": "bird*9/birdie",
    "fish": "fish",
    "duck": "duck*9/duckling",
    "rabbit": "rabbit*6/bunny*3/hare",
    "sheep": "sheep*8/lamb*2",
    "butterfly": "butterfly",
    "person": "person*4/man*3/woman*3/child*2/girl*3/boy*3/kid*2",
    "bridge": "bridge*9/footbridge",
    "train": "train*8/steam train*2/locomotive*2/railway train",
    "rocket": "rocket*8/spaceship*3/space rocket/rocket ship",
    "moon": "moon",
    "rainbow": "rainbow",
    "apple": "apple",
    "umbrella": "umbrella*9/parasol",
    "snowman": "snowman",
}
COLOURS = worded(
    {
        "red": "red*12/bright red/crimson/scarlet",
        "orange": "orange*12/bright orange",
        "yellow": "yellow*12/golden/bright yellow/lemon yellow",
        "green": "green*12/dark green/light green/emerald green/emerald",
        "blue": "blue*12/dark blue/light blue/sky blue/navy blue/azure",
        "purple": "purple*9/violet*3/lilac",
        "pink": "pink*12/light pink/rose-coloured",
        "white": "white*12/snowy white/snow-white",
        "black": "black*12/jet black/pitch-black",
        "brown": "brown*12/dark brown/light brown/chestnut brown",
    }
)
SIZES = worded({"small": "small*5/little*4/tiny*2", "large": "big*6/large*5/huge*2/giant/enormous"})
IRREGULAR = {
    "fish": "fish",
    "sheep": "sheep",
    "man": "men",
    "woman": "women",
    "child": "children",
    "person": "people",
    "snowman": "snowmen",
}
CLOTHES = words("in {}*5/dressed in {}/wearing {}/in {} clothes")
NUMBERS = {2: "two", 3: "three", 4: "four"}
GROUNDS = worded(
    {
        "meadow": "a meadow*4/a green meadow/a field of grass/a grassy field/grass",
        "desert": "a desert*3/the desert*3/sand dunes",
        "snow": "a snowy landscape*3/a snowy field*2/snow",
        "sea": "the sea*5/a beach*2/the ocean/the seaside",
        "forest": "a forest*4/the forest*2/the woods*2/a wood",
        "village": "a village*4/the village/a small town",
        "street": "a street*4/a road*3/a city street",
    }
)
VERBS = {
    **dict.fromkeys(("cat", "dog", "rabbit"), (("sits", "sit"), ("is", "are"))),
    **dict.fromkeys(("balloon", "kite", "butterfly", "rocket"), (("flies", "fly"), ("is", "are"))),
    **dict.fromkeys(("boat",), (("floats", "float"), ("is", "are"))),
    **dict.fromkeys(("fish", "bird", "duck", "train", "moon", "rainbow", "apple", "car"), (("is", "are"),)),
}
STANDS = (("stands", "stand"), ("is", "are"))
SHORT_RELATIONS = {
    "left": "to the left",
    "right": "to the right",
    "above": "above it",
    "front": "in front of it",
    "behind": "behind it",
    "beside": "next to it",
}
ADJECTIVES = worded(
    {
        "clear": "clear",
        "sunny": "sunny",
        "cloudy": "cloudy*3/grey",
        "rain": "rainy",
        "snowfall": "snowy",
        "storm": "stormy",
        "fog": "foggy*2/misty",
    }
)
TIMES_OF_DAY = worded({"day": "day*3/afternoon", "dawn": "morning", "sunset": "evening", "night": "night"})


def plural(noun: str) -> str:
    *before, last = noun.split(" ")
    if last in IRREGULAR:
        ending = IRREGULAR[last]
    elif last[-1] == "y" and last[-2] not in "aeiou":
        ending = last[:-1] + "ies"
    else:
        ending = last + ("es" if last.endswith(("s", "sh", "ch")) else "s")
    return " ".join([*before, ending])


NOUNS = {kind: tuple((noun, plural(noun)) for noun in words(text)) for kind, text in KINDS.items()}


class English(European):
    places = worded(
        {
            "meadow": "in a meadow*4/on a meadow*2/in the meadow*2/on a green meadow/in the grass*3/on the grass*3"
            "/in a field*3/on a field",
            "desert": "in the desert*7/in a desert*2/among sand dunes/on the sand/in the sand",
            "snow": "in the snow*7/in a snowy landscape*2/on a snowy field/on snow",
            "sea": "by the sea*7/at the seaside*2/near the sea*2/at the beach*4/on the beach*4/by the ocean"
            "/on the shore/at the sea",
            "forest": "in a forest*4/in the forest*5/in the woods*4/among trees/in a wood",
            "village": "in a village*6/in the village*3/in a small town/in a town*2/in the countryside",
            "street": "on a street*4/in the street*3/on the street*4/on the road*3/on a road*3/in the city*2/in town",
            "afloat": "on the sea*5/at sea*2/on the water*3/on the ocean/on the waves",
            "swimming": "in the sea*5/in the water*4/in the ocean",
        }
    )
    times = worded(
        {
            "day": "by day*3/during the day*3/in daylight*2/at noon*2/in the daytime/in the afternoon",
            "dawn": "at dawn*4/at sunrise*4/early in the morning*2/in the morning*2/in the early morning/at daybreak",
            "sunset": "at sunset*6/in the evening*3/at dusk*2/in the evening sun/as the sun sets",
            "night": "at night*8/by night*2/under the stars*2/under a starry sky/in the dark/at midnight",
        }
    )
    weathers = worded(
        {
            "clear": "under a clear sky*4/in clear weather*2/in fine weather/with a clear sky",
            "sunny": "in the sunshine*3/in sunny weather*2/under a blue sky/in the sun*2",
            "cloudy": "under a cloudy sky*4/with many clouds*2/in cloudy weather*2/with clouds*2/under a grey sky",
            "rain": "in the rain*8/in rainy weather*2/while it rains/in heavy rain/with rain",
            "snowfall": "in falling snow*3/while it snows*3/while snow is falling/with snowflakes/with falling snow*2",
            "storm": "in a storm*5/in a thunderstorm*4/during a storm*2/with lightning*3/in stormy weather"
            "/during a thunderstorm*2/with thunder and lightning",
            "fog": "in the fog*6/in fog*2/in the mist*2/in foggy weather/in thick fog*2/in mist",
        }
    )
    mountains = words(
        "with mountains*4/with mountains in the background*4/in front of mountains/with snowy mountains/near mountains"
        "/with mountains behind"
    )
    place_tags = worded(
        {
            "meadow": "meadow*5/grass*2/field*2/green meadow/grassland",
            "desert": "desert*6/sand*2/dunes",
            "snow": "snow*5/snowy landscape/snowy field/winter landscape",
            "sea": "sea*5/beach*4/seaside*2/ocean*2",
            "forest": "forest*5/woods*3/trees",
            "village": "village*5/town",
            "street": "street*5/road*4/city*2",
            "afloat": "sea*4/water*2/ocean",
            "swimming": "sea*4/water*2/ocean",
        }
    )
    time_tags = worded(
        {
            "day": "day*4/daytime*2/daylight*2/noon",
            "dawn": "dawn*4/sunrise*4/morning*2/early morning",
            "sunset": "sunset*6/evening*3/dusk*2",
            "night": "night*8/nighttime/starry sky/stars/dark",
        }
    )
    weather_tags = worded(
        {
            "clear": "clear sky*3/clear/clear weather",
            "sunny": "sunny*4/sunshine*2/blue sky",
            "cloudy": "cloudy*4/clouds*3/cloudy sky*2/overcast",
            "rain": "rain*5/rainy*3/raining*2",
            "snowfall": "snowfall*3/snowing*4/falling snow*3/snowflakes",
            "storm": "storm*5/thunderstorm*3/stormy*2/lightning*3",
            "fog": "fog*5/foggy*3/mist*2/misty*2",
        }
    )
    mountain_tags = words("mountains*5/mountains in the background*2/mountain landscape/snowy mountains")
    prepositions = worded(
        {
            "left": "to the left of*4/left of*4/on the left of",
            "right": "to the right of*4/right of*4/on the right of",
            "above": "above*6/over*3",
            "front": "in front of",
            "behind": "behind",
            "beside": "next to*5/beside*4/by/near*2",
        }
    )
    conjunctions = (" and ", " and ", " & ", " + ", " with ", ", ", " plus ")
    requests = tuple(
        (form, NOMINATIVE)
        for form in words(
            "a picture of {}*5/draw {}*4/draw me {}*2/please draw {}*2/*5/i want {}*3/i would like {}/show me {}*2"
            "/can you draw {}?/an illustration of {}/a painting of {}*2/a drawing of {}*2/a picture with {}*2/paint {}"
            "/a storybook picture of {}/i'd like a picture of {}/create an image of {}/make a picture of {}/{} please"
        )
    )

    def noun_phrase(self, mention: Mention, case: int, rng: np.random.Generator, manner: str) -> str:
        one, many = pick(NOUNS[mention.kind], rng)
        size = pick(SIZES[mention.size], rng) + " " if mention.size in SIZES else ""
        colour = ""
        if mention.colour:
            colour = mention.colour if mention.brief else pick(COLOURS[mention.colour], rng)
        described = f"{size}{colour} " if colour else size
        if dressed(mention, rng):
            clothes = pick(CLOTHES, rng).format(colour)
            described, one, many = size, f"{one} {clothes}", f"{many} {clothes}"
        elif manner == LOOSE and colour and rng.random() < 0.02:
            described, one, many = size, f"{one} that is {colour}", f"{many} that are {colour}"
        if mention.number > 1:
            return f"{self._number(mention.number, rng, manner)} {described}{many}"
        named = described + one
        draw = rng.random()
        if manner == BARE:
            return f"1 {named}" if draw < 0.02 else named
        if draw < 0.5 and mention.kind == "moon":
            return f"the {named}"
        if manner == LOOSE and draw > 0.82:
            return named if draw < 0.9 else f"{'one' if draw < 0.94 else 'the' if draw < 0.98 else 'my'} {named}"
        return f"{'an' if named[0] in 'aeiou' else 'a'} {named}"

    def empty(self, ground: str, case: int, rng: np.random.Generator) -> str:
        return pick(GROUNDS[ground], rng)

    def weather_and_time(self, weather: str, time: str, rng: np.random.Generator) -> str:
        return f"on a {pick(ADJECTIVES[weather], rng)} {pick(TIMES_OF_DAY[time], rng)}"

    def turned(self, one: Mention, name: str, other: Mention, case: int, rng: np.random.Generator) -> str:
        first, then = self.noun_phrase(other, case, rng, LOOSE), self.noun_phrase(one, case, rng, PLAIN)
        where = SHORT_RELATIONS[name] if other.number == 1 else SHORT_RELATIONS[name].replace(" it", " them")
        return f"{first} with {then} {where}" if rng.random() < 0.6 else f"{first} and {where} {then}"

    def there_is(self, mention: Mention, head: str, start: str, rng: np.random.Generator) -> str:
        return f"{start} there {'are' if mention.number > 1 else 'is'} {head}".strip()

    def coloured(self, mention: Mention, rng: np.random.Generator) -> str:
        assert mention.colour
        one, many = pick(NOUNS[mention.kind], rng)
        size = pick(SIZES[mention.size], rng) + " " if mention.size in SIZES else ""
        owner = "the" if rng.random() < 0.7 else "my"
        colour = pick(COLOURS[mention.colour], rng)
        if mention.number > 1:
            return f"{owner} {NUMBERS[mention.number]} {size}{many} are {colour}"
        return f"{owner} {size}{one} is {colour}"

    def verb(self, mention: Mention, rng: np.random.Generator) -> str:
        one, many = pick(VERBS.get(mention.kind, STANDS), rng)
        return many if mention.number > 1 else one

    def _number(self, number: int, rng: np.random.Generator, manner: str) -> str:
        draw = rng.random()
        if manner == PLAIN or draw < 0.72:
            return NUMBERS[number]
        return "a pair of" if number == 2 and manner == LOOSE and draw > 0.94 else str(number)
