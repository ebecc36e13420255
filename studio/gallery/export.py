"""Pictures on their way out: a ZIP of the files as they lie on the disk, each with its recipe inside, and all recipes
once more in ``recipes.jsonl``, a line each."""

from __future__ import annotations

import json
import re
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from studio.errors import NoRecipe
from studio.gallery.containers import read_recipe
from studio.requests import to_mapping
from studio.requests.request import Request

RECIPES = "recipes.jsonl"
LONGEST_NAME = 60  # characters of a prompt, in a file's name


def write_zip(paths: Iterable[Path], file: BinaryIO) -> int:
    """Writes the pictures at ``paths`` one after the other, as they are, and returns how many; one that is gone, or
    carries no recipe, is left out. Never holds more than one picture in memory."""
    lines, names = [], set[str]()
    with zipfile.ZipFile(file, "w") as archive:  # PNGs are packed already
        for path in paths:
            try:
                recipe, content, made = read_recipe(path), path.read_bytes(), path.stat().st_mtime
            except (NoRecipe, OSError):
                continue
            name = _name(recipe.request, made, names)
            archive.writestr(zipfile.ZipInfo(name, time.localtime(made)[:6]), content)
            values = {"file": name, "request": to_mapping(recipe.request), "model_hash": recipe.model_hash}
            lines.append(json.dumps(values, ensure_ascii=False))
        archive.writestr(RECIPES, "".join(f"{line}\n" for line in lines))
    return len(lines)


def _name(request: Request, made: float, taken: set[str]) -> str:
    """A name that says what is in it and is good on every system: when it was made, the prompt, the seed."""
    words = re.sub(r"[^\w-]+", " ", request.caption)[:LONGEST_NAME].strip().replace(" ", "-")
    begin = "-".join(
        part for part in (time.strftime("%Y%m%d-%H%M%S", time.localtime(made)), words, str(request.seed)) if part
    )
    name, number = f"{begin}.png", 2
    while name.casefold() in taken:
        name, number = f"{begin}-{number}.png", number + 1
    taken.add(name.casefold())
    return name
