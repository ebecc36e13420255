"""What serving everybody's steps together gives, against serving one after the other and against equal settings.

    make bench
    python -m benchmarks.serving --users 1 16 --requests 16 --repeats 3 --out bench
    python -m benchmarks.serving --static       # also against a compiled batch of one size; needs a C++ compiler
    python -m benchmarks.serving --model sd15 --device cuda     # full size, random weights; or sdxl

Arms on the same U-Net, in turns, so that a machine that slows down slows all of them:

    A    one request after the other through the stock diffusers loop
    A'   one request after the other through our engine
    B    requests of equal settings in batches, run from beginning to end through the stock loop
    C    our engine, everybody's steps together
    A', B and C fast    the same with the denoiser in bfloat16 (STUDIO_PRECISION=fast), which B, too, calls as we do

The people (`workload.py`) are the same for every arm: mixed samplers, steps, guidance and two sizes, exponential
pauses, one in ten gives up. Reported are medians over the repeats, and ratios with their spread.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.arms import Arm, News, OurEngine, StockLoop
from benchmarks.models import FAMILIES, Counted, load
from benchmarks.report import as_markdown, plot
from benchmarks.workload import Visit, visits
from studio.engine.calibration import calibrate
from studio.models.catalogue import STORYBOOK
from studio.models.loading import pick_device
from studio.models.model import Pack
from studio.requests.limits import EXACT, FAST
from studio.requests.text_to_image import TextToImage

MAKE: dict[str, Callable[[Pack, float], Arm]] = {
    "A": lambda pack, inputs: StockLoop(pack),
    "A'": lambda pack, inputs: OurEngine(pack, inputs, together=False),
    "B": lambda pack, inputs: StockLoop(pack, max(1, int(inputs) // 2), traces=pack.precision == FAST),
    "C": lambda pack, inputs: OurEngine(pack, inputs, together=True),
}
ARMS = (("A", EXACT), ("A'", EXACT), ("B", EXACT), ("C", EXACT), ("A'", FAST), ("B", FAST), ("C", FAST))
RATIOS = (  # each the ratio of one arm to another
    ("pictures/s, C over A", "pictures/s", ("C", EXACT), ("A", EXACT)),
    ("pictures/s, C over A'", "pictures/s", ("C", EXACT), ("A'", EXACT)),
    ("pictures/s, C over B", "pictures/s", ("C", EXACT), ("B", EXACT)),
    ("pictures/s, C fast over A", "pictures/s", ("C", FAST), ("A", EXACT)),
    ("pictures/s, C fast over B", "pictures/s", ("C", FAST), ("B", EXACT)),
    ("pictures/s, C fast over B fast", "pictures/s", ("C", FAST), ("B", FAST)),
    ("pictures/s, C fast over C", "pictures/s", ("C", FAST), ("C", EXACT)),
    ("p95 first preview, C over A'", "p95 first preview", ("C", EXACT), ("A'", EXACT)),
    ("p95 first preview, C fast over A'", "p95 first preview", ("C", FAST), ("A'", EXACT)),
)
FIRST_ORDER = ("DPM++ 2M Karras", "Euler a", "DDIM", "UniPC Karras", "DPM++ 2M SDE Karras", "Euler", "DEIS", "DDPM")
WARM_UP = 8  # people without a clock
PAIRS = 5  # repeats of the two small comparisons, which are close to 1


@dataclass
class Session:
    """What one arm did with all visits; seconds."""

    seconds: float = 0.0
    finished: int = 0
    latencies: list[float] = field(default_factory=list)
    first_looks: list[float] = field(default_factory=list)
    freed_after: list[float] = field(default_factory=list)
    flops: float = 0.0

    def figures(self) -> dict[str, float]:
        def at(values: Sequence[float], percent: float) -> float:
            return float(np.percentile(values, percent)) if values else float("nan")

        return {
            "pictures/s": self.finished / self.seconds,
            "mean latency": float(np.mean(self.latencies)) if self.latencies else float("nan"),
            "p50 latency": at(self.latencies, 50),
            "p95 latency": at(self.latencies, 95),
            "p95 first preview": at(self.first_looks, 95),
            "p95 cancel to free": at(self.freed_after, 95),
            "GFLOP/s": self.flops / self.seconds / 1e9,
        }


def serve(arm: Arm, people: Sequence[Visit]) -> Session:
    """Lets ``people`` come and go in real time until all are served."""
    session = Session()
    plans = {user: [each for each in people if each.user == user] for user in {each.user for each in people}}
    begun = time.perf_counter()
    due = {user: plan[0].pause for user, plan in plans.items()}  # when each user's next request comes
    asked: dict[str, tuple[float, Visit]] = {}
    cancelled: dict[str, float] = {}
    seen: set[str] = set()

    def now() -> float:
        return time.perf_counter() - begun

    def settle(news: Sequence[News]) -> None:
        for each in news:
            since, visit = asked[each.job]
            if each.job not in seen and each.what in ("seen", "done"):
                seen.add(each.job)
                session.first_looks.append(now() - since)
            if each.what == "seen":
                continue
            if each.what == "done":
                session.finished += 1
                session.latencies.append(now() - since)
            elif each.job in cancelled:
                session.freed_after.append(now() - cancelled[each.job])
            del asked[each.job]
            if plans[visit.user]:
                due[visit.user] = now() + plans[visit.user][0].pause

    while asked or due:
        for user in [user for user, moment in due.items() if moment <= now()]:
            visit = plans[user].pop(0)
            job = f"{user}/{visit.request.seed}"
            asked[job] = due.pop(user), visit
            arm.submit(job, visit.request)
        for job, (since, visit) in list(asked.items()):
            if visit.cancel_after is not None and job not in cancelled and now() - since >= visit.cancel_after:
                cancelled[job] = since + visit.cancel_after
                settle(arm.cancel(job))
        if arm.has_work:
            settle(arm.step())
        elif due:
            time.sleep(max(0.0, min(due.values()) - now()))
    session.seconds = now()
    return session


@dataclass(frozen=True)
class Machine:
    """A pack in each precision that is compared, and how many of its inputs a call holds."""

    packs: Mapping[str, Pack]
    inputs: Mapping[str, float]


def measured(machine: Machine, arm: tuple[str, str], people: Sequence[Visit]) -> Session:
    name, precision = arm
    pack = machine.packs[precision]
    assert isinstance(pack.denoiser, Counted)
    before = pack.denoiser.work.flops
    session = serve(MAKE[name](pack, machine.inputs[precision]), people)
    session.flops = pack.denoiser.work.flops - before
    return session


def compare_arms(machine: Machine, users: int, each: int, pause: float, repeats: int) -> dict[str, Any]:
    """All arms in turns, ``repeats`` times; each repeat has other people, the same for every arm."""
    arms = [arm for arm in ARMS if arm[1] in machine.packs]
    figures: dict[tuple[str, str], list[dict[str, float]]] = {arm: [] for arm in arms}
    for repeat in range(repeats):
        people = visits(machine.packs[EXACT], users, each, pause, seed=repeat)
        for arm in arms[repeat % len(arms) :] + arms[: repeat % len(arms)]:
            figures[arm].append(measured(machine, arm, people).figures())
            rate = figures[arm][-1]["pictures/s"]
            print(f"{users} users, repeat {repeat + 1}, {' '.join(arm)}: {rate:.2f} pictures/s", flush=True)
    return {
        "users": users,
        "arms": {label(arm): _median(sessions) for arm, sessions in figures.items()},
        "ratios": {
            words: _ratios(figures[one], figures[other], column)
            for words, column, one, other in RATIOS
            if one in figures and other in figures
        },
    }


def label(arm: tuple[str, str]) -> str:
    """ "C", "C fast"."""
    name, precision = arm
    return name if precision == EXACT else f"{name} {precision}"


def _median(sessions: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(session[name] for session in sessions) for name in sessions[0]}


def _ratios(one: Sequence[dict[str, float]], other: Sequence[dict[str, float]], name: str) -> list[float]:
    """Lowest, median and highest ratio over the repeats."""
    return _spread([a[name] / b[name] if b[name] else float("nan") for a, b in zip(one, other, strict=True)])


def compare_pairs(pack: Pack, inputs: float) -> dict[str, list[float]]:
    """Two prices: of previews, and of mixing samplers; each the ratio of two rates, lowest, median and highest."""
    uniform, mixed = alike(pack, 8), unlike(pack, 8)
    ours, blind = (OurEngine(pack, inputs, together=True, previews=previews) for previews in (True, False))
    rate_at_once(ours, mixed)  # traces the samplers' tables
    previews, mixing = [], []
    for _ in range(PAIRS):
        with_previews = rate_at_once(ours, uniform)
        previews.append(with_previews / rate_at_once(blind, uniform))
        mixing.append(rate_at_once(ours, mixed) / with_previews)
    return {"with previews / without": _spread(previews), "mixed samplers / uniform": _spread(mixing)}


def compare_static(pack: Pack, count: int = 16) -> dict[str, list[float]]:
    """Our engine with ``count`` people of mixed samplers, against what no server of people can have: as many of equal
    settings, there from the beginning, through a U-Net compiled for that one size, without previews."""
    compiled: Any = torch.compile(pack.denoiser.network, dynamic=False)
    static = StockLoop(replace(pack, denoiser=replace(pack.denoiser, network=compiled)), count)
    ours = OurEngine(pack, 2 * count, together=True)
    for arm, requests in ((static, alike(pack, count)), (ours, unlike(pack, count))):
        rate_at_once(arm, requests)  # compiles, and traces
    ratios = [rate_at_once(ours, unlike(pack, count)) / rate_at_once(static, alike(pack, count)) for _ in range(PAIRS)]
    return {f"mixed samplers / a compiled batch of {count}, both {pack.precision}": _spread(ratios)}


def alike(pack: Pack, count: int) -> list[TextToImage]:
    """``count`` requests that differ in their seeds alone."""
    side = pack.info.size
    return [
        TextToImage(prompt="a red house", pack=pack.info.name, width=side, height=side, seed=seed, steps=20)
        for seed in range(count)
    ]


def unlike(pack: Pack, count: int) -> list[TextToImage]:
    """The same with one sampler after the other."""
    return [
        replace(request, sampler=FIRST_ORDER[number % len(FIRST_ORDER)])
        for number, request in enumerate(alike(pack, count))
    ]


def rate_at_once(arm: Arm, requests: Sequence[TextToImage]) -> float:
    """Pictures a second where all come at the same moment."""
    return serve(arm, [Visit(number, 0.0, each) for number, each in enumerate(requests)]).figures()["pictures/s"]


def _spread(values: Sequence[float]) -> list[float]:
    """Lowest, median and highest."""
    return [min(values), statistics.median(values), max(values)]


def machine(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    cpu = platform.processor() or platform.machine()
    models = Path("/proc/cpuinfo")
    if models.exists():
        names = [
            line.split(":", 1)[1].strip() for line in models.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    return f"{torch.get_num_threads()} threads of {cpu}, torch {torch.__version__}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving")
    parser.add_argument(
        "--model", default=STORYBOOK, help=f"a pack, or one of {', '.join(FAMILIES)} with random weights"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--users", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--requests", type=int, default=16, help="of all users together; one alone makes a quarter")
    parser.add_argument("--pause", type=float, default=0.5, help="mean seconds between a user's requests")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--inputs", type=float, help="model inputs a call; found by calibration if not given")
    parser.add_argument("--static", action="store_true", help="against a compiled batch of one size, too")
    parser.add_argument(
        "--out", type=Path, default=Path("bench"), help="folder for serving.json, serving.md, serving.png"
    )
    options = parser.parse_args(arguments)
    device = pick_device(options.device)
    precisions = (EXACT, FAST) if device.type == "cpu" else (EXACT,)
    packs = {precision: load(options.model, device, precision) for precision in precisions}
    inputs = {precision: options.inputs or calibrate(pack).inputs for precision, pack in packs.items()}
    compared = Machine(packs, inputs)
    warm_up = visits(packs[EXACT], users=WARM_UP, each=1, pause=0.0, seed=10**6)
    for arm in ARMS:  # once without a clock: traces, prompts, and the first calls' allocations
        if arm[1] in packs:
            measured(compared, arm, warm_up)
    result = {
        "model": packs[EXACT].info.title,
        "machine": machine(device),
        "inputs": inputs,
        "repeats": options.repeats,
        "levels": [
            compare_arms(compared, users, max(1, options.requests // max(users, 4)), options.pause, options.repeats)
            for users in options.users
        ],
        "pairs": compare_pairs(packs[EXACT], inputs[EXACT]),
    }
    if options.static:
        result["pairs"] |= compare_static(packs[precisions[-1]])
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "serving.json").write_text(json.dumps(result, indent=2) + "\n")
    (options.out / "serving.md").write_text(as_markdown(result))
    plot(result, options.out / "serving.png")
    print(as_markdown(result))


if __name__ == "__main__":
    main()
