"""One training run: resume, step, average, save. What every stage shares, and nothing about any model.

A run lives in a folder outside the repository: ``checkpoint.pt`` (weights, their average, optimiser, step), replaced
atomically every few minutes, and ``log.csv`` (step, loss, learning rate, time, and the seconds of processor time since
this process began). Stopping it at any moment loses at most those minutes. A run without a
checkpoint begins with the weights in ``start.pt``, where there is one (`unpack.py`), and else from nothing.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from storybook.presets import PRESETS, Preset, Stage

Network = TypeVar("Network", bound=nn.Module)

CHECKPOINT = "checkpoint.pt"
START = "start.pt"  # what a run without a checkpoint begins with, as far as it goes
SAVE_EVERY_SECONDS = 180.0
WARM_UP_STEPS = 200
COOL_DOWN = 0.25  # the share of the steps over which the learning rate falls to zero
CLIP_NORM = 1.0


@dataclass(frozen=True)
class Options:
    """What a person may say to a stage on the command line."""

    preset: Preset
    folder: Path
    device: torch.device
    steps: int | None = None
    minutes: float | None = None


def options(stage: str, arguments: list[str] | None = None) -> Options:
    """Reads the command line of ``python -m storybook.<stage>``."""
    parser = argparse.ArgumentParser(prog=f"python -m storybook.{stage}")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="small")
    parser.add_argument("--folder", type=Path, default=default_folder(), help="where checkpoints and caches live")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, help="instead of the preset's number of steps")
    parser.add_argument("--minutes", type=float, help="stop after this long, finished or not; run again to go on")
    parsed = parser.parse_args(arguments)
    preset = PRESETS[parsed.preset]
    return Options(preset, parsed.folder / preset.name, torch.device(parsed.device), parsed.steps, parsed.minutes)


def default_folder() -> Path:
    return Path.home() / ".cache" / "latent-studio" / "training"


def steps_done(name: str, options: Options) -> int:
    """How far the checkpoint of the run called ``name`` is."""
    return int(torch.load(options.folder / name / CHECKPOINT, mmap=True, weights_only=True)["step"])


def learning_rate(step: int, steps: int, peak: float, spent: float = 0.0, begun: int = 0) -> float:
    """Warm-up, plateau, then linear to zero over the last quarter, so that a longer run can go on from the plateau.

    ``spent`` is the share of the stage's time that is over, 0..1; whichever ends first, steps or time, counts.
    ``begun`` is the step at which the optimiser's state began.
    """
    warm = min(1.0, (step - begun + 1) / min(WARM_UP_STEPS, max(1, steps // 4)))
    left = 1 - max(step / steps, spent)
    return peak * min(warm, 1.0, max(0.0, left / COOL_DOWN))


def pick_autocast(device: torch.device) -> torch.autocast:
    """bfloat16 on CUDA devices and on CPUs that multiply in it (AVX512-BF16), float32 elsewhere."""
    supported = device.type == "cuda" or bool(torch.cpu._is_avx512_bf16_supported())
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=supported)


def pick_layout(device: torch.device) -> torch.memory_format:
    """Of pictures and of the weights of convolutions: channels last on CUDA devices; on CPUs a step takes 6 % less
    without (U-Net of the small preset, bfloat16)."""
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


def pick_attention(device: torch.device) -> AbstractContextManager[None]:
    """On CPUs plain matrix products in place of the fused kernel, whose backward pass takes a fifth of a step with so
    few tokens."""
    plain: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
    return nullcontext() if device.type == "cuda" else plain


class Run:
    """``model`` is trained in place; ``average`` holds the exponential moving average that is shipped."""

    def __init__(self, name: str, model: nn.Module, stage: Stage, options: Options) -> None:
        self.name, self.model, self.stage, self.options = name, model.to(options.device), stage, options
        self.steps = options.steps or stage.steps
        self.folder = options.folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=stage.rate, betas=(0.9, 0.99), weight_decay=0.01)
        self.average = {key: value.detach().clone().float() for key, value in model.state_dict().items()}
        self.step = 0
        self.begun = 0  # the step at which the optimiser knew nothing: it warms up from there
        self._resume()

    @property
    def checkpoint(self) -> Path:
        return self.folder / CHECKPOINT

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            if (self.folder / START).exists():
                self._begin_with(torch.load(self.folder / START, map_location="cpu", weights_only=True))
            return
        saved = torch.load(self.checkpoint, map_location=self.options.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.average, self.step, self.begun = saved["average"], saved["step"], saved.get("begun", 0)

    def _begin_with(self, weights: dict[str, torch.Tensor]) -> None:
        own = self.model.state_dict()
        fitting = {key: value for key, value in weights.items() if key in own and own[key].shape == value.shape}
        self.model.load_state_dict(fitting, strict=False)
        self.average = {key: value.detach().clone().float() for key, value in self.model.state_dict().items()}

    def save(self) -> None:
        part = self.checkpoint.with_suffix(".part")
        torch.save(
            {"model": self.model.state_dict(), "average": self.average, "optimiser": self.optimiser.state_dict(),
             "step": self.step, "begun": self.begun}, part,
        )  # fmt: skip
        part.replace(self.checkpoint)

    def averaged(self, model: Network) -> Network:
        """Loads the average into ``model`` (of the same architecture) and returns it in evaluation mode."""
        model.load_state_dict({key: value.to(torch.float32) for key, value in self.average.items()})
        return model.eval().to(self.options.device)

    def train(self, loss_of: Callable[[int], torch.Tensor], show: Callable[[], None], show_every: int) -> None:
        """Steps until the stage ends or its time. ``loss_of(step)`` returns the loss; ``show`` draws or prints."""
        shown, losses = 0, torch.zeros((), device=self.options.device)
        for step, spent in self._ticking():
            rate = learning_rate(step, self.steps, self.stage.rate, spent, self.begun)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            with pick_attention(self.options.device):
                loss = loss_of(step)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
            if torch.isfinite(norm):
                self.optimiser.step()
            self._update_average(step)
            losses, shown = losses + loss.detach(), shown + 1
            if step % 50 == 49:
                self._log(step, float(losses) / shown, rate)
                shown, losses = 0, torch.zeros_like(losses)
            if step % show_every == show_every - 1:
                show()
        self.save()
        show()

    def _update_average(self, step: int) -> None:
        """The average looks back over about a twentieth of the run, and over less at its beginning."""
        decay = min(1 - 20 / max(40, self.steps), (1 + step) / (10 + step))
        values = [value.float() for value in self.model.state_dict().values()]
        torch._foreach_lerp_(list(self.average.values()), values, 1 - decay)

    def _ticking(self) -> Iterator[tuple[int, float]]:
        """Each step's number, and the share of the stage's time that was over before it."""
        started = saved = time.monotonic()
        whole = math.inf if self.stage.minutes is None else self.stage.minutes * 60
        limit = whole if self.options.minutes is None else min(whole, self.options.minutes * 60)
        with tqdm(total=self.steps, initial=self.step, desc=self.name, mininterval=10) as bar:
            while self.step < self.steps and time.monotonic() - started < limit:
                yield self.step, (time.monotonic() - started) / whole
                self.step += 1
                bar.update()
                if time.monotonic() - saved > SAVE_EVERY_SECONDS:
                    self.save()
                    saved = time.monotonic()

    def _log(self, step: int, loss: float, rate: float) -> None:
        with (self.folder / "log.csv").open("a", newline="") as file:
            row = [step + 1, f"{loss:.5f}", f"{rate:.2e}", f"{time.time():.0f}", f"{time.process_time():.0f}"]
            csv.writer(file).writerow(row)
