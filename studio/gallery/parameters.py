"""The "parameters" text that AUTOMATIC1111's web UI writes and that most programs and sites read, both ways.

It has one flaw that all its readers share: a prompt with a line that begins "Negative prompt:" is cut there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studio.errors import InvalidRequest, NoRecipe
from studio.gallery.recipe import Recipe
from studio.requests.fields import fields_of
from studio.requests.request import Prompted, Request
from studio.requests.text_to_image import TextToImage
from studio.sampling.catalogue import SAMPLERS, find_sampler

NEGATIVE = "Negative prompt:"
LONGEST_TEXT = 200_000  # characters
FEWEST_SETTINGS = 3  # with fewer, a line belongs to the prompt
KNOWN_SETTINGS = frozenset({"Steps", "Sampler", "CFG scale", "Seed", "Size", "Model", "Model hash"})
FIRST_SETTINGS = (  # in the order in which others write them
    "Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model hash", "Model", "CFG Rescale", "Eta DDIM",
    "Clip skip", "Variation seed", "Variation seed strength", "Denoising strength", "Mask blur", "Inpaint area",
)  # fmt: skip
LAST_SETTINGS = ("RNG", "Version")
FIRST_SETTING = re.compile(r"(?:^|(?<=[\s,.]))Steps:\s*\d")
FURTHER = re.compile(r"(\w[\w \-/]{1,40}):(.*)")
KEY_CHARACTER = re.compile(r"[\w \-/]")
SPACES = re.compile(r"\s*")
PIPED = re.compile(r"[^:,|]+:[^,|]*\s\|\s")
ENDED = {",": re.compile(r",|$"), "|": re.compile(r"\s*(?:\||$)")}
QUOTED = re.compile(r'"(?:\\.|[^\\"])+"')


@dataclass(frozen=True)
class Infotext:
    """A "parameters" text, taken apart; ``settings`` are empty where it has none."""

    prompt: str
    negative: str
    settings: Mapping[str, str]


def to_parameters(recipe: Recipe) -> str:
    """The recipe as AUTOMATIC1111's "parameters" text: prompt, negative prompt, one line of settings."""
    request = recipe.request
    sampler, schedule = find_sampler(request.sampler).on(request.schedule).known_as
    settings = {
        "CFG scale": "1",  # of what has no guidance
        **_settings_of(request),
        "Sampler": sampler,
        "Schedule type": schedule,
        "Size": f"{request.width}x{request.height}",
        **({"Model hash": recipe.model_hash} if recipe.model_hash else {}),
        "RNG": "CPU",
        "Version": "Latent Studio",
    }
    first = [name for name in FIRST_SETTINGS if name in settings]
    names = [*first, *(name for name in settings if name not in first and name not in LAST_SETTINGS), *LAST_SETTINGS]
    line = ", ".join(f"{name}: {_quote(settings[name])}" for name in names)
    avoided = request.negative if isinstance(request, Prompted) else ""
    negative = [f"{NEGATIVE} {avoided}"] if avoided else []
    return "\n".join([request.caption, *negative, line])


def _settings_of(request: Request) -> dict[str, str]:
    """What the request's fields have to say in such a text."""
    settings = {}
    for name, field in fields_of(type(request)).items():
        value = getattr(request, name)
        is_idle = bool(field.needs) and not getattr(request, field.needs)
        if field.infotext and not is_idle and (field.silent is None or value != field.silent):
            settings[field.infotext] = _as_others_say(name, value)
    return settings


def _as_others_say(name: str, value: Any) -> str:
    if name == "clip_skip":
        return str(value + 1)  # others count from 1
    if name == "only_masked":
        return "Only masked"
    return str(value) if isinstance(value, (str, bool)) else _number(value)


def read_infotext(text: str) -> Infotext:
    """Raises `NoRecipe` for one that is longer than any program writes.

    The settings are the last line that begins like those, or else has enough of them; what follows them, such as the
    templates of a prompt, counts as settings of its own. Where somebody took the line breaks out, they stand behind
    the prompt.
    """
    if len(text) > LONGEST_TEXT:
        raise NoRecipe(
            "This picture's parameters have {count} characters; at most {most} are read.",
            count=len(text),
            most=LONGEST_TEXT,
        )
    lines = text.strip("\ufeff\0").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    at, before, settings = _found_settings(lines)
    if settings:
        settings |= _further(lines[at + 1 :])
        lines = [*lines[:at], *before]
    start = next((at for at, line in enumerate(lines) if line.lstrip().startswith(NEGATIVE)), len(lines))
    prompt, negative = "\n".join(lines[:start]), "\n".join(lines[start:]).lstrip().removeprefix(NEGATIVE)
    if start == len(lines) == 1 and before:
        prompt, _, negative = prompt.partition(f" {NEGATIVE}")
    if settings:  # others write an empty line before them
        prompt, negative = prompt.rstrip("\n"), negative.rstrip("\n")
    return Infotext(prompt, negative.removeprefix(" ").lstrip("\n"), settings)


