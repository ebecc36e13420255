"""The recipe that travels in every picture: how to make it again, twice over.

``parameters`` is the text that AUTOMATIC1111's web UI writes and that most programs and sites read;
``latent-studio`` is our own JSON, which holds everything and wins when both are there. Both live in PNG text chunks.
(The text has one flaw that all its readers share: a prompt with a line that begins "Negative prompt:" is cut there.)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from studio.errors import InvalidRequest, NoRecipe
from studio.requests import from_mapping, to_mapping
from studio.requests.inpaint import Inpaint
from studio.requests.request import Prompted, Request
from studio.requests.super_resolve import SuperResolve
from studio.requests.text_to_image import TextToImage
from studio.requests.vary import Vary
from studio.samplers.catalogue import SAMPLERS, find_sampler

FORMAT = 1
JSON_KEY, TEXT_KEY = "latent-studio", "parameters"
NEGATIVE = "Negative prompt:"
# A key, a colon, and a value that is quoted as JSON or runs to the next comma: the rule by which others read the text.
PARAMETER = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


@dataclass(frozen=True)
class Recipe:
    """``request`` makes the picture alone; ``model_hash`` names the weights that made it, empty if not known.

    ``stopped_at`` is the step at which the picture was stopped and kept, None for a whole one.
    """

    request: Request
    model_hash: str = ""
    stopped_at: int | None = None


def to_json(recipe: Recipe) -> str:
    values = {"format": FORMAT, "request": to_mapping(recipe.request), "model_hash": recipe.model_hash}
    if recipe.stopped_at is not None:
        values["stopped_at"] = recipe.stopped_at
    return json.dumps(values, ensure_ascii=False)


def from_json(text: str) -> Recipe:
    """Raises `NoRecipe` if ``text`` is not a recipe of ours."""
    try:
        values = json.loads(text)
        if values["format"] != FORMAT:
            raise NoRecipe(f"The recipe has format {values['format']!r}; this version reads format {FORMAT}.")
        stopped_at = values.get("stopped_at")
        return Recipe(from_mapping(values["request"]), str(values.get("model_hash", "")), stopped_at)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NoRecipe(f"The recipe in this picture is damaged ({type(error).__name__}).") from None
    except InvalidRequest as error:
        raise NoRecipe(f"The recipe in this picture cannot be used: {error}") from None


def to_parameters(recipe: Recipe) -> str:
    """The recipe as AUTOMATIC1111's "parameters" text: prompt, negative prompt, one line of settings."""
    request = recipe.request
    sampler, schedule = find_sampler(request.sampler).on(request.schedule).known_as
    settings: dict[str, Any] = {
        "Steps": request.steps,
        "Sampler": sampler,
        "Schedule type": schedule,
        "CFG scale": _number(request.guidance) if isinstance(request, Prompted) else "1",
        "Seed": request.seed,
        "Size": f"{request.width}x{request.height}",
        "Model hash": recipe.model_hash or None,
        "Model": request.pack,
        "CFG Rescale": _number(request.rescale) if isinstance(request, Prompted) and request.rescale else None,
        "Eta DDIM": _number(request.eta) if request.eta else None,
        "Clip skip": request.clip_skip + 1 if isinstance(request, Prompted) and request.clip_skip else None,
        **_beginning(request),
        "RNG": "CPU",
        "Version": "Latent Studio",
    }
    line = ", ".join(f"{key}: {_quote(str(value))}" for key, value in settings.items() if value is not None)
    avoided = request.negative if isinstance(request, Prompted) else ""
    negative = [f"{NEGATIVE} {avoided}"] if avoided else []
    return "\n".join([request.caption, *negative, line])


def _beginning(request: Request) -> dict[str, Any]:
    """What other programs write of a picture that did not begin from the noise of one seed."""
    if isinstance(request, TextToImage):
        varied = {"Variation seed": request.variation_seed, "Variation seed strength": _number(request.variation)}
        begun = {"Denoising strength": _number(request.strength)}
        return {**(varied if request.variation else {}), **(begun if request.image else {})}
    if isinstance(request, SuperResolve):
        return {"Upscale by": request.scale}
    if isinstance(request, Vary):
        return {"Denoising strength": _number(request.strength)}
    if not isinstance(request, Inpaint):
        return {}
    area = "Only masked" if request.only_masked else None
    return {
        "Denoising strength": _number(request.strength),
        "Mask blur": request.feather,
        "Inpaint area": area,
        "Masked area padding": request.padding if area else None,
    }


def from_parameters(text: str) -> Recipe:
    """Reads a "parameters" text, our own or another program's. Raises `NoRecipe`."""
    *lines, last = text.split("\n")
    settings = {key: _unquote(value) for key, value in PARAMETER.findall(last)}
    if len(settings) < 3 or "Seed" not in settings:
        raise NoRecipe("This picture's text holds no generation parameters.")
    start = next((at for at, line in enumerate(lines) if line.startswith(NEGATIVE)), len(lines))
    negative = "\n".join(lines[start:]).removeprefix(NEGATIVE).removeprefix(" ")
    try:
        width, height = (int(side) for side in settings["Size"].split("x"))
        sampler, schedule = _sampler_named(settings["Sampler"], settings.get("Schedule type", "Automatic"))
        request = TextToImage(
            prompt="\n".join(lines[:start]),
            negative=negative,
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
    except (KeyError, ValueError) as error:
        raise NoRecipe(f"This picture's parameters lack something or cannot be read: {error}") from None
    except InvalidRequest as error:
        raise NoRecipe(f"This picture's parameters cannot be used here: {error}") from None
    return Recipe(request, settings.get("Model hash", ""))


def png_text(recipe: Recipe) -> PngInfo:
    """Both forms, for ``Image.save(..., pnginfo=...)``."""
    info = PngInfo()
    info.add_itxt(JSON_KEY, to_json(recipe))
    info.add_itxt(TEXT_KEY, to_parameters(recipe))
    return info


def read_recipe(path: Path) -> Recipe:
    """The recipe in the PNG at ``path``. Raises `NoRecipe` if there is none, or the file is not a PNG."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            image.load()  # text may follow the pixels
            text = dict(image.text)  # type: ignore[attr-defined]
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise NoRecipe(f"{path.name} cannot be read as a PNG ({type(error).__name__}).") from None
    if JSON_KEY in text:
        return from_json(text[JSON_KEY])
    if TEXT_KEY in text:
        return from_parameters(text[TEXT_KEY])
    raise NoRecipe(
        f"{path.name} carries no recipe; it was not made by a program that writes one, or lost it on the way."
    )


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


def _sampler_named(sampler: str, schedule: str) -> tuple[str, str]:
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
