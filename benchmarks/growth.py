"""How the engine bears growth: a longer queue, more people, larger pictures.

    python -m benchmarks.growth --queue 10 100 1000 10000 --people 1 4 16 64 --sides 64 128 256 512 1024 2048

* Queue: what taking a job on costs, what a step costs beside the U-Net's call, and the memory of a waiting job, while
  so many wait. All three should be flat.
* People: pictures a second and when 95 % have seen something, with everybody's steps together.
* Sides: seconds a step and a picture, and the process's largest memory, alone, by the side of the picture.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import psutil

from benchmarks.arms import OurEngine
from benchmarks.serving import machine, serve
from benchmarks.workload import Visit, any_request
from studio.engine.engine import Engine
from studio.engine.scheduler import Limits
from studio.models.acceleration.precision import pick_precision
from studio.models.catalogue import STORYBOOK
from studio.models.loading import load_pack, pick_device
from studio.models.model import Denoiser, Pack
from studio.models.registry import find_pack
from studio.requests.text_to_image import TextToImage

OWNERS = 500  # who have all that waits between them
TAKEN_ON, STEPS = 300, 60
MEGABYTE = 2**20
INPUTS = 16


def _request(pack: Pack, seed: int, side: int | None = None, steps: int = 12) -> TextToImage:
    side = side or pack.info.size
    return TextToImage(prompt="a red house", pack=pack.info.name, width=side, height=side, seed=seed, steps=steps)


def with_queue(pack: Pack, waiting: int) -> dict[str, float]:
    """Milliseconds and kilobytes, medians, while about so many jobs wait."""
    limits = Limits(inputs=INPUTS, rows=16, waiting=10**6, each=10**6, each_address=10**6)
    engine, before = Engine({pack.info.name: pack}, limits), psutil.Process().memory_info().rss
    for number in range(waiting):
        engine.submit(f"waits {number}", _request(pack, number, steps=150), owner=str(number % OWNERS))
    grown = psutil.Process().memory_info().rss - before
    for _ in range(2):
        engine.step()
    taken = []
    for number in range(TAKEN_ON):
        begun = time.perf_counter()
        engine.submit(f"new {number}", _request(pack, number), owner=str(number % OWNERS))
        taken.append(time.perf_counter() - begun)
        engine.cancel(f"new {number}")
    beside = []
    inside = 0.0
    call = Denoiser.__call__

    def timed(*arguments: Any, **named: Any) -> Any:
        nonlocal inside
        begun = time.perf_counter()
        result = call(*arguments, **named)
        inside += time.perf_counter() - begun
        return result

    with patch.object(Denoiser, "__call__", timed):
        for _ in range(STEPS):
            inside, begun = 0.0, time.perf_counter()
            engine.step()
            beside.append(time.perf_counter() - begun - inside)
    return {
        "waiting": waiting,
        "taking one on, ms": 1000 * float(np.median(taken)),
        "longest, ms": 1000 * max(taken),
        "a step beside the U-Net, ms": 1000 * float(np.median(beside)),
        "longest step beside it, ms": 1000 * max(beside),
        "a waiting job, kB": grown / waiting / 1024,
    }


def _warm(engine: Engine, pack: Pack, side: int | None = None) -> None:
    """Draws a picture, after which all is there that is made once."""
    engine.submit("warm", _request(pack, 0, side, steps=4))
    while engine.has_work:
        engine.step()


def with_people(pack: Pack, people: int, each: int) -> dict[str, float]:
    rng = np.random.default_rng(people)
    visits = [Visit(user, 0.0, any_request(pack, rng, seed)) for seed in range(each) for user in range(people)]
    ours = OurEngine(pack, INPUTS, together=True)
    _warm(ours.engine, pack)
    figures = serve(ours, visits).figures()
    return {"people": people, **{name: figures[name] for name in ("pictures/s", "p95 first preview", "p95 latency")}}


def with_side(pack: Pack, side: int, steps: int) -> dict[str, float]:
    engine = Engine({pack.info.name: pack}, Limits(inputs=INPUTS))
    _warm(engine, pack, min(side, pack.info.size))
    engine.submit("one", _request(pack, 1, side, steps))
    engine.step()
    taken, begun = 1, time.perf_counter()
    while engine.has_work:
        engine.step()
        taken += 1
    seconds = time.perf_counter() - begun
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"side": side, "seconds a step": seconds / steps, "seconds": seconds, "largest memory, MB": largest}


def _alone(work: Callable[..., dict[str, float]], name: str, precision: str, *arguments: Any) -> dict[str, float]:
    """In a process of its own, so that what came before is not in its memory."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_loaded, (work, name, precision, *arguments))


