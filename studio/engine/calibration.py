"""How many model inputs one call should hold on this machine, found by trying.

A call's time grows with its inputs, at first slower than they do, while the machine is not busy yet, then as fast. The
batch is best at the bend: more would only make everybody wait longer for each step. Memory sets the upper limit.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import psutil
import torch

from studio.models.conditioning import stack
from studio.models.model import Pack

SIZES = (1, 2, 4, 8, 16, 32)
REPEATS = 2
BUDGET_SECONDS = 4.0  # for all sizes together; a size that would go beyond it is not tried
SLOW_SECONDS = 1.0  # a call that takes this long is not repeated
ENOUGH = 0.92  # of the best throughput; the smallest batch that reaches it is taken
FEWEST = 2  # one picture with guidance
MEMORY_SHARE = 0.8  # of what is free; decoding, and whatever else runs, needs the rest


@dataclass(frozen=True)
class Calibration:
    """``inputs`` for one call, and the seconds that each then takes."""

    inputs: int
    seconds_per_input: float


@torch.inference_mode()
def calibrate(pack: Pack) -> Calibration:
    """Times calls of growing size on ``pack``, at the picture size that it draws best.

    Takes a few seconds at most, and warms the device up. Ends where the next size would not fit into memory.
    """
    begun, memory = time.perf_counter(), 0.0
    seconds: dict[int, float] = {}
    for size in SIZES:
        spent = time.perf_counter() - begun
        expected = (1 + REPEATS) * 2 * max(seconds.values(), default=0.0)  # twice the inputs, at most twice the time
        if seconds and (spent + expected > BUDGET_SECONDS or memory * size > MEMORY_SHARE * free_memory(pack.device)):
            break
        before = _peak_memory(pack.device)
        seconds[size] = _seconds_of_call(pack, size)
        memory = max(memory, (_peak_memory(pack.device) - before) / size)
    return choose(seconds)


def choose(seconds: dict[int, float]) -> Calibration:
    """The smallest batch with 92 % of the best throughput; ``seconds`` of a call by its number of inputs."""
    rates = {size: size / taken for size, taken in sorted(seconds.items())}
    inputs = next(size for size, rate in rates.items() if rate >= ENOUGH * max(rates.values()))
    return Calibration(max(FEWEST, inputs), 1 / rates[inputs])


def _seconds_of_call(pack: Pack, size: int) -> float:
    """The best of a few calls after one that warms up; where that one is slow already, it must do."""
    side = pack.info.size // pack.denoiser.factor
    latents = torch.zeros(size, pack.denoiser.channels, side, side, device=pack.device)
    timesteps = torch.full((size,), 500.0, device=pack.device)
    conditioning = stack([pack.condition("", (side, side), pack.blank_concat(side, side))] * size)
    taken = []
    for _ in range(1 + REPEATS):
        begun = time.perf_counter()
        pack.denoiser(latents, timesteps, conditioning)
        if pack.device.type == "cuda":
            torch.cuda.synchronize(pack.device)
        taken.append(time.perf_counter() - begun)
        if taken[0] > SLOW_SECONDS:
            break
    return min(taken[1:] or taken)


def free_memory(device: torch.device) -> float:
    """In bytes."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return float(psutil.virtual_memory().available)


def _peak_memory(device: torch.device) -> float:
    """The most that this process ever had, in bytes; 0 on systems that do not tell."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    if sys.platform == "win32":
        return 0.0
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