def _found_settings(lines: Sequence[str]) -> tuple[int, list[str], dict[str, str]]:
    """Which line holds the settings, what of it stands before them, and the settings; none where there is none."""
    best: tuple[int, list[str], dict[str, str]] | None = None
    for at in range(len(lines) - 1, -1, -1):
        line = lines[at]
        begin = _begin_of_settings(line, has_prompt=at == 0 or line.lstrip().startswith(NEGATIVE))
        settings = dict(_settings(line[begin:]))
        if len(settings) < FEWEST_SETTINGS or not KNOWN_SETTINGS & settings.keys():
            continue
        before = [line[:begin].rstrip(" ,")] if begin else []
        if begin or FIRST_SETTING.match(line.lstrip()):
            return at, before, settings
        best = best or (at, before, settings)
    return best or (len(lines), [], {})


def _begin_of_settings(line: str, *, has_prompt: bool) -> int:
    """Where they begin in a line that also holds a prompt, which may look like settings where one must be; 0 where
    they are all that it holds."""
    found = FIRST_SETTING.search(line)
    if found is None:
        return 0
    before = dict(_settings(line[: found.start()])).keys()
    return found.start() if not before or (has_prompt and KNOWN_SETTINGS.isdisjoint(before)) else 0


def _further(lines: Sequence[str]) -> dict[str, str]:
    """What stands behind the settings, a name and a text a line; a line without a name goes on with the one before."""
    found: dict[str, list[str]] = {}
    key = "Text"
    for line in lines:
        named = FURTHER.fullmatch(line.strip())
        key = named[1] if named else key
        if text := named[2].strip() if named else line.strip():
            found.setdefault(key, []).append(text)
    return {key: "\n".join(texts) for key, texts in found.items()}


def from_parameters(text: str) -> Recipe:
    """The recipe in a "parameters" text all of which can be used. Raises `NoRecipe`."""
    infotext = read_infotext(text)
    settings = infotext.settings
    if "Seed" not in settings:
        raise NoRecipe("This picture's text holds no generation parameters.")
    try:
        width, height = (int(side) for side in settings["Size"].split("x"))
        sampler, schedule = sampler_named(settings["Sampler"], settings.get("Schedule type", "Automatic"))
        request = TextToImage(
            prompt=infotext.prompt,
            negative=infotext.negative,
            pack=settings.get("Model", ""),
            width=width,
            height=height,
            seed=int(settings["Seed"]),
            steps=int(settings["Steps"]),
            sampler=sampler,
            schedule=schedule,
            guidance=float(settings["CFG scale"]),
            rescale=float(settings.get("CFG Rescale", 0)),
            eta=float(settings.get("Eta DDIM", 0)),
            clip_skip=int(settings.get("Clip skip", 1)) - 1,
            variation=float(settings.get("Variation seed strength", 0)),
            variation_seed=int(settings.get("Variation seed", 0)),
        )
        return Recipe(request, settings.get("Model hash", ""))
    except InvalidRequest as error:
        raise NoRecipe("This picture's parameters cannot be used here: {error}", error=error.message) from None
    except (KeyError, ValueError, OverflowError) as error:
        raise NoRecipe(
            "This picture's parameters lack something or cannot be read ({kind}).", kind=type(error).__name__
        ) from None


def _settings(line: str) -> Iterator[tuple[str, str]]:
    """Keys and values of a line like ``Steps: 20, Size: 512x512``, in one pass: a key is two characters or more before
    a colon, a value is quoted as JSON or runs to the next comma, as others read it. Old versions of SD.Next write ``|``
    in place of commas."""
    separator = "|" if PIPED.match(line) else ","
    at, quotes_close = 0, True
    while (colon := line.find(":", at)) >= 0:
        begin = colon
        while begin > at and KEY_CHARACTER.match(line[begin - 1]):
            begin -= 1
        key = line[begin:colon].lstrip(" -/")
        at = colon + 1
        if len(key) < 2:
            continue
        value_at = SPACES.match(line, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        is_quoted = quotes_close and line.startswith('"', value_at)
        quoted = QUOTED.match(line, value_at) if is_quoted else None
        quotes_close = quotes_close and not (is_quoted and quoted is None)  # what is open here is open further on
        if quoted and ENDED[separator].match(line, quoted.end()):
            yield key, _unquote(quoted[0])
            at = quoted.end() + 1
        else:
            end = line.find(separator, value_at)
            end = len(line) if end < 0 else end
            yield key, _unquote(line[value_at:end])
            at = end + 1


def _number(value: float) -> str:
    """As short as it can be read back exactly: "4", "7.5", "4.1234567"."""
    return repr(int(value)) if value == int(value) else repr(float(value))


def _quote(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r'[,:\n"]', value) else value


def _unquote(value: str) -> str:
    if not value.startswith('"'):
        return value.strip()
    try:
        return str(json.loads(value))
    except ValueError:
        return value


def sampler_named(sampler: str, schedule: str) -> tuple[str, str]:
    """Our names for another program's sampler and schedule type. Raises `InvalidRequest` if there are none."""
    for known in SAMPLERS.values():
        if known.known_as == (sampler, schedule):
            return known.name, ""
    for known in SAMPLERS.values():
        if known.known_as[0] == sampler and schedule == "Automatic":  # others mean "the sampler's usual schedule"
            return known.name, ""
        if known.known_as[0] == sampler and schedule in known.schedules:
            return known.name, schedule
    return find_sampler(sampler if schedule == "Automatic" else f"{sampler} {schedule}").name, ""
