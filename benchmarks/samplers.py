"""Where every sampler lands, on every noise schedule, with denoisers whose right answer is known.

    python -m benchmarks.samplers > docs/samplers.md    # a quarter of an hour; exits with 1 where the catalogue errs

One denoiser knows a single picture: whatever it is shown, it says what leads there, so each run has to end there, and
what is left beside it is noise (``left``). The other knows pictures of which every value is normal with the deviation
s: what is drawn must have the deviation s again, and what it has beyond that was made up by the sampler
(``overshoot``); what all of these pictures have in common must be in it, and is not where the sampler began at a time
that knows next to no noise (``missing``).
Both are linear, as is a sampler's table, so a run is followed as weights over the picture, the noise that it begins
from and each later draw, and its end is exact: nothing is drawn.

A run begins from noise, or in the middle with a picture that has the noise of that step. Every prediction that
`predicted_x0` knows is the same to every scheduler but PLMS's, which averages outputs of different times.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers.utils import logging as diffusers_logging
from numpy.typing import NDArray

from studio.sampling.catalogue import MOST_STEPS, SAMPLERS, Sampler
from studio.sampling.process import BetaSchedule
from studio.sampling.table import SamplerTable
from studio.sampling.trace import trace

# Of latents, whose deviation is about 1. Every sampler may leave what the training's lowest level has, 0.029, and some
# stop there, as the original code does. Storybook's decoder makes 0.8 of 255 levels of that (root mean square), 1.3 of
# 0.05, and 5 of 0.2, where a person begins to see it.
MOST_LEFT = 0.05
# Half as much again as there should be, or a quarter of the latents' where there should be less than half of them:
# the usual guidance does as much to contrast (Lin et al. 2024); beyond, Storybook's pictures have stains.
MOST_OVERSHOOT, LEAST_COMPARED = 0.5, 0.5

# Of what all pictures have in common. Leading spacing lacks some of it at few steps, as it begins where it should be
# there already (Lin et al. 2024), and its pictures are greyer; without half of it, nothing is recognised.
MOST_MISSING = 0.5

DEVIATIONS = np.array([0.0, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0])  # 0 is a single picture; details vary less than surfaces
PREDICTIONS = ("epsilon", "v_prediction")
STEPS = (*range(1, 51), 60, 75, 100, 125, 143, MOST_STEPS)  # 143: of 1000 times, the last stride is the most uneven
EPSILON = BetaSchedule()

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Landing:
    left: float
    overshoot: float
    missing: float

    @property
    def is_good(self) -> bool:
        return self.left <= MOST_LEFT and self.overshoot <= MOST_OVERSHOOT and self.missing <= MOST_MISSING

    @staticmethod
    def worst(landings: Sequence[Landing]) -> Landing:
        return Landing(*(max(getattr(each, name) for each in landings) for name in ("left", "overshoot", "missing")))


def landing(table: SamplerTable, prediction: str, *, is_whole: bool) -> Landing:
    """Where a run by ``table`` ends: from noise alone if it ``is_whole``, else from a picture with noise."""
    names = ("weights", "signal", "noise", "input_scale")
    weights, signal, noise, scale = (getattr(table, name).double().numpy() for name in names)
    s = DEVIATIONS[:, None]
    # Over the picture's mean, what it has beside its mean, the noise of the beginning, and that of each call.
    state: Weights = np.zeros((len(s), 1 + table.memory, 3 + table.calls))
    mean = np.eye(3 + table.calls)[0]
    state[:, 0, 2] = table.initial_scale if is_whole else noise[0]
    if not is_whole:
        state[:, 0, :2] = signal[0] * np.hstack([np.ones_like(s), s])
    for call in range(table.calls):
        a, b = signal[call], noise[call]
        x0 = mean + a * s**2 / (a**2 * s**2 + b**2) * (state[:, 0] - a * mean)
        epsilon = (state[:, 0] - a * x0) / b
        output = epsilon if prediction == "epsilon" else scale[call] * (a * epsilon - b * x0)
        drawn = np.zeros_like(x0)
        drawn[:, 3 + call] = table.draws[call]
        vectors = np.concatenate([state, output[:, None], drawn[:, None]], axis=1)
        state = np.einsum("oi,sik->sok", weights[call], vectors)
    error, deviation = np.abs(state[:, 0, 0] - 1), np.linalg.norm(state[:, 0, 1:], axis=1)
    beyond = (deviation - DEVIATIONS) / np.maximum(DEVIATIONS, LEAST_COMPARED)
    common = error[DEVIATIONS <= 1]  # wider apart than the latents as a whole, pictures have little in common
    return Landing(float(np.hypot(error[0], deviation[0])), float(beyond[1:].max()), float(common.max()))


def beginnings(steps: int) -> tuple[int, ...]:
    """The steps that are tried as the first: from noise, halfway, the last but one and the last."""
    return tuple(sorted({0, steps // 2, max(steps - 2, 0), steps - 1}))


def landings(sampler: Sampler, steps: int, firsts: Sequence[int]) -> Landing:
    """The worst of ``sampler`` with so many steps, from each of ``firsts`` on, whatever the model predicts."""
    predictions = PREDICTIONS if sampler.scheduler == "PNDMScheduler" else PREDICTIONS[:1]
    return Landing.worst([
        landing(table, prediction, is_whole=first == 0)
        for prediction in predictions
        for first in firsts
        for table in [trace(sampler, BetaSchedule(prediction), steps, first_call=first * sampler.calls)]
    ])  # fmt: skip


def offered() -> Iterator[tuple[Sampler, str]]:
    """Every sampler with each schedule that can be chosen for it; its own is empty."""
    for sampler in SAMPLERS.values():
        for schedule in ("", *sampler.offered):
            yield sampler, schedule


def alike(sampler: Sampler, schedule: str) -> str:
    """The same for two that make the same tables."""
    chosen = sampler.on(schedule)
    return repr((chosen.scheduler, sorted(chosen.options.items()), chosen.step_options, chosen.eta))


@dataclass(frozen=True)
class Measured:
    """``found`` by the number of steps; ``needed`` are the fewest from which on all are good."""

    found: dict[int, Landing]
    needed: int

    @property
    def good(self) -> Landing:
        return Landing.worst([landing for steps, landing in self.found.items() if steps >= self.needed])

    @property
    def fewer(self) -> Landing | None:
        """The worst of what fewer steps do, if any can be traced."""
        fewer = [landing for steps, landing in self.found.items() if steps < self.needed]
        return Landing.worst(fewer) if fewer else None


def measured(sampler: Sampler) -> Measured:
    counts = [steps for steps in STEPS if sampler.fewest_steps <= steps <= sampler.most_steps]
    found = {steps: landings(sampler, steps, beginnings(steps)) for steps in counts}
    bad = [steps for steps in counts if not found[steps].is_good]
    return Measured(found, max(bad) + 1 if bad else sampler.fewest_steps)


INTRODUCTION = f"""# Where samplers land

