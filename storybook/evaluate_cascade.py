"""Measures the cascade: are pictures of two stages nearer to large renders than small ones that are merely enlarged?

    python -m storybook.evaluate_cascade --scenes 100   # the shipped pack; its figures go into its card

Pictures drawn of unseen scenes have no truth to be near to; their pieces, of the size that the attribute reader sees,
are compared with those of large renders by Fréchet's distance. Small renders that went through the base's first stage
look as what it draws, and have a truth: these say PSNR, and the distance in the reader's features.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from storybook import dataset, reader
from storybook.card import write_cascade
from storybook.degradation import SCALE
from storybook.drawing import draw
from storybook.evaluate import FIRST_SCENE, Plan
from storybook.evaluate_super_resolution import SIDE, Picture, decibels, distance
from storybook.scoring import frechet_distance
from storybook.world import LANGUAGES
from studio.images.consistency import averaged
from studio.images.pixels import Pixels
from studio.images.resizing import resized
from studio.models.autoencoders.autoencoder import to_pictures
from studio.models.catalogue import STORYBOOK
from studio.models.loading import load_pack, pick_device
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.super_resolve import SuperResolve
from studio.sampling.catalogue import DEFAULT_SAMPLER
from studio.tasks.cascade import SECOND_SAMPLER, SECOND_STEPS

FIRST_RENDER = FIRST_SCENE + 1_200_000


def in_pieces(pictures: Sequence[Picture]) -> list[Picture]:
    """All pieces of SIDE pixels, side by side, of pictures [H, W, 3]."""
    return [
        picture[top : top + SIDE, left : left + SIDE]
        for picture in pictures
        for top in range(0, picture.shape[0], SIDE)
        for left in range(0, picture.shape[1], SIDE)
    ]


def bicubic(small: Sequence[Picture]) -> list[Picture]:
    return [resized(each, SCALE * each.shape[1], SCALE * each.shape[0]) for each in small]


def drawn_twice(pack: Pack, count: int) -> tuple[list[Picture], list[Picture]]:
    """Pictures of unseen scenes, told in English: what the first stage draws, and what both do."""
    plan = Plan(count, DEFAULT_SAMPLER, pack.info.steps, pack.info.guidance)
    small = plan.requests(pack.info)[:: len(LANGUAGES)]
    side = SCALE * pack.info.size
    large = [replace(each, width=side, height=side, cascade=True) for each in small]
    drawn = dict(tqdm(draw(pack, [*small, *large]), total=2 * count, desc="cascades", mininterval=5))
    return [drawn[place] for place in range(count)], [drawn[count + place] for place in range(count)]


def seen_through_the_base(pack: Pack, renders: Sequence[Picture]) -> list[Picture]:
    """``renders`` averaged down, as the base's first stage gives them back."""
    small = to_pictures(np.stack([averaged(each, SCALE) for each in renders]))
    through = [pack.first_stage.decode(pack.first_stage.encode(each)).numpy() for each in small.split(16)]
    return [*np.concatenate(through)]


def second_stages(pack: Pack, small: Sequence[Picture]) -> list[Picture]:
    """What the second stage of a cascade makes of each."""
    sources = [Pixels.of(each) for each in small]
    requests = [
        SuperResolve(
            image=each.digest, pack=pack.info.name, width=SCALE * each.width, height=SCALE * each.height, seed=seed,
            sampler=SECOND_SAMPLER, steps=SECOND_STEPS,
        )
        for seed, each in enumerate(sources)
    ]  # fmt: skip
    images = {each.digest: each for each in sources}
    drawn = dict(tqdm(draw(pack, requests, images), total=len(requests), desc="second stages", mininterval=5))
    return [drawn[place] for place in range(len(small))]


def measure(pack: Pack, count: int) -> dict[str, Any]:
    """All figures, as plain values; PSNR in dB."""
    model, size = reader.load(), SCALE * pack.info.size

    def features(pictures: Sequence[Picture]) -> NDArray[np.float64]:
        return np.asarray(reader.look(model, np.stack(in_pieces(pictures)))[1].double().numpy())

    truth, others = ([*dataset.renders(FIRST_RENDER + start, count, size)] for start in (0, 100_000))
    base, cascades = drawn_twice(pack, count)
    to_renders = features(others)
    through = seen_through_the_base(pack, truth)
    enlarged, plain = second_stages(pack, through), bicubic(through)
    return {
        "scenes": count,
        "size": size,
        "frechet_distance": frechet_distance(features(cascades), to_renders),
        "frechet_distance_of_bicubic": frechet_distance(features(bicubic(base)), to_renders),
        "frechet_distance_of_renders": frechet_distance(features(truth), to_renders),
        "distance": distance(model, in_pieces(enlarged), in_pieces(truth)),
        "distance_of_bicubic": distance(model, in_pieces(plain), in_pieces(truth)),
        "psnr": float(np.mean([decibels(*pair) for pair in zip(enlarged, truth, strict=True)])),
        "psnr_of_bicubic": float(np.mean([decibels(*pair) for pair in zip(plain, truth, strict=True)])),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m storybook.evaluate_cascade")
    parser.add_argument("--pack", default=STORYBOOK, help="a pack's name or folder")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    with torch.no_grad():
        pack = load_pack(find_pack(options.pack), pick_device(options.device))
        figures = measure(pack, options.scenes)
    print(json.dumps(figures, indent=2))
    write_cascade(Path(pack.info.source), figures)


if __name__ == "__main__":
    main()
