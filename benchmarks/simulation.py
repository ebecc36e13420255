"""How far placing jobs on several engines goes, simulated: engines that take as long a call as this machine's does,
without drawing anything.

    python -m benchmarks.simulation --replicas 1 2 4 8 16 32 64 --people 100000

What is real: `studio.backends.placing`, which decides where every job goes, and the seconds of a call by its number of
inputs, measured on this machine's U-Net at the start (or given, for another machine). What is not: everything else.
People come as a Poisson process, as many for each engine as make it busy for ``load`` of its time; their packs are as
popular as Zipf's law has it, and an engine holds a few of them. The other arm gives each job to the next engine.
"""

from __future__ import annotations

import argparse
import heapq
import json
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.serving import machine
from studio.backends.placing import Demand, Placement, Site
from studio.models.acceleration.precision import pick_precision
from studio.models.catalogue import STORYBOOK
from studio.models.conditioning import stack
from studio.models.loading import load_pack, pick_device
from studio.models.registry import find_pack

PACKS, HELD = 8, 3  # there are, and are in one engine's memory
LOADING_SECONDS = 15.0
CALLS = (8, 12, 12, 12, 20, 30)  # that a picture takes; most people leave what they find
PICTURES = 16  # in flight on one engine
MOST_INPUTS = 16  # in one call
GUIDED = 2  # inputs a picture
SIZES = (2, 4, 8, 16)


@dataclass(frozen=True)
class Person:
    """Somebody who comes at the second ``at`` and asks for one picture."""

    name: str
    at: float
    calls: int
    pack: str
    owner: str = ""
    address: str = ""

    @property
    def demand(self) -> Demand:
        return Demand(self.pack, GUIDED * self.calls)


