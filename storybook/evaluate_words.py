"""Measures how a pack understands people: prompts in natural words (`natural_prompts.py`), which were written by hand
and never trained on, and relations, told with all else of unseen scenes.

    python -m storybook.evaluate_words                 # the shipped pack; its figures go into its card

Every prompt is drawn in every language from the seeds 1, 2 and 3. What it says is looked for by the attribute reader;
what it leaves unsaid is not asked. The sheets show the first seed of every prompt, right or wrong, with what is
missing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray
from tqdm import tqdm

from storybook import reader
from storybook.card import write_words
from storybook.drawing import draw
from storybook.evaluate import FIRST_SCENE
from storybook.natural_prompts import NATURAL, Natural
from storybook.run import default_folder
from storybook.scoring import Reading, relations_right
from storybook.world import LANGUAGES, Group, Scene, caption, scene
from storybook.world.relations import StatedRelation, holds, stated_relation
from studio.models.catalogue import STORYBOOK, PackInfo
from studio.models.loading import load_pack, pick_device
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.text_to_image import TextToImage

SEEDS = (1, 2, 3)
FIRST_RELATED = FIRST_SCENE + 1_100_000
ASKED = ("time", "ground", "weather", "mountains", "kind", "colour", "number", "relation")
SHEET_COLUMNS, SHEET_SIDE, SHEET_TEXT = 8, 160, 30  # in pixels


def answers(wanted: Natural, seen: Reading) -> Iterator[tuple[str, bool, str]]:
    """Each thing that ``wanted`` says: what it is about, whether the picture shows it, and what it is in words."""
    for name in ("time", "ground", "weather", "mountains"):
        said = getattr(wanted, name)
        if said is not None:
            yield name, getattr(seen, name) == said, str(said) if name != "mountains" else name
    for kind, colour, number in wanted.groups:
        found = seen.of(kind)
        yield "kind", bool(found), kind
        if number is not None:
            yield "number", len(found) == number, f"{number} {kind}"
        if colour is not None:
            yield "colour", bool(found) and all(thing.colour == colour for thing in found), f"{colour} {kind}"
    if wanted.relation is not None:
        one, name, other = wanted.relation
        ours, theirs = (seen.of(wanted.groups[index][0]) for index in (one, other))
        is_so = bool(ours and theirs) and holds(name, Group(ours), Group(theirs))
        yield "relation", is_so, f"{wanted.groups[one][0]} {name} {wanted.groups[other][0]}"


def shares(wanted: Sequence[Natural], seen: Sequence[Reading]) -> dict[str, float]:
    """How often each is right, 0..1; ``all``: of everything that is said."""
    right: dict[str, list[bool]] = {name: [] for name in ASKED}
    for natural, reading in zip(wanted, seen, strict=True):
        for name, is_so, _ in answers(natural, reading):
            right[name].append(is_so)
    every = [is_so for each in right.values() for is_so in each]
    return {**{name: float(np.mean(each)) for name, each in right.items() if each}, "all": float(np.mean(every))}


def request_of(prompt: str, pack: PackInfo, seed: int) -> TextToImage:
    return TextToImage(
        prompt=prompt, pack=pack.name, width=pack.size, height=pack.size, seed=seed, steps=pack.steps,
        guidance=pack.guidance,
    )  # fmt: skip


def _drawn(pack: Pack, prompts: Sequence[tuple[str, int]], what: str) -> NDArray[np.uint8]:
    """The picture of each prompt and seed: uint8 [N, size, size, 3]."""
    requests = [request_of(prompt, pack.info, seed) for prompt, seed in prompts]
    pictures = np.empty((len(requests), pack.info.size, pack.info.size, 3), np.uint8)
    for place, picture in tqdm(draw(pack, requests), total=len(requests), desc=what, mininterval=5):
        pictures[place] = picture
    return pictures


def related(count: int) -> list[tuple[Scene, StatedRelation]]:
    """The first ``count`` unseen scenes of two or three groups of which something can be told, and what."""
    found: list[tuple[Scene, StatedRelation]] = []
    seed = FIRST_RELATED
    while len(found) < count:
        each, seed = scene(seed), seed + 1
        stated = stated_relation(each, np.random.default_rng([each.seed, 127]))
        if stated is not None and len(each.groups) <= 3:
            found.append((each, stated))
    return found


def _stated(each: Scene, relation: StatedRelation, language: str) -> str:
    return caption(each, language, np.random.default_rng([each.seed, 131]), complete=True, relation=relation)


def measure(pack: Pack, prompts: Sequence[Natural], pairs: int) -> tuple[dict[str, Any], NDArray[np.uint8]]:
    """All figures as plain values 0..1, and the pictures of all prompts, [prompts, languages, seeds, H, W, 3]."""
    eye = reader.load()
    asked = [(each, language, seed) for each in prompts for language in LANGUAGES for seed in SEEDS]
    pictures = _drawn(pack, [(each.prompt(language), seed) for each, language, seed in asked], "natural prompts")
    readings, _ = reader.look(eye, pictures)
    said = [each.said_in(language) for each, language, _ in asked]
    by_language = {
        language: shares(
            [each for each, (_, told_in, _) in zip(said, asked, strict=True) if told_in == language],
            [reading for reading, (_, told_in, _) in zip(readings, asked, strict=True) if told_in == language],
        )
        for language in LANGUAGES
    }
    scenes = related(pairs)
    stated = [_stated(each, it, LANGUAGES[place % len(LANGUAGES)]) for place, (each, it) in enumerate(scenes)]
    seen, _ = reader.look(eye, _drawn(pack, [(prompt, SEEDS[0]) for prompt in stated], "relations"))
    figures = {
        "prompts": len(prompts),
        "seeds": list(SEEDS),
        "natural": shares(said, readings),
        "by_language": by_language,
        "pairs": pairs,
        "relations": relations_right([each for each, _ in scenes], [it for _, it in scenes], seen),
    }
    return figures, pictures.reshape(len(prompts), len(LANGUAGES), len(SEEDS), *pictures.shape[1:])


def sheet(prompts: Sequence[Natural], pictures: NDArray[np.uint8], language: int) -> PIL.Image.Image:
    """The first seed of every prompt in one language; below each, what it said and, after a dash, what is missing."""
    readings, _ = reader.look(reader.load(), pictures[:, language, 0])
    rows = -(-len(prompts) // SHEET_COLUMNS)
    canvas = PIL.Image.new("RGB", (SHEET_COLUMNS * SHEET_SIDE, rows * (SHEET_SIDE + SHEET_TEXT)), "white")
    pen = PIL.ImageDraw.Draw(canvas)
    for place, (natural, reading) in enumerate(zip(prompts, readings, strict=True)):
        x, y = place % SHEET_COLUMNS * SHEET_SIDE, place // SHEET_COLUMNS * (SHEET_SIDE + SHEET_TEXT)
        picture = PIL.Image.fromarray(pictures[place, language, 0]).resize((SHEET_SIDE - 4, SHEET_SIDE - 4))
        canvas.paste(picture, (x + 2, y + 2))
        said = natural.said_in(LANGUAGES[language])
        missing = ", ".join(what for _, is_so, what in answers(said, reading) if not is_so)
        pen.text((x + 2, y + SHEET_SIDE - 1), natural.en[:28], "black")
        pen.text((x + 2, y + SHEET_SIDE + 12), f"- {missing}"[:28] if missing else "", "red")
    return canvas


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m storybook.evaluate_words")
    parser.add_argument("--pack", default=STORYBOOK, help="a pack's name or folder")
    parser.add_argument("--prompts", type=int, default=len(NATURAL))
    parser.add_argument("--pairs", type=int, default=150, help="scenes whose relations are told")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--folder", type=Path, default=default_folder() / "evaluation", help="where the sheets go")
    options = parser.parse_args(arguments)
    pack = load_pack(find_pack(options.pack), pick_device(options.device))
    prompts = NATURAL[: options.prompts]
    figures, pictures = measure(pack, prompts, options.pairs)
    print(json.dumps(figures, indent=2))
    write_words(Path(pack.info.source), figures)
    options.folder.mkdir(parents=True, exist_ok=True)
    for place, language in enumerate(LANGUAGES):
        sheet(prompts, pictures, place).save(options.folder / f"words-{language}.png")


if __name__ == "__main__":
    main()
