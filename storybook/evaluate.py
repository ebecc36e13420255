"""Measures a pack: does it draw what it was asked for, as sharply and as variously as the world itself?

    python -m storybook.evaluate                      # the shipped pack; its figures go into its card
    python -m storybook.evaluate --pack FOLDER --guidance 4 --scenes 50 --look
    python -m storybook.evaluate --few-steps          # what the pack's own LoRA draws in four, six and eight steps
    python -m storybook.evaluate --steps-table        # how many steps each sampler needs; hours become minutes
                                                            # with fewer --scenes

Scenes that training never saw are told in full in three languages and drawn; the attribute reader (`reader.py`), which
learned from renders alone, says what the pictures show, and is itself examined on renders. Everything is seeded.
Pictures are kept in the training folder chunk by chunk, so that a run broken off goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from storybook import dataset, reader
from storybook.autoencoder import psnr
from storybook.card import write_few_steps, write_figures, write_steps
from storybook.drawing import draw
from storybook.run import default_folder
from storybook.scoring import accuracies, frechet_distance
from storybook.world import LANGUAGES, Scene, caption, scene
from studio.models.autoencoders.autoencoder import to_pictures
from studio.models.catalogue import STORYBOOK, PackInfo
from studio.models.loading import load_pack, pick_device
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.text_to_image import TextToImage
from studio.sampling.catalogue import DEFAULT_SAMPLER, SAMPLERS

FIRST_SCENE = dataset.UNSEEN + 10_000  # contact sheets and training's own probes use those before
READER_SCENES = 1000
AUTOENCODER_SCENES = 200
CHUNK = 60  # pictures kept at a time
LADDER = (4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40)
FEW, FEW_WITH = (4, 6, 8), "LCM"
LONGEST = 50  # steps, what the ladder is compared with
ENOUGH = 0.98  # of the accuracy at the longest


@dataclass(frozen=True)
class Plan:
    """What is drawn: ``scenes`` unseen ones in each language, all with the same sampler, steps and guidance."""

    scenes: int
    sampler: str
    steps: int
    guidance: float

    def requests(self, pack: PackInfo) -> list[TextToImage]:
        """Scene by scene, each in every language, all three from the same seed."""
        return [
            TextToImage(
                prompt=prompt, pack=pack.name, width=pack.size, height=pack.size, seed=number,
                sampler=self.sampler, steps=self.steps, guidance=self.guidance,
            )
            for number in range(self.scenes)
            for prompt in _told(scene(FIRST_SCENE + number))
        ]  # fmt: skip


def _told(each: Scene) -> list[str]:
    rng = np.random.default_rng([each.seed, 53])
    return [caption(each, language, rng, complete=True) for language in LANGUAGES]


def _in_each_language(plan: Plan) -> list[Scene]:
    """The scenes of ``plan`` in the order of its requests."""
    return [each for number in range(plan.scenes) for each in [scene(FIRST_SCENE + number)] * len(LANGUAGES)]


def drawn(pack: Pack, plan: Plan, folder: Path) -> NDArray[np.uint8]:
    """The pictures of ``plan``, uint8 [scenes * languages, H, W, 3]; what ``folder`` holds is not drawn again."""
    requests, weights = plan.requests(pack.info), digest_of_weights(Path(pack.info.source))
    folder.mkdir(parents=True, exist_ok=True)
    chunks = []
    with tqdm(total=len(requests), desc=f"{plan.sampler}, {plan.steps} steps", mininterval=5) as bar:
        for at in range(0, len(requests), CHUNK):
            wanted = requests[at : at + CHUNK]
            name = hashlib.sha256(f"{weights} {wanted}".encode()).hexdigest()[:24]
            path, part = folder / f"{name}.npy", folder / f"{name}.part.npy"
            if not path.exists():
                pictures = np.empty((len(wanted), pack.info.size, pack.info.size, 3), np.uint8)
                for place, picture in draw(pack, wanted):
                    pictures[place] = picture
                np.save(part, pictures)
                part.replace(path)
            bar.update(len(wanted))
            chunks.append(np.load(path))
    return np.concatenate(chunks)


def digest_of_weights(source: Path) -> str:
    """Names the weights of all models in the folder ``source``, and how they are put together."""
    digest = hashlib.sha256()
    for file in sorted(source.rglob("*")):
        if file.suffix == ".safetensors" or (file.suffix == ".json" and file.parent != source):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def measure(pack: Pack, plan: Plan, folder: Path) -> dict[str, Any]:
    """All figures of the card, as plain values. Accuracies and shares are 0..1, PSNR in dB."""
    model = reader.load()
    scenes = [scene(FIRST_SCENE + number) for number in range(plan.scenes)]
    pictures = drawn(pack, plan, folder)
    readings, features = reader.look(model, pictures)
    languages = len(LANGUAGES)
    renders = dataset.renders(FIRST_SCENE + 100_000, len(pictures), pack.info.size)
    others = dataset.renders(FIRST_SCENE + 200_000, plan.scenes, pack.info.size)
    # Three languages draw a scene much alike, so that of what they are compared with each counts three times as well.
    of_renders, of_others = (
        reader.look(model, each)[1].double().numpy() for each in (renders, np.repeat(others, languages, axis=0))
    )
    return {
        "plan": asdict(plan),
        "size": pack.info.size,
        "cut_prompts": sum(pack.cuts(request.prompt) for request in plan.requests(pack.info)),
        "accuracy": accuracies(_in_each_language(plan), readings),
        "accuracy_by_language": {
            language: accuracies(scenes, readings[place::languages]) for place, language in enumerate(LANGUAGES)
        },
        "reader": examine(model, pack.info.size),
        "autoencoder": examine_autoencoder(pack, model),
        "frechet_distance": frechet_distance(features.double().numpy(), of_renders),
        "frechet_distance_of_renders": frechet_distance(of_others, of_renders),
    }


def examine(model: reader.Reader, size: int) -> dict[str, float]:
    """How often the reader is right about renders that it never saw."""
    first = FIRST_SCENE + 300_000
    pixels = dataset.renders(first, READER_SCENES, size)
    return accuracies([scene(first + number) for number in range(READER_SCENES)], reader.look(model, pixels)[0])


def examine_autoencoder(pack: Pack, model: reader.Reader) -> dict[str, Any]:
    """PSNR in dB over unseen scenes that went through the autoencoder, and how much of them can still be read: what is
    lost here, no denoiser can draw."""
    first = FIRST_SCENE + 400_000
    pixels = dataset.renders(first, AUTOENCODER_SCENES, pack.info.size)
    pictures = to_pictures(pixels)
    through = np.concatenate(
        [pack.first_stage.decode(pack.first_stage.encode(batch)).numpy() for batch in pictures.split(16)]
    )
    readings, _ = reader.look(model, through)
    scenes = [scene(first + number) for number in range(AUTOENCODER_SCENES)]
    return {"psnr": psnr(to_pictures(through), pictures), "accuracy": accuracies(scenes, readings)}


def few_steps(pack: Pack, plan: Plan, folder: Path) -> list[dict[str, Any]]:
    """``plan`` and, beside it, the same scenes in few steps: steps, model inputs a picture and accuracies of each."""
    model = reader.load()
    scenes = _in_each_language(plan)
    quick = replace(plan, sampler=FEW_WITH, guidance=pack.info.guidance_with(FEW_WITH))
    rows = []
    for each in (*(replace(quick, steps=steps) for steps in FEW), plan):
        readings, _ = reader.look(model, drawn(pack, each, folder))
        inputs = each.steps * (1 if each.guidance == 1 else 2)
        rows.append({**asdict(each), "inputs": inputs, "accuracy": accuracies(scenes, readings)})
    return rows


def steps_table(pack: Pack, plan: Plan, folder: Path) -> Iterator[dict[str, Any]]:
    """For each sampler the fewest steps of the ladder that reach 98 % of its accuracy at 50."""
    model = reader.load()
    scenes = _in_each_language(plan)

    def accuracy(sampler: str, steps: int) -> float:
        guidance = pack.info.guidance_with(sampler) if pack.info.is_quick_with(sampler) else plan.guidance
        pictures = drawn(pack, replace(plan, sampler=sampler, steps=steps, guidance=guidance), folder)
        return accuracies(scenes, reader.look(model, pictures)[0])["all"]

    for sampler in SAMPLERS.values():
        longest = min(LONGEST, sampler.most_steps)
        best = accuracy(sampler.name, longest)
        for steps in (*(step for step in LADDER if sampler.fewest_steps <= step < longest), longest):
            reached = best if steps == longest else accuracy(sampler.name, steps)
            if reached >= ENOUGH * best:
                yield {"sampler": sampler.name, "steps": steps, "accuracy": reached, "accuracy_at_longest": best}
                break


def save_look(path: Path, pictures: NDArray[np.uint8]) -> None:
    """The first 24 scenes side by side, one row a language, to be looked at."""
    rows = [np.concatenate(list(pictures[place : 72 : len(LANGUAGES)]), axis=1) for place in range(len(LANGUAGES))]
    Image.fromarray(np.concatenate(rows, axis=0)).save(path)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m storybook.evaluate")
    parser.add_argument("--pack", default=STORYBOOK, help="a pack's name or folder")
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--sampler", default=DEFAULT_SAMPLER)
    parser.add_argument("--steps", type=int, help="instead of the pack's")
    parser.add_argument("--guidance", type=float, help="instead of the pack's")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--folder", type=Path, default=default_folder() / "evaluation", help="where pictures are kept")
    parser.add_argument("--look", action="store_true", help="print only; write a picture to look at, and no card")
    parser.add_argument("--few-steps", action="store_true", help="what few steps give by the pack's own LoRA")
    parser.add_argument("--steps-table", action="store_true", help="the steps that each sampler needs")
    options = parser.parse_args(arguments)
    pack = load_pack(find_pack(options.pack), pick_device(options.device))
    card = Path(pack.info.source)
    plan = Plan(
        options.scenes, options.sampler, options.steps or pack.info.steps_with(options.sampler),
        options.guidance or pack.info.guidance_with(options.sampler),
    )  # fmt: skip
    if options.steps_table:
        rows = []
        for row in steps_table(pack, plan, options.folder):
            rows.append(row)
            tqdm.write(f"{row['sampler']}: {row['steps']} steps")
        write_steps(card, rows, plan.scenes)
        return
    if options.few_steps:
        compared = few_steps(pack, plan, options.folder)
        print(json.dumps(compared, indent=2))
        write_few_steps(card, compared)
        return
    figures = measure(pack, plan, options.folder)
    print(json.dumps(figures, indent=2))
    if options.look:
        save_look(options.folder / "look.png", drawn(pack, plan, options.folder))
    else:
        write_figures(card, figures)


if __name__ == "__main__":
    main()
