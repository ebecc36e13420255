"""What makes a picture again, and our own JSON of it, which holds everything."""

from __future__ import annotations

import json
from dataclasses import dataclass

from studio.errors import InvalidRequest, NoRecipe
from studio.requests import from_mapping, to_mapping
from studio.requests.limits import check_integer, check_text
from studio.requests.request import Request
from studio.sampling.catalogue import MOST_STEPS

FORMAT = 1
LONGEST_JSON = 2**20  # characters; thirty boxes with the longest phrases take a tenth of it
MOST_CALLS = 2 * MOST_STEPS


@dataclass(frozen=True)
class Recipe:
    """``request`` makes the picture alone; ``model_hash`` names the denoiser's weights as other programs do, and
    ``revision`` all weights of the pack; both are empty if not known.

    ``stopped_at`` is the step at which the picture was stopped and kept, None for a whole one.
    """

    request: Request
    model_hash: str = ""
    stopped_at: int | None = None
    revision: str = ""

    def __post_init__(self) -> None:
        check_text("model_hash", self.model_hash)
        check_text("revision", self.revision)
        if self.stopped_at is not None:
            check_integer("stopped_at", self.stopped_at, 0, MOST_CALLS)


def to_json(recipe: Recipe) -> str:
    values = {"format": FORMAT, "request": to_mapping(recipe.request), "model_hash": recipe.model_hash}
    if recipe.revision:
        values["revision"] = recipe.revision
    if recipe.stopped_at is not None:
        values["stopped_at"] = recipe.stopped_at
    return json.dumps(values, ensure_ascii=False)


def from_json(text: str) -> Recipe:
    """Raises `NoRecipe` if ``text`` is not a recipe of ours."""
    if len(text) > LONGEST_JSON:
        raise NoRecipe(
            "The recipe in this picture has {count} characters; at most {most} are read.",
            count=len(text),
            most=LONGEST_JSON,
        )
    try:
        values = json.loads(text)
        if values["format"] != FORMAT:
            raise NoRecipe("The recipe has another format; this version reads format {format}.", format=FORMAT)
        request = from_mapping(values["request"])
        return Recipe(request, values.get("model_hash", ""), values.get("stopped_at"), values.get("revision", ""))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise NoRecipe("The recipe in this picture is damaged ({kind}).", kind=type(error).__name__) from None
    except InvalidRequest as error:
        raise NoRecipe("The recipe in this picture cannot be used: {error}", error=error.message) from None
