"""Measures CLIP and what it steers: does it tell pictures apart by words, do variations show what their source shows?

    python -m storybook.evaluate_variations            # the shipped pack; its figures go into its card

CLIP is asked which of several captions is true of an unseen render; they differ in one attribute only. Variations are
compared with their source by CLIP, and read by the attribute reader, which CLIP does not know.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch.nn import functional as F
from tqdm import tqdm

from storybook import dataset, grids, reader
from storybook.card import write_variations
from storybook.clip import recall
from storybook.drawing import draw
from storybook.evaluate import FIRST_SCENE
from storybook.scoring import accuracies
from storybook.world import LANGUAGES, Group, Scene, caption, render, scene
from storybook.world.scene import COLOURS, FLOATING, GROUNDS, KINDS, TIMES, WEATHERS, Kind
from studio.images.pixels import Pixels
from studio.models.catalogue import STORYBOOK, PackInfo
from studio.models.loading import load_pack, pick_device
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.interpolate import Interpolate
from studio.requests.vary import Vary

FIRST_CASE = FIRST_SCENE + 900_000
PAIRS = 500  # for recall
# Of what the sheet shows beside each source: likeness and strength.
SHOWN = ((1.0, 0.55), (1.0, 0.8), (0.9, 1.0), (0.9, 1.0), (0.9, 1.0), (0.5, 1.0))
SHEET_ROWS, WAYS, FRAMES = 6, 2, 8


def alternatives(each: Scene) -> dict[str, list[Scene]]:
    """For each attribute, the scene and all that differ from it in nothing else; the scene itself comes first.

    Things take only other kinds that stand, float or fly as they do. What floats makes a sea of any ground.
    """
    first, rest = each.groups[0], each.groups[1:]
    there = {other.kind for other in rest}
    kinds = [name for name, kind in KINDS.items() if name not in there and _stands_like(kind, KINDS[first.kind])]

    def with_first(kind: str = first.kind, colour: str = first.colour) -> Scene:
        things = tuple(replace(thing, kind=kind, colour=colour) for thing in first.things)
        return replace(each, groups=(Group(things), *rest))

    changed = {
        "time": [replace(each, time=time) for time in TIMES],
        "ground": [replace(each, ground=ground) for ground in GROUNDS],
        "weather": [replace(each, weather=weather) for weather in WEATHERS],
        "mountains": [replace(each, mountains=mountains) for mountains in (True, False)],
        "kind": [with_first(kind=kind) for kind in kinds],
        "colour": [with_first(colour=colour) for colour in COLOURS],
    }
    if not KINDS[first.kind].coloured:
        del changed["colour"]
    if any(KINDS[other.kind].where == FLOATING for other in each.groups):
        del changed["ground"]
    others = {name: [other for other in scenes if other != each] for name, scenes in changed.items()}
    return {name: [each, *scenes] for name, scenes in others.items() if scenes}


def _stands_like(kind: Kind, other: Kind) -> bool:
    return (kind.where, kind.coloured) == (other.where, other.coloured)


def telling(pack: Pack, scenes: Sequence[Scene], language: str) -> dict[str, float]:
    """How often CLIP finds the true caption, 0..1, by attribute, and their mean as ``all``."""
    right: dict[str, list[bool]] = {}
    for each in tqdm(scenes, desc=f"telling pictures apart ({language})", mininterval=10):
        seen = pack.embed_picture(render(each, pack.info.size))
        for name, choices in alternatives(each).items():
            # The same words for all else: each caption is told with the same chances.
            captions = [
                caption(other, language, np.random.default_rng([each.seed, 109]), complete=True) for other in choices
            ]
            right.setdefault(name, []).append(_nearest(pack, seen, captions) == 0)
    shares = {name: float(np.mean(answers)) for name, answers in right.items()}
    return {**shares, "all": float(np.mean(list(shares.values())))}


def _nearest(pack: Pack, seen: torch.Tensor, captions: Sequence[str]) -> int:
    return int(np.argmax([F.cosine_similarity(seen, words, dim=0).item() for words in _read(pack, captions)]))


def _read(pack: Pack, captions: Sequence[str]) -> torch.Tensor:
    return torch.stack([pack.embed_words(words) for words in captions])


def recalls(pack: Pack, count: int) -> dict[str, float]:
    """Of ``count`` pictures and their captions, the share of captions whose nearest picture is their own."""
    scenes = [scene(FIRST_CASE + 10_000 + number) for number in range(count)]
    seen = torch.stack([pack.embed_picture(render(each, pack.info.size)) for each in scenes])
    rng = np.random.default_rng(113)
    return {
        language: recall(seen, _read(pack, [caption(each, language, rng, complete=True) for each in scenes]))
        for language in LANGUAGES
    }


def vary(source: Pixels, pack: PackInfo, likeness: float, strength: float, seed: int) -> Vary:
    return Vary(
        image=source.digest, pack=pack.name, width=pack.size, height=pack.size, seed=seed, steps=pack.steps,
        guidance=pack.guidance, likeness=likeness, strength=strength,
    )  # fmt: skip


def resemblance(pack: Pack, count: int) -> dict[str, Any]:
    """Variations that begin from noise: how alike CLIP finds them to their source and to another picture, and what the
    reader says they share with their source."""
    scenes = [scene(FIRST_CASE + 20_000 + number) for number in range(count)]
    sources = [Pixels.of(render(each, pack.info.size)) for each in scenes]
    requests = [vary(source, pack.info, 1.0, 1.0, seed) for seed, source in enumerate(sources)]
    images = {source.digest: source for source in sources}
    drawn = dict(tqdm(draw(pack, requests, images), total=count, desc="variations", mininterval=5))
    pictures = [drawn[place] for place in range(count)]
    ours = F.normalize(torch.stack([pack.embed_picture(each) for each in pictures]), dim=1)
    theirs = F.normalize(torch.stack([pack.embed_picture(each.array) for each in sources]), dim=1)
    readings, _ = reader.look(reader.load(), np.stack(pictures))
    return {
        "variations": count,
        "similarity": float((ours * theirs).sum(1).mean()),
        "similarity_of_others": float((ours * theirs.roll(1, 0)).sum(1).mean()),
        "shared": accuracies(scenes, readings),
    }


def sheet(pack: Pack) -> PIL.Image.Image:
    """Each row a source and its variations, from almost the same to the same idea."""
    sources = [Pixels.of(each) for each in dataset.renders(FIRST_CASE + 30_000, SHEET_ROWS, pack.info.size)]
    requests = [
        vary(source, pack.info, *kind, seed) for source in sources for seed, kind in enumerate(SHOWN)
    ]  # fmt: skip
    drawn = dict(draw(pack, requests, {source.digest: source for source in sources}))
    rows = [
        [source.array, *(drawn[row * len(SHOWN) + column] for column in range(len(SHOWN)))]
        for row, source in enumerate(sources)
    ]
    return grids.laid_out(rows)


def ways(pack: Pack) -> PIL.Image.Image:
    """Each row the way from one picture to another: both of them at its ends."""
    rows = []
    for number in range(WAYS):
        ends = [Pixels.of(each) for each in dataset.renders(FIRST_CASE + 40_000 + 2 * number, 2, pack.info.size)]
        request = Interpolate(
            image=ends[0].digest, other=ends[1].digest, pack=pack.info.name, width=pack.info.size,
            height=pack.info.size, seed=number, steps=pack.info.steps, guidance=pack.info.guidance, count=FRAMES,
        )  # fmt: skip
        alone = [request.alone(index) for index in range(FRAMES)]
        drawn = dict(draw(pack, alone, {end.digest: end for end in ends}))
        rows.append([ends[0].array, *(drawn[index] for index in range(FRAMES)), ends[1].array])
    return grids.laid_out(rows)


def measure(pack: Pack, count: int, pairs: int) -> dict[str, Any]:
    """All figures, as plain values 0..1."""
    with_things = (each for each in map(scene, itertools.count(FIRST_CASE)) if each.groups)
    scenes = list(itertools.islice(with_things, count))
    return {
        "scenes": count,
        "telling": {language: telling(pack, scenes, language) for language in LANGUAGES},
        "pairs": pairs,
        "recall": recalls(pack, pairs),
        **resemblance(pack, count),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m storybook.evaluate_variations")
    parser.add_argument("--pack", default=STORYBOOK, help="a pack's name or folder")
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    pack = load_pack(find_pack(options.pack), pick_device(options.device))
    figures = measure(pack, options.scenes, options.pairs)
    print(json.dumps(figures, indent=2))
    folder = Path(pack.info.source)
    write_variations(folder, figures)
    sheet(pack).save(folder / "variations-sheet.webp", quality=70)
    ways(pack).save(folder / "ways-sheet.webp", quality=70)


if __name__ == "__main__":
    main()