def _loaded(work: Callable[..., dict[str, float]], name: str, precision: str, *arguments: Any) -> dict[str, float]:
    return work(load_pack(find_pack(name), pick_device("auto"), precision=precision), *arguments)


def as_markdown(result: dict[str, Any]) -> str:
    tables = []
    for rows in (result["queue"], result["people"], result["sides"]):
        if rows:
            lines = [f"| {' | '.join(rows[0])} |", f"|{'---|' * len(rows[0])}"]
            lines += [f"| {' | '.join(f'{value:.4g}' for value in row.values())} |" for row in rows]
            tables.append("\n".join(lines))
    return f"{result['model']}, {result['precision']}, {result['machine']}:\n\n" + "\n\n".join(tables) + "\n"


def plot(result: dict[str, Any], path: Path) -> None:
    """A panel for each kind of growth. PNG."""
    from matplotlib.figure import Figure  # no window, no state

    panels = (
        ("queue", "waiting", ("taking one on, ms", "a step beside the U-Net, ms"), "milliseconds"),
        ("people", "people", ("pictures/s", "p95 first preview"), "pictures/s; seconds"),
        ("sides", "side", ("seconds a step",), "seconds a step"),
    )
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    for axes, (rows, across, columns, title) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for column in columns:
            axes.plot([row[across] for row in result[rows]], [row[column] for row in result[rows]], "o-", label=column)
        axes.set_xscale("log", base=10 if rows == "queue" else 2)
        if rows == "sides":
            axes.set_yscale("log")
        axes.set_ylim(bottom=None if rows == "sides" else 0)
        axes.set_xlabel(across)
        axes.set_title(title, fontsize=10)
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{result['model']}, {result['precision']}: {result['machine']}", fontsize=9)
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--pack", default=STORYBOOK, help="a pack's name or folder")
    parser.add_argument("--precision", default="auto", choices=("auto", "exact", "fast"))
    parser.add_argument("--queue", type=int, nargs="*", default=[10, 100, 1000, 10_000])
    parser.add_argument("--people", type=int, nargs="*", default=[1, 4, 16, 64])
    parser.add_argument("--sides", type=int, nargs="*", default=[64, 128, 256, 512, 1024, 2048])
    parser.add_argument("--each", type=int, default=2, help="pictures of each of the people")
    parser.add_argument("--steps", type=int, default=6, help="of the pictures of growing sides")
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder for growth.json, .md and .png")
    options = parser.parse_args(arguments)
    device = pick_device("auto")
    precision = pick_precision(options.precision, device)
    info = find_pack(options.pack)
    result = {
        "model": info.title,
        "precision": precision,
        "machine": machine(device),
        "queue": [_alone(with_queue, options.pack, precision, waiting) for waiting in options.queue],
        "people": [_alone(with_people, options.pack, precision, people, options.each) for people in options.people],
        "sides": [_alone(with_side, options.pack, precision, side, options.steps) for side in options.sides],
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "growth.json").write_text(json.dumps(result, indent=2) + "\n")
    (options.out / "growth.md").write_text(as_markdown(result))
    plot(result, options.out / "growth.png")
    print(as_markdown(result))


if __name__ == "__main__":
    main()
