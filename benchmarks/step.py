"""Where the time of the engine's step goes: the U-Net, and everything else by name.

python -m benchmarks.step --rows 1 8 --steps 30
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch

from studio.engine import engine
from studio.engine import step as denoise
from studio.engine.engine import Engine
from studio.engine.scheduler import Limits
from studio.models.catalogue import STORYBOOK
from studio.models.loading import load_pack, pick_device
from studio.models.model import Denoiser, Pack
from studio.models.registry import find_pack
from studio.requests.text_to_image import TextToImage

PARTS: dict[str, tuple[object, str]] = {
    "U-Net": (Denoiser, "__call__"),
    "plan": (engine, "plan"),
    "gather inputs, and the U-Net": (denoise, "model_outputs"),
    "noise": (denoise, "_noise"),
    "samplers": (denoise, "advance"),
    "predicted x0": (Denoiser, "x0"),
    "previews": (engine, "encode_previews"),
}
INSIDE = {"gather inputs, and the U-Net": "U-Net"}  # what contains another part, without which it is shown
SAMPLERS = ("DPM++ 2M Karras", "Euler a", "DDIM", "UniPC Karras", "DPM++ 2M SDE Karras", "Euler", "DEIS", "DDPM")


@contextmanager
def timed(seconds: dict[str, float]) -> Iterator[None]:
    """Adds up the time spent in each of PARTS."""

    def measuring(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            result = function(*arguments, **named)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            seconds[name] += time.perf_counter() - begun
            return result

        return call

    with ExitStack() as patches:
        for name, (where, attribute) in PARTS.items():
            patches.enter_context(patch.object(where, attribute, measuring(name, getattr(where, attribute))))
        yield


def profile(pack: Pack, rows: int, steps: int) -> tuple[float, dict[str, float]]:
    """Seconds a step, and the seconds a step of each part; everything in it is counted once."""
    engine_ = Engine({pack.info.name: pack}, Limits(inputs=2 * rows, rows=rows))
    side = pack.info.size
    for number in range(rows):
        engine_.submit(
            str(number),
            TextToImage(prompt="a red house", pack=pack.info.name, width=side, height=side, seed=number,
                        sampler=SAMPLERS[number % len(SAMPLERS)], steps=steps + 4, guidance=6.0),
        )  # fmt: skip
    for _ in range(2):
        engine_.step()
    seconds = dict.fromkeys(PARTS, 0.0)
    with timed(seconds):
        begun = time.perf_counter()
        for _ in range(steps):
            engine_.step()
        whole = (time.perf_counter() - begun) / steps
    parts = {name: taken / steps for name, taken in seconds.items()}
    for outer, inner in INSIDE.items():
        parts[outer] -= parts[inner]
    return whole, {**parts, "everything else": whole - sum(parts.values())}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step")
    parser.add_argument("--pack", default=STORYBOOK)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    pack = load_pack(find_pack(options.pack), pick_device(options.device))
    for rows in options.rows:
        profile(pack, rows, 4)
        whole, parts = profile(pack, rows, options.steps)
        print(f"\n{rows} rows, guided: {1000 * whole:.1f} ms a step\n\n| part | ms | share |\n|---|---|---|")
        for name, taken in sorted(parts.items(), key=lambda item: -item[1]):
            print(f"| {name.split(', and')[0]} | {1000 * taken:.2f} | {100 * taken / whole:.1f} % |")


if __name__ == "__main__":
    main()
