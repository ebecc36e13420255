"""Writes the pictures of `tests/test_replays.py` anew: ``python -m tests.replays``.

They are drawn by the version that writes them, so that later ones can be held to them; write them anew only when the
shipped pack has been trained again, or when pictures are meant to change. Every picture is asked for as a recipe inside
a black picture, which ``python -m studio replay`` draws; nothing else of the studio is used here.

    pictures/         what was drawn, with the recipes as the studio writes them
    sources/          what the recipes name, by the digests
    models/loras/     a LoRA that they name
    written.json      on what they were written, see `tests.replays.arithmetic`
    data/             a data folder, see `tests.replays.ledger`

As ``STUDIO_DATA`` and ``STUDIO_MODELS``, this folder and ``models`` are what the recipes need.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo
from safetensors import safe_open
from safetensors.numpy import save_file

from tests.replays.arithmetic import conditions

ROOT, HERE = Path(__file__).parents[2], Path(__file__).parent
PICTURES, SOURCES, LORAS = HERE / "pictures", HERE / "sources", HERE / "models" / "loras"
SETTINGS = {
    "OMP_NUM_THREADS": "1", "STUDIO_DEVICE": "cpu", "STUDIO_PRECISION": "exact", "STUDIO_STRICT": "0",
    "STUDIO_DATA": str(HERE), "STUDIO_MODELS": str(HERE / "models"),
}  # fmt: skip
SIDE = 128
COMMON: dict[str, Any] = {"pack": "storybook", "width": SIDE, "height": SIDE, "precision": "exact", "steps": 5}
WORDS = "a red house by the sea at night"

# One small picture for each: name, steps, what else it is asked for.
SAMPLERS: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("DPM++ 2M Karras", 6, {"schedule": "Beta"}), ("DPM++ 2M", 6, {}), ("DPM++ 2M SDE Karras", 5, {}),
    ("DPM++ 3M SDE", 6, {}), ("DPM++ 2S", 6, {}), ("UniPC Karras", 5, {"schedule": "Exponential"}), ("DEIS", 5, {}),
    ("Euler", 5, {"schedule": "SGM Uniform"}), ("Euler Karras", 5, {}), ("Euler exponential", 5, {}),
    ("Euler a", 5, {}), ("Heun", 3, {}), ("Heun Karras", 3, {}), ("DPM2 Karras", 3, {}), ("DPM2 a", 3, {}),
    ("LMS Karras", 6, {}), ("DDIM", 5, {}), ("PLMS", 6, {}), ("DDPM", 5, {}), ("SA-Solver", 5, {}),
    ("LCM", 4, {"guidance": 1.0}), ("TCD", 4, {"guidance": 1.0}),
)  # fmt: skip


def main() -> None:
    for old in (*PICTURES.glob("*.png"), *SOURCES.glob("*.png")):
        old.unlink()
    for folder in (PICTURES, SOURCES, LORAS):
        folder.mkdir(parents=True, exist_ok=True)
    _write_lora(LORAS / "tint.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        asked = [_ask(Path(folder) / f"{name}.png", request) for name, request in _requests().items()]
        command = [sys.executable, "-m", "studio", "replay", *map(str, asked), "--out", str(PICTURES)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **SETTINGS}, check=True)
    (HERE / "written.json").write_text(json.dumps(conditions(), indent=1) + "\n")


def _requests() -> dict[str, dict[str, Any]]:
    """What is drawn, by the names of the pictures."""
    house, boat, small = _keep(_house()), _keep(_boat()), _keep(_house()[2::4, 2::4])
    round_, half = _keep(_ellipse()), _keep(_half())
    words = {"task": "text-to-image", "prompt": WORDS}
    layout = {
        "task": "layout-to-image", "prompt": "on a meadow at dawn", "grounding": 0.6, "sampler": "Euler",
        "boxes": [
            {"phrase": "a white windmill", "box": [0.08, 0.3, 0.48, 0.9]},
            {"phrase": "ein rotes Haus", "box": [0.58, 0.48, 0.94, 0.88]},
        ],
    }  # fmt: skip
    inpaint = {"task": "inpaint", "prompt": "a purple castle", "image": house, "mask": round_}
    between = {"task": "interpolate", "prompt": "a house by day", "begin": 0.4, "end": 0.4}
    requests: dict[str, dict[str, Any]] = {
        "words": {**words, "seed": 7, "steps": 8},
        "words-in-chinese": {**words, "prompt": "夜里沙漠中的紫色城堡", "sampler": "Euler a", "seed": 4},
        "weights-negative-rescale": {
            **words, "prompt": "(a red house:1.3) BREAK [trees] by the sea", "negative": "(fog:1.4), snow", "guidance": 7.0,
            "rescale": 0.7, "clip_skip": 1, "seed": 2**40 + 1,
        },
        "ddim-with-noise": {**words, "sampler": "DDIM", "eta": 0.7},
        "lora": {**words, "prompt": "a red house <lora:tint:0.8>", "seed": 7},
        "from-a-picture": {**words, "image": house, "strength": 0.6, "sampler": "DPM2 a"},
        "towards-a-second-seed": {**words, "variation": 0.4, "variation_seed": 9, "seed": 7},
        "by-tiles": {**words, "width": 320, "height": 64, "steps": 4},
        "cascade": {**words, "width": 256, "height": 256, "cascade": True, "steps": 4},
        "few-steps": {**words, "sampler": "LCM", "steps": 4, "guidance": 1.0, "seed": 3},
        "layout": {**layout, "seed": 2},
        "inpaint-from-noise": {**inpaint, "seed": 9},
        "inpaint-from-the-original": {
            **inpaint, "fill": "original", "strength": 0.7, "only_masked": True, "padding": 16, "sampler": "Euler a",
        },
        "inpaint-from-a-blur": {**inpaint, "mask": half, "fill": "blur", "strength": 0.9, "feather": 12},
        "super-resolve": {"task": "super-resolve", "image": small, "steps": 4},
        "super-resolve-loosely": {
            "task": "super-resolve", "image": small, "scale": 2, "width": 64, "height": 64, "consistent": False,
            "sampler": "DDPM", "seed": 5,
        },
        "vary": {"task": "vary", "image": boat, "prompt": "a red boat", "likeness": 0.8, "seed": 3},
        "vary-from-the-picture": {"task": "vary", "image": boat, "strength": 0.6, "sampler": "Heun", "steps": 4},
        "between-pictures": {**between, "image": house, "other": boat, "other_prompt": "a boat", "likeness": 0.9},
        "between-words": {**between, "other_prompt": "a house at night", "sampler": "UniPC Karras"},
        "forward-process": {
            "task": "forward-process", "image": boat, "prompt": "a boat", "width": 2 * SIDE, "steps": 1,
            "sampler": "DDIM", "guidance": 2.0, "begin": 0.6, "end": 0.6, "seed": 3,
        },
        "fast-words": {**words, "precision": "fast", "seed": 7},
        "fast-inpaint": {**inpaint, "precision": "fast", "seed": 9, "sampler": "Euler a"},
    }  # fmt: skip
    for number, (sampler, steps, more) in enumerate(SAMPLERS):
        size = {"width": SIDE // 2, "height": SIDE // 2}
        requests[f"sampler-{sampler.lower().replace(' ', '-')}"] = {
            **words,
            **size,
            "sampler": sampler,
            "steps": steps,
            "seed": number,
            **more,
        }
    return {name: {**COMMON, **request} for name, request in requests.items()}


def _ask(path: Path, request: dict[str, Any]) -> Path:
    """A black picture with the recipe inside that ``request`` makes, as the studio would read it."""
    recipe = PngInfo()
    recipe.add_itxt("latent-studio", json.dumps({"format": 1, "request": request}))
    Image.new("RGB", (request["width"], request["height"])).save(path, pnginfo=recipe)
    return path


def _keep(array: np.ndarray) -> str:
    """Writes a picture [H, W, 3] or a mask [H, W] to where recipes look for it, and returns its name."""
    kind = "L" if array.ndim == 2 else "RGB"
    digest = hashlib.sha256(f"{kind} {array.shape[1]} {array.shape[0]} ".encode() + array.tobytes()).hexdigest()
    Image.fromarray(array).save(SOURCES / f"{digest}.png")
    return digest


def _scene(sky: tuple[int, int, int], ground: tuple[int, int, int]) -> Image.Image:
    """A sky that grows lighter towards the ground, without shapes."""
    shade = np.linspace(0, 60, SIDE).astype(np.uint8)[:, None, None]
    picture = Image.fromarray(np.broadcast_to(np.array(sky, np.uint8) + shade, (SIDE, SIDE, 3)).astype(np.uint8))
    ImageDraw.Draw(picture).rectangle((0, 88, SIDE, SIDE), fill=ground)
    return picture


def _house() -> np.ndarray:
    picture = _scene((90, 150, 190), (70, 140, 60))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((36, 56, 92, 104), fill=(190, 50, 40))
    pen.polygon(((28, 56), (64, 26), (100, 56)), fill=(90, 50, 40))
    pen.rectangle((58, 78, 70, 104), fill=(60, 30, 20))
    pen.rectangle((42, 64, 52, 74), fill=(250, 230, 120))
    return np.asarray(picture)


def _boat() -> np.ndarray:
    picture = _scene((190, 130, 100), (40, 70, 130))
    pen = ImageDraw.Draw(picture)
    pen.polygon(((24, 84), (104, 84), (88, 104), (40, 104)), fill=(40, 60, 150))
    pen.polygon(((62, 20), (62, 80), (98, 80)), fill=(240, 240, 235))
    pen.line((60, 16, 60, 84), fill=(60, 40, 30), width=3)
    return np.asarray(picture)


def _ellipse() -> np.ndarray:
    mask = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(mask).ellipse((24, 20, 104, 108), fill=255)
    return np.asarray(mask)


def _half() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, SIDE // 2 :] = 255
    return mask


def _write_lora(path: Path) -> None:
    """Random layers of rank 2 beside what the U-Net's middle attends to words with."""
    rng, layers = np.random.default_rng(0), {}
    for file in sorted((ROOT / "assets" / "packs" / "storybook" / "unet").glob("*.safetensors")):
        with safe_open(file, "np") as weights:
            for name in weights.keys():  # noqa: SIM118 # no mapping
                if name.startswith("mid_block") and name.endswith(("attn2.to_v.weight", "attn2.to_out.0.weight")):
                    outputs, inputs = weights.get_slice(name).get_shape()
                    layer = f"unet.{name.removesuffix('.weight')}"
                    layers[f"{layer}.lora_A.weight"] = rng.normal(0, 0.3, (2, inputs)).astype(np.float16)
                    layers[f"{layer}.lora_B.weight"] = rng.normal(0, 0.3, (outputs, 2)).astype(np.float16)
    save_file(layers, path)


if __name__ == "__main__":
    main()