Made by `python -m benchmarks.samplers`, which says how; `tests/benchmarks/test_samplers.py` holds a part of it.

Every sampler with every schedule that it is offered with, with 1 to 50 steps and some more to {MOST_STEPS}, begun from
noise and in the middle, against denoisers whose right answer is known:

* *left* is the noise that is left of a picture that the denoiser knows exactly. Latents have a deviation of about 1;
  up to {MOST_LEFT} is allowed, and 0.029 is the training's lowest level, where some samplers stop.
* *overshoot* is by how much the deviation of what is drawn exceeds what it should be: up to {MOST_OVERSHOOT} is
  allowed, half as much again. Below 0 it is softer than it should be, which few steps always are.
* *missing* is how much is lost of what all pictures have in common; up to {MOST_MISSING} is allowed.

All three are the largest of all step counts and beginnings. Fewer steps than *from* are refused, because of what
stands on the right. The betas are Stable Diffusion's, which Storybook has, too. With others (0.0015 to 0.0205, or
linear ones) no more noise is left, but Heun, SA-Solver and "Beta" overshoot until they have more steps than that.

| sampler | schedule | from | left | overshoot | missing | fewer: left | overshoot | missing |
|---|---|---:|---:|---:|---:|---:|---:|---:|"""


def _row(sampler: Sampler, schedule: str, result: Measured) -> str:
    cells = [sampler.name, schedule or "its own", str(result.needed)]
    for found in (result.good, result.fewer):
        numbers = (found.left, found.overshoot, found.missing) if found else ()
        cells += [f"{number:.3f}" for number in numbers] or [""] * 3
    return f"| {' | '.join(cells)} |"


def main() -> int:
    torch.set_num_threads(1)
    diffusers_logging.set_verbosity_error()
    print(INTRODUCTION)
    results: dict[str, Measured] = {}
    wrong = []
    for sampler, schedule in offered():
        key = alike(sampler, schedule)
        if key not in results:
            results[key] = measured(sampler.on(schedule))
        print(_row(sampler, schedule, results[key]), flush=True)
        if results[key].needed != sampler.fewest(schedule):
            wrong.append(f"{sampler.name} on {schedule}: {sampler.fewest(schedule)}, measured {results[key].needed}")
    print(*wrong, sep="\n", end="", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