def people(number: int, a_second: float, seed: int) -> list[Person]:
    rng = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, PACKS + 1)
    moments = np.cumsum(rng.exponential(1 / a_second, number))
    packs = rng.choice(PACKS, number, p=popularity / popularity.sum())
    calls = rng.choice(CALLS, number)
    owners = rng.integers(max(1, number // 3), size=number)
    return [
        Person(str(each), float(moments[each]), int(calls[each]), f"pack {packs[each]}", str(owners[each]))
        for each in range(number)
    ]


@dataclass
class _Engine:
    """``rows`` are the pictures in flight by pack, with the calls that each has left; ``held`` the packs in memory, who
    was used longest ago first; ``parked`` those who wait for a pack that is loaded until then."""

    site: Site
    rows: dict[str, list[list[Any]]] = field(default_factory=dict)
    held: OrderedDict[str, None] = field(default_factory=OrderedDict)
    parked: dict[str, list[Person]] = field(default_factory=dict)
    turns: deque[str] = field(default_factory=deque)
    is_calling: bool = False


@dataclass
class Outcome:
    """Seconds, and how often a job found its pack in memory."""

    waits: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    hits: int = 0
    first_hit: float = 0.0
    last: float = 0.0

    def figures(self) -> dict[str, float]:
        number = len(self.latencies)
        return {
            "pictures/s": number / self.last,
            "p50 wait": float(np.percentile(self.waits, 50)),
            "p95 wait": float(np.percentile(self.waits, 95)),
            "p95 latency": float(np.percentile(self.latencies, 95)),
            "hits": self.hits / number,
        }


class Simulation:
    """``seconds_of`` a call by its inputs; ``in_turn`` is the other arm."""

    def __init__(self, replicas: int, seconds_of: Mapping[int, float], *, in_turn: bool) -> None:
        pace = seconds_of[MOST_INPUTS] / MOST_INPUTS
        self.placement: Placement[Person] = Placement(LOADING_SECONDS)
        self.engines = {}
        for number in range(replicas):
            site = Site(str(number), pace, PICTURES)
            self.placement.sites[site.name] = site
            self.engines[site.name] = _Engine(site)
        self.in_turn = in_turn
        self._own: dict[str, deque[Person]] = {name: deque() for name in self.engines}
        self._next = count()
        self._seconds = np.interp(range(MOST_INPUTS + 1), [*seconds_of], [*seconds_of.values()])
        self._events: list[tuple[float, int, str, str, Any]] = []
        self._order = count()
        self.outcome = Outcome()
        self.now = 0.0

    def run(self, visitors: Sequence[Person]) -> Outcome:
        for person in visitors:
            self._push(person.at, "comes", "", person)
        while self._events:
            self.now, _, what, name, subject = heapq.heappop(self._events)
            {"comes": self._comes, "loaded": self._loaded, "called": self._called}[what](name, subject)
        self.outcome.last = self.now
        return self.outcome

    def _push(self, at: float, what: str, name: str, subject: Any) -> None:
        heapq.heappush(self._events, (at, next(self._order), what, name, subject))

    def _comes(self, _: str, person: Person) -> None:
        if self.in_turn:
            name = str(next(self._next) % len(self.engines))
            self._own[name].append(person)
            self._take_own(name)
        else:
            self.placement.add(person)
            self._place()

    def _take_own(self, name: str) -> None:
        site, own = self.engines[name].site, self._own[name]
        while own and site.has_room_for(own[0].demand):
            person = own.popleft()
            site.take(person.name, person.demand)
            self._begin(person, self.engines[name])

    def _place(self) -> None:
        for person, site in self.placement.place():
            self._begin(person, self.engines[site.name])

    def _begin(self, person: Person, engine: _Engine) -> None:
        if person.pack in engine.held:
            self.outcome.hits += 1
            self._draw(person, engine)
        elif person.pack in engine.parked:
            engine.parked[person.pack].append(person)
        else:
            engine.parked[person.pack] = [person]
            self._push(self.now + LOADING_SECONDS, "loaded", engine.site.name, person.pack)

    def _loaded(self, name: str, pack: str) -> None:
        engine = self.engines[name]
        unused = [held for held in engine.held if not engine.rows.get(held)]
        while len(engine.held) >= HELD and unused:
            gone = unused.pop(0)
            del engine.held[gone]
            engine.site.packs.discard(gone)
        engine.held[pack] = None
        for person in engine.parked.pop(pack):
            self._draw(person, engine)

    def _draw(self, person: Person, engine: _Engine) -> None:
        self.outcome.waits.append(self.now - person.at)
        engine.held.move_to_end(person.pack)
        rows = engine.rows.setdefault(person.pack, [])
        if not rows:
            engine.turns.append(person.pack)
        rows.append([person, person.calls])
        self._call(engine)

    def _call(self, engine: _Engine) -> None:
        if engine.is_calling or not engine.turns:
            return
        pack = engine.turns[0]
        batch = engine.rows[pack][: MOST_INPUTS // GUIDED]
        engine.is_calling = True
        self._push(self.now + float(self._seconds[GUIDED * len(batch)]), "called", engine.site.name, (pack, batch))

    def _called(self, name: str, subject: tuple[str, list[list[Any]]]) -> None:
        engine, (pack, batch) = self.engines[name], subject
        engine.is_calling = False
        for row in batch:
            row[1] -= 1
        rows = engine.rows[pack]
        engine.rows[pack] = [row for row in [*rows[len(batch) :], *batch] if row[1]]
        engine.turns.popleft()
        if engine.rows[pack]:
            engine.turns.append(pack)
        for person, left in batch:
            if not left:
                self.outcome.latencies.append(self.now - person.at)
                engine.site.release(person.name)
        if any(not left for _, left in batch):
            self._take_own(name) if self.in_turn else self._place()
        self._call(engine)


@torch.inference_mode()
def call_seconds(precision: str) -> dict[int, float]:
    """Of the shipped pack's U-Net on this machine, by inputs; the best of a few."""
    pack = load_pack(find_pack(STORYBOOK), pick_device("auto"), precision=precision)
    side, found = pack.info.size // pack.denoiser.factor, {}
    for size in SIZES:
        latents, timesteps = torch.zeros(size, pack.denoiser.channels, side, side), torch.full((size,), 500.0)
        conditioning = stack([pack.condition("", (side, side), pack.blank_concat(side, side))] * size)
        taken = []
        for _ in range(4):
            begun = time.perf_counter()
            pack.denoiser(latents.to(pack.device), timesteps.to(pack.device), conditioning)
            taken.append(time.perf_counter() - begun)
        found[size] = min(taken)
    return found


def capacity(seconds_of: Mapping[int, float]) -> float:
    """Pictures a second of an engine whose calls are full."""
    return MOST_INPUTS / seconds_of[MOST_INPUTS] / (GUIDED * float(np.mean(CALLS)))


def simulate(
    replicas: Sequence[int], number: int, load: float, seconds_of: Mapping[int, float]
) -> Iterator[dict[str, Any]]:
    """For each number of engines both arms; ``number`` people for the most engines, and in proportion for fewer."""
    for each in replicas:
        visitors = people(max(500, number * each // max(replicas)), load * each * capacity(seconds_of), seed=each)
        for in_turn in (False, True):
            figures = Simulation(each, seconds_of, in_turn=in_turn).run(visitors).figures()
            yield {"replicas": each, "arm": "in turn" if in_turn else "placed", "people": len(visitors), **figures}


def as_markdown(result: dict[str, Any]) -> str:
    rows = result["rows"]
    one = next(row["pictures/s"] for row in rows if row["replicas"] == min(each["replicas"] for each in rows))
    first = min(each["replicas"] for each in rows)
    calls = ", ".join(
        f"{size} in {1000 * float(seconds):.0f} ms" for size, seconds in result["seconds of a call"].items()
    )
    lines = [
        f"Simulated, with the seconds of a call measured on {result['machine']}: {calls}; "
        f"{result['load']:.0%} of what the engines can draw is asked for:",
        "",
        "| engines | arm | people | pictures/s | of linear | p50 wait, s | p95 wait, s | p95 latency, s | pack held |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        linear = row["pictures/s"] / (one * row["replicas"] / first)
        lines.append(
            f"| {row['replicas']} | {row['arm']} | {row['people']} | {row['pictures/s']:.2f} | {linear:.3f} | "
            f"{row['p50 wait']:.2f} | {row['p95 wait']:.2f} | {row['p95 latency']:.2f} | {100 * row['hits']:.1f} % |"
        )
    return "\n".join(lines) + "\n"


def plot(result: dict[str, Any], path: Path) -> None:
    """Throughput, waits and hits over the number of engines. PNG."""
    from matplotlib.figure import Figure  # no window, no state

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    panels = (("pictures/s", "Pictures per second"), ("p95 wait", "95 % begin within, s"), ("hits", "Pack in memory"))
    for axes, (column, title) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for arm, colour in (("placed", "#6b3fd4"), ("in turn", "#e0a35c")):
            rows = [row for row in result["rows"] if row["arm"] == arm]
            axes.plot([row["replicas"] for row in rows], [row[column] for row in rows], "o-", color=colour, label=arm)
        axes.set_xscale("log", base=2)
        if column == "pictures/s":
            axes.set_yscale("log", base=2)
        axes.set_xlabel("engines (simulated)")
        axes.set_title(title, fontsize=10)
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation")
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--load", type=float, default=0.85, help="share of what the engines can draw")
    parser.add_argument(
        "--call", type=float, nargs=len(SIZES), help=f"seconds of a call with {SIZES} inputs, measured elsewhere"
    )
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder for simulation.json, .md and .png")
    options = parser.parse_args(arguments)
    device = pick_device("auto")
    measured = (
        dict(zip(SIZES, options.call, strict=True)) if options.call else call_seconds(pick_precision("auto", device))
    )
    rows = []
    for row in simulate(options.replicas, options.people, options.load, measured):
        rows.append(row)
        print(row, flush=True)
    result = {
        "machine": machine(device) if not options.call else "another machine",
        "load": options.load,
        "seconds of a call": measured,
        "rows": rows,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "simulation.json").write_text(json.dumps(result, indent=2) + "\n")
    (options.out / "simulation.md").write_text(as_markdown(result))
    plot(result, options.out / "simulation.png")
    print(as_markdown(result))


if __name__ == "__main__":
    main()
