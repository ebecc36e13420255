"""German: words and grammar. Adjectives follow gender, number, case and the word before them: "ein rotes Haus",
"mit einem roten Haus", "rotes Haus", "das rote Haus", "zwei rote Häuser", "mit zwei roten Häusern"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from storybook.world.european import ACCUSATIVE, DATIVE, NOMINATIVE, European
from storybook.world.lexicon import BARE, LOOSE, PLAIN, Mention, dressed, pick, worded, words

# Singular, gender, plural; "m!" is a weak noun, which ends as in the plural outside of the nominative.
KINDS = {
    "house": "Haus n Häuser*9/Häuschen n Häuschen/Hütte f Hütten",
    "tree": "Baum m Bäume*9/Laubbaum m Laubbäume",
    "pine": "Tanne f Tannen*5/Kiefer f Kiefern*2/Tannenbaum m Tannenbäume*2/Nadelbaum m Nadelbäume/Fichte f Fichten",
    "car": "Auto n Autos*9/Wagen m Wagen",
    "boat": "Segelboot n Segelboote*5/Boot n Boote*5/Schiff n Schiffe*2/Segelschiff n Segelschiffe",
    "balloon": "Heißluftballon m Heißluftballons*5/Ballon m Ballons*4",
    "lighthouse": "Leuchtturm m Leuchttürme",
    "windmill": "Windmühle f Windmühlen*8/Mühle f Mühlen",
    "cat": "Katze f Katzen*9/Kätzchen n Kätzchen/Kater m Kater",
    "flower": "Blume f Blumen*9/Blüte f Blüten",
    "mushroom": "Pilz m Pilze",
    "tent": "Zelt n Zelte",
    "castle": "Burg f Burgen*4/Schloss n Schlösser*5",
    "kite": "Drachen m Drachen*8/Papierdrachen m Papierdrachen",
    "dog": "Hund m Hunde*9/Welpe m! Welpen/Hündchen n Hündchen",
    "bird": "Vogel m Vögel*9/Vögelchen n Vögelchen",
    "fish": "Fisch m Fische",
    "duck": "Ente f Enten*9/Entchen n Entchen",
    "rabbit": "Hase m! Hasen*5/Kaninchen n Kaninchen*4/Häschen n Häschen",
    "sheep": "Schaf n Schafe*8/Lamm n Lämmer",
    "butterfly": "Schmetterling m Schmetterlinge*8/Falter m Falter",
    "person": "Person f Personen*4/Mensch m! Menschen*2/Mann m Männer*3/Frau f Frauen*3/Kind n Kinder*4"
    "/Mädchen n Mädchen*3/Junge m! Jungen*3",
    "bridge": "Brücke f Brücken",
    "train": "Zug m Züge*8/Lokomotive f Lokomotiven/Lok f Loks/Eisenbahn f Eisenbahnen*2/Dampflok f Dampfloks",
    "rocket": "Rakete f Raketen*8/Raumschiff n Raumschiffe*2/Weltraumrakete f Weltraumraketen",
    "moon": "Mond m Monde",
    "rainbow": "Regenbogen m Regenbögen",
    "apple": "Apfel m Äpfel",
    "umbrella": "Regenschirm m Regenschirme*6/Schirm m Schirme*4/Sonnenschirm m Sonnenschirme",
    "snowman": "Schneemann m Schneemänner",
}
COLOURS = worded(
    {
        "red": "rot*12/knallrot/feuerrot/scharlachrot",
        "orange": "orange*10/orangefarben*3",
        "yellow": "gelb*12/golden/goldgelb/zitronengelb",
        "green": "grün*12/dunkelgrün/hellgrün/smaragdgrün",
        "blue": "blau*12/dunkelblau/hellblau/himmelblau",
        "purple": "lila*8/violett*6",
        "pink": "rosa*9/pink*3/rosafarben",
        "white": "weiß*12/schneeweiß",
        "black": "schwarz*12/pechschwarz",
        "brown": "braun*12/dunkelbraun/hellbraun",
    }
)
UNDECLINED = {"rosa", "lila"}
SIZES = worded({"small": "klein*8/winzig*2", "large": "groß*8/riesig*3/riesengroß"})
NUMBERS = {2: "zwei", 3: "drei", 4: "vier"}
GENDERS = {"m": 0, "f": 1, "n": 2, "p": 3}
NONE, INDEFINITE, MINE, DEFINITE = "", "ein", "mein", "der"


def _table(text: str) -> tuple[tuple[str, ...], ...]:
    """By case, nominative/accusative/dative, and in each by gender: masculine, feminine, neuter, plural."""
    return tuple(tuple(row.split(" ")) for row in text.split("/"))


ARTICLES = {
    INDEFINITE: _table("ein eine ein -/einen eine ein -/einem einer einem -"),
    MINE: _table("mein meine mein meine/meinen meine mein meine/meinem meiner meinem meinen"),
    DEFINITE: _table("der die das die/den die das die/dem der dem den"),
}
ENDINGS = {  # of adjectives, by the article before them
    NONE: _table("er e es e/en e es e/em er em en"),
    INDEFINITE: _table("er e es e/en e es e/en en en en"),
    MINE: _table("er e es en/en e es en/en en en en"),
    DEFINITE: _table("e e e en/en e e en/en en en en"),
}
# Nominative, accusative, dative.
GROUNDS = {
    ground: tuple(tuple(forms.split("|")) for forms in words(text))
    for ground, text in {
        "meadow": "eine Wiese|eine Wiese|einer Wiese*4/eine grüne Wiese|eine grüne Wiese|einer grünen Wiese"
        "/ein Feld|ein Feld|einem Feld",
        "desert": "eine Wüste|eine Wüste|einer Wüste*3/die Wüste|die Wüste|der Wüste*2/Dünen|Dünen|Dünen",
        "snow": "eine Schneelandschaft|eine Schneelandschaft|einer Schneelandschaft*3"
        "/ein verschneites Feld|ein verschneites Feld|einem verschneiten Feld/Schnee|Schnee|Schnee",
        "sea": "das Meer|das Meer|dem Meer*5/ein Strand|einen Strand|einem Strand*2/der Strand|den Strand|dem Strand",
        "forest": "ein Wald|einen Wald|einem Wald*4/der Wald|den Wald|dem Wald*2",
        "village": "ein Dorf|ein Dorf|einem Dorf*4/das Dorf|das Dorf|dem Dorf",
        "street": "eine Straße|eine Straße|einer Straße*4/die Straße|die Straße|der Straße",
    }.items()
}
IS = ("ist", "sind")
VERBS = {
    **dict.fromkeys(("cat", "dog", "rabbit"), (("sitzt", "sitzen"), IS)),
    **dict.fromkeys(("balloon", "kite", "butterfly", "rocket"), (("fliegt", "fliegen"), IS)),
    **dict.fromkeys(("boat",), (("schwimmt", "schwimmen"), IS)),
    **dict.fromkeys(("fish", "bird", "duck", "moon", "rainbow"), (IS,)),
    "apple": (("liegt", "liegen"), IS),
}
STANDS = (("steht", "stehen"), IS)
TURNED = worded(
    {
        "left": "links davon*2/links daneben",
        "right": "rechts davon*2/rechts daneben",
        "above": "darüber",
        "front": "davor",
        "behind": "dahinter",
        "beside": "daneben",
    }
)
ADJECTIVES = worded(
    {
        "clear": "klar",
        "sunny": "sonnig",
        "cloudy": "bewölkt*2/trüb",
        "rain": "regnerisch*2/verregnet",
        "snowfall": "schneereich",
        "storm": "stürmisch",
        "fog": "neblig*3/nebelig",
    }
)
TIMES_OF_DAY = {
    "day": "an einem {}en Tag",
    "dawn": "an einem {}en Morgen",
    "sunset": "an einem {}en Abend",
    "night": "in einer {}en Nacht",
}


@dataclass(frozen=True)
class Noun:
    singular: str
    oblique: str  # accusative and dative
    plural: str
    plural_dative: str
    gender: str


def _noun(text: str) -> Noun:
    singular, gender, plural = text.split(" ")
    oblique = plural if gender == "m!" else singular
    return Noun(singular, oblique, plural, plural if plural[-1] in "ns" else plural + "n", gender[0])


NOUNS = {kind: tuple(_noun(text) for text in words(texts)) for kind, texts in KINDS.items()}


def declined(stem: str, ending: str) -> str:
    if stem in UNDECLINED:
        return stem
    return stem + (ending.removeprefix("e") if stem.endswith("e") else ending)


class German(European):
    places = worded(
        {
            "meadow": "auf einer Wiese*5/auf der Wiese*5/auf einer grünen Wiese/im Gras*3"
            "/auf einem Feld*2/auf dem Feld",
            "desert": "in der Wüste*7/in einer Wüste/zwischen Dünen/im Sand*2",
            "snow": "im Schnee*7/in einer Schneelandschaft*2/auf einem verschneiten Feld/in verschneiter Landschaft",
            "sea": "am Meer*7/am Strand*5/an der See/an der Küste/beim Meer",
            "forest": "im Wald*8/in einem Wald*3/zwischen Bäumen",
            "village": "in einem Dorf*5/im Dorf*6/in einer Kleinstadt/auf dem Dorf",
            "street": "auf der Straße*6/auf einer Straße*5/an der Straße/in der Stadt*3/an einer Straße",
            "afloat": "auf dem Meer*5/auf See/auf dem Wasser*3/auf hoher See",
            "swimming": "im Meer*5/im Wasser*4",
        }
    )
    times = worded(
        {
            "day": "am Tag*3/bei Tag*2/bei Tageslicht*2/mittags/tagsüber*2/am Nachmittag",
            "dawn": "bei Sonnenaufgang*4/im Morgengrauen*2/am frühen Morgen*2/am Morgen*2/frühmorgens",
            "sunset": "bei Sonnenuntergang*5/am Abend*4/in der Abenddämmerung*2/abends*2",
            "night": "bei Nacht*6/nachts*4/in der Nacht*4/unter den Sternen/unter dem Sternenhimmel/im Dunkeln",
        }
    )
    weathers = worded(
        {
            "clear": "unter klarem Himmel*3/bei klarem Wetter*2/bei schönem Wetter*2",
            "sunny": "bei Sonnenschein*3/bei sonnigem Wetter/unter blauem Himmel/in der Sonne*2",
            "cloudy": "unter bewölktem Himmel*3/mit vielen Wolken*2/bei bewölktem Wetter"
            "/bei bewölktem Himmel*2/mit Wolken",
            "rain": "im Regen*7/bei Regen*4/während es regnet/bei Regenwetter*2/bei starkem Regen",
            "snowfall": "bei Schneefall*4/während es schneit*2/mit fallendem Schnee/bei starkem Schneefall"
            "/mit Schneeflocken/im Schneegestöber",
            "storm": "bei Gewitter*4/im Sturm*4/im Gewitter*3/bei Sturm*2/mit Blitzen*2/bei Blitz und Donner"
            "/bei Unwetter",
            "fog": "im Nebel*7/bei Nebel*4/in dichtem Nebel*2/bei nebligem Wetter",
        }
    )
    mountains = words("mit Bergen*4/mit Bergen im Hintergrund*4/vor den Bergen/vor Bergen/mit schneebedeckten Bergen")
    place_tags = worded(
        {
            "meadow": "Wiese*6/Gras*2/Feld*2/grüne Wiese",
            "desert": "Wüste*6/Sand*2/Dünen",
            "snow": "Schnee*5/Schneelandschaft*2/verschneite Landschaft",
            "sea": "Meer*6/Strand*4/Küste",
            "forest": "Wald*8/Bäume",
            "village": "Dorf*7/Kleinstadt",
            "street": "Straße*7/Stadt*2",
            "afloat": "Meer*4/Wasser*2",
            "swimming": "Meer*4/Wasser*2",
        }
    )
    time_tags = worded(
        {
            "day": "Tag*4/tagsüber*2/Tageslicht*2/Mittag",
            "dawn": "Sonnenaufgang*4/Morgen*3/Morgengrauen*2/früher Morgen",
            "sunset": "Sonnenuntergang*5/Abend*4/abends/Abenddämmerung",
            "night": "Nacht*7/nachts*3/Sternenhimmel/Sterne/dunkel",
        }
    )
    weather_tags = worded(
        {
            "clear": "klarer Himmel*3/klares Wetter/schönes Wetter",
            "sunny": "Sonne*2/sonnig*3/Sonnenschein*2/blauer Himmel",
            "cloudy": "bewölkt*4/Wolken*3/bewölkter Himmel",
            "rain": "Regen*6/regnerisch*2/Regenwetter/es regnet",
            "snowfall": "Schneefall*5/es schneit*3/Schneeflocken",
            "storm": "Sturm*4/Gewitter*5/Blitze*2/stürmisch/Unwetter",
            "fog": "Nebel*6/neblig*3/dichter Nebel",
        }
    )
    mountain_tags = words("Berge*6/Berge im Hintergrund*2/Berglandschaft/verschneite Berge")
    prepositions = worded(
        {
            "left": "links von*5/links neben*3",
            "right": "rechts von*5/rechts neben*3",
            "above": "über*6/oberhalb von",
            "front": "vor",
            "behind": "hinter",
            "beside": "neben*7/bei/direkt neben",
        }
    )
    conjunctions = (" und ", " und ", " & ", " + ", " mit ", ", ", " sowie ")
    requests = tuple(
        (form, case)
        for forms, case in (
            ("ein Bild von {}*5/ein Bild mit {}*3/eine Zeichnung von {}*2/ein Gemälde von {}/eine Illustration von {}"
             "/ein Bilderbuchbild mit {}/mach ein Bild von {}/ich hätte gern ein Bild von {}", DATIVE),
            ("zeichne {}*4/male {}*2/mal mir {}*2/bitte zeichne {}*2/ich möchte {}*3/ich hätte gerne {}/zeig mir {}*2"
             "/kannst du {} malen?/bitte male {}/zeichne mir {}/ich will {}/man sieht {}", ACCUSATIVE),
            ("*5/{} bitte", NOMINATIVE),
        )
        for form in words(forms)
    )  # fmt: skip

    def noun_phrase(self, mention: Mention, case: int, rng: np.random.Generator, manner: str) -> str:
        noun = pick(NOUNS[mention.kind], rng)
        if case == DATIVE and manner == LOOSE and rng.random() < 0.9:
            manner = PLAIN  # what is left out, is left out at the start
        if mention.number > 1:
            number = NUMBERS[mention.number] if manner == PLAIN or rng.random() < 0.75 else str(mention.number)
            return f"{number} {self._described(mention, noun, NONE, 'p', case, rng)}"
        draw = rng.random()
        if manner == BARE:
            return self._described(mention, noun, NONE, noun.gender, case, rng)
        article = INDEFINITE
        if draw < 0.5 and mention.kind == "moon":
            article = DEFINITE
        elif manner == LOOSE and draw > 0.86:
            article = NONE if draw < 0.94 else DEFINITE if draw < 0.98 else MINE
        described = self._described(mention, noun, article, noun.gender, case, rng)
        return f"{ARTICLES[article][case][GENDERS[noun.gender]]} {described}" if article else described

    def empty(self, ground: str, case: int, rng: np.random.Generator) -> str:
        return pick(GROUNDS[ground], rng)[case]

    def weather_and_time(self, weather: str, time: str, rng: np.random.Generator) -> str:
        return TIMES_OF_DAY[time].format(pick(ADJECTIVES[weather], rng))

    def turned(self, one: Mention, name: str, other: Mention, case: int, rng: np.random.Generator) -> str:
        first, then = self.noun_phrase(other, case, rng, LOOSE), self.noun_phrase(one, NOMINATIVE, rng, PLAIN)
        return f"{first}{', ' if rng.random() < 0.6 else ' und '}{pick(TURNED[name], rng)} {then}"

    def there_is(self, mention: Mention, head: str, start: str, rng: np.random.Generator) -> str:
        if mention.kind == "scene":
            return f"hier ist {head}"
        many = mention.number > 1
        if not start:
            return f"{'da' if rng.random() < 0.4 else 'hier'} {IS[many]} {head}"
        return f"{start} {self.verb(mention, rng)} {head}"

    def coloured(self, mention: Mention, rng: np.random.Generator) -> str:
        assert mention.colour
        noun, colour = pick(NOUNS[mention.kind], rng), pick(COLOURS[mention.colour], rng)
        article, plain = DEFINITE if rng.random() < 0.7 else MINE, Mention(mention.kind, size=mention.size)
        if mention.number > 1:
            described = self._described(plain, noun, article, "p", NOMINATIVE, rng)
            return f"{ARTICLES[article][NOMINATIVE][3]} {NUMBERS[mention.number]} {described} sind {colour}"
        described = self._described(plain, noun, article, noun.gender, NOMINATIVE, rng)
        return f"{ARTICLES[article][NOMINATIVE][GENDERS[noun.gender]]} {described} ist {colour}"

    def verb(self, mention: Mention, rng: np.random.Generator) -> str:
        return pick(VERBS.get(mention.kind, STANDS), rng)[mention.number > 1]

    def _described(
        self, mention: Mention, noun: Noun, article: str, gender: str, case: int, rng: np.random.Generator
    ) -> str:
        """The noun with its adjectives, without its article."""
        ending = ENDINGS[article][case][GENDERS[gender]]
        adjectives, clothes = "", ""
        if mention.size in SIZES:
            adjectives = declined(pick(SIZES[mention.size], rng), ending) + " "
        if mention.colour:
            ways = COLOURS[mention.colour]
            colour = ways[0] if mention.brief else pick(ways, rng)
            if dressed(mention, rng):
                clothes = (
                    f" in {colour.capitalize()}" if rng.random() < 0.7 else f" in {declined(colour, 'er')} Kleidung"
                )
            else:
                adjectives += declined(colour, ending) + " "
        if gender == "p":
            return adjectives + (noun.plural_dative if case == DATIVE else noun.plural) + clothes
        return adjectives + (noun.singular if case == NOMINATIVE else noun.oblique) + clothes
