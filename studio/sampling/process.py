"""How a model's training noised its pictures, and what its outputs mean: a schedule of betas, or flow matching.

A process makes the diffusers scheduler of a sampler, and says of each model call what a clean latent z0 is there in
the sampler's own space, A z0 + B n, and what the model is shown of a latent z, s z. Start, preview, image-to-image and
known regions need nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import diffusers
import torch
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

from studio.errors import InvalidRequest, PackError
from studio.sampling.catalogue import BETAS, FLOW, SPACING, Sampler, samplers_for

TERMINAL_SIGNAL = 2.0**-24  # squared, of a schedule without any


class Coefficients(NamedTuple):
    """Of one model call, floats or tensors [B, 1, 1, 1]: the input scale s, the signal A and the noise B."""

    input_scale: Any
    signal: Any
    noise: Any


X0: TypeAlias = Callable[[torch.Tensor, torch.Tensor, Coefficients], torch.Tensor]


def _of_epsilon(latent: torch.Tensor, output: torch.Tensor, at: Coefficients) -> torch.Tensor:
    """Ho et al. 2020, equation 15."""
    return (latent - at.noise * output) / at.signal


def _of_v(latent: torch.Tensor, output: torch.Tensor, at: Coefficients) -> torch.Tensor:
    """Salimans and Ho 2022, appendix D."""
    return at.input_scale * at.input_scale * at.signal * latent - at.input_scale * at.noise * output


def _of_sample(latent: torch.Tensor, output: torch.Tensor, at: Coefficients) -> torch.Tensor:
    return output


def _of_flow(latent: torch.Tensor, output: torch.Tensor, at: Coefficients) -> torch.Tensor:
    """Lipman et al. 2023: the output is n - z0, and z = (1 - sigma) z0 + sigma n."""
    return latent - at.noise * output


# The original sample x0 that an output points to, by what the model predicts: latent, output [B, C, H, W] -> the same.
PREDICTIONS: Mapping[str, X0] = MappingProxyType(
    {"epsilon": _of_epsilon, "v_prediction": _of_v, "sample": _of_sample, "flow_prediction": _of_flow}
)


def find_prediction(name: object) -> X0:
    """Raises `PackError` for what nothing here predicts."""
    if not isinstance(name, str) or name not in PREDICTIONS:
        raise PackError(
            "The model predicts {prediction}; one of {known} was expected.",
            prediction=repr(str(name)[:40]),
            known=", ".join(PREDICTIONS),
        )
    return PREDICTIONS[name]


class Process(Protocol):
    """What samplers need to know of a model's training; ``name`` is BETAS or FLOW. ``tokens`` are those
    that the model sees of a picture; they count where the noise levels depend on the picture's size."""

    @property
    def name(self) -> str: ...

    @property
    def prediction(self) -> str:
        """What the model predicts, one of `PREDICTIONS`."""

    def make_scheduler(
        self, sampler: Sampler, steps: int, first_call: int = 0, tokens: int = 0
    ) -> tuple[Any, torch.Tensor]:
        """The diffusers scheduler set to ``steps``, and its timesteps from model call ``first_call`` on, a multiple of
        ``sampler.calls``. Raises `InvalidRequest` for a sampler that has none, or steps that it cannot take."""

    def coefficients(self, scheduler: Any, timestep: torch.Tensor, call: int) -> Coefficients:
        """At ``timestep``, model call ``call`` of all of ``scheduler``'s; asked in order, before its step."""

    def initial_scale(self, scheduler: Any) -> float:
        """What unit noise is multiplied by to begin from nothing."""

    def at(self, share: float) -> tuple[float, Coefficients]:
        """The timestep and the coefficients at ``share``, 0..1, of the training's times; the input scale is 1."""

    def key(self, steps: int, tokens: int) -> Hashable:
        """What a sampler's table depends on beside the sampler, its steps, where it begins and eta."""


@dataclass(frozen=True)
class BetaSchedule:
    """Ho et al. 2020: variance is added by betas, at ``train_steps`` discrete times.

    ``zero_snr``: at its last time there is noise alone (Lin et al. 2024, "Common diffusion noise schedules and sample
    steps are flawed", section 3.1).
    """

    prediction: str = "epsilon"
    beta_start: float = 0.00085
    beta_end: float = 0.012
    beta_schedule: str = "scaled_linear"
    train_steps: int = 1000
    zero_snr: bool = False
    name: ClassVar[str] = BETAS

    def scheduler_config(self) -> dict[str, Any]:
        config = {
            "prediction_type": self.prediction,
            "beta_start": self.beta_start,
            "beta_end": self.beta_end,
            "beta_schedule": self.beta_schedule,
            "num_train_timesteps": self.train_steps,
        }
        return {**config, "trained_betas": zero_snr_betas(config)} if self.zero_snr else config

    def make_scheduler(
        self, sampler: Sampler, steps: int, first_call: int = 0, tokens: int = 0
    ) -> tuple[Any, torch.Tensor]:
        _check(sampler, steps, BETAS)
        scheduler = getattr(diffusers, sampler.scheduler)(**{**self.scheduler_config(), **sampler.options})
        if self.zero_snr and scheduler.config.get(SPACING) == "leading":  # which never sees the last time
            scheduler = type(scheduler).from_config(scheduler.config, **{SPACING: "trailing"})
        scheduler.set_timesteps(steps)
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first_call)
        timesteps = scheduler.timesteps
        if not hasattr(scheduler, "sigmas"):  # where rounding gives trailing spacing a time too many, -1
            timesteps = timesteps[timesteps >= 0]
        if isinstance(scheduler, diffusers.PNDMScheduler) and first_call:
            return scheduler, _plms_timesteps(timesteps, first_call)
        return scheduler, timesteps[first_call:]

    def coefficients(self, scheduler: Any, timestep: torch.Tensor, call: int) -> Coefficients:
        clean, noise = torch.eye(2, dtype=torch.float64)[:, None]
        signal, spread = map(float, scheduler.add_noise(clean, noise, timestep.reshape(1))[0])
        scale = float(scheduler.scale_model_input(clean, timestep)[0, 0])
        if scale != 1:  # the sampler works on z0 + sigma n, and between its own times only the scale knows sigma
            signal, spread = 1.0, (1 / scale**2 - 1) ** 0.5
        return Coefficients(scale, signal, spread)

    def initial_scale(self, scheduler: Any) -> float:
        return float(scheduler.init_noise_sigma)

    def at(self, share: float) -> tuple[float, Coefficients]:
        timestep = round(share * (self.train_steps - 1))
        signal = float(self._forward.alphas_cumprod[timestep])
        return float(timestep), Coefficients(1.0, signal**0.5, (1 - signal) ** 0.5)

    def key(self, steps: int, tokens: int) -> Hashable:
        return None

    def add_noise(self, x0: torch.Tensor, noise: torch.Tensor, timestep: int) -> torch.Tensor:
        """The forward process (Ho et al. 2020, equation 4)."""
        noised: torch.Tensor = self._forward.add_noise(x0, noise, torch.tensor([timestep]))
        return noised.to(x0.dtype)

    @cached_property
    def _forward(self) -> Any:
        return diffusers.DDPMScheduler(**self.scheduler_config())


def zero_snr_betas(config: dict[str, Any]) -> list[float]:
    """The betas of a diffusers ``config``, rescaled to a terminal signal of 2^-24 instead of nothing, as diffusers has
    it in the schedulers that can rescale: most divide by it."""
    betas = rescale_zero_terminal_snr(diffusers.DDPMScheduler(**config).betas.double())
    kept = torch.cumprod(1 - betas, 0)
    kept[-1] = TERMINAL_SIGNAL
    return (1 - kept / torch.cat([torch.ones_like(kept[:1]), kept[:-1]])).tolist()


def _plms_timesteps(whole: torch.Tensor, first_call: int) -> torch.Tensor:
    """PLMS takes its first step twice, wherever it begins: in its list [t0, t1, t1, t2, ...] the second time stands
    twice, which its second call relies on. So from t2 on it is called with [t2, t3, t3, ...]."""
    rest = whole[first_call + 1 :]
    return torch.cat([rest[:2], rest[1:]])


TRAIN_STEPS = 1000  # of a flow: what its sigma is multiplied by to be told as a time
LEAST_SIGMA = 1 / TRAIN_STEPS
FLOW_MODE = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
CLEAR = 1 - 1e-6  # the first sigma where a scheduler takes the logarithm of 1 - sigma


@dataclass(frozen=True)
class DynamicShift:
    """A shift that grows with the number of tokens: mu is ``low`` at ``few`` and ``high`` at ``many`` of them, and on
    the same line beyond; e to the mu is the shift, or mu itself where it is ``linear``."""

    low: float
    high: float
    few: int
    many: int
    linear: bool = False

    def __call__(self, tokens: int) -> float:
        mu = self.low + (self.high - self.low) * (tokens - self.few) / (self.many - self.few)
        return mu if self.linear else math.exp(mu)


@dataclass(frozen=True)
class FlowSchedule:
    """Rectified flow (Liu et al. 2023, Esser et al. 2024): z = (1 - sigma) z0 + sigma n, and the model predicts n - z0.

    shift:    how far the noise levels lie towards noise, sigma' = k sigma / (1 + (k - 1) sigma); a number k, or one
              that depends on the tokens
    terminal: what the last noise level is stretched to; None leaves it
    trained:  whether the levels before the shift end at the training's lowest, itself shifted, as in Stable Diffusion
              3, and not at 1 / steps
    """

    shift: float | DynamicShift = 1.0
    terminal: float | None = None
    trained: bool = False
    prediction: str = "flow_prediction"
    name: ClassVar[str] = FLOW

    def shift_for(self, tokens: int) -> float:
        return self.shift(tokens) if isinstance(self.shift, DynamicShift) else self.shift

    def sigmas(self, steps: int, tokens: int) -> torch.Tensor:
        """[steps] float64, from 1 downwards, without the 0 at the end."""
        k = self.shift_for(tokens)

        def shifted(sigma: Any) -> Any:
            return k * sigma / (1 + (k - 1) * sigma)

        last = shifted(LEAST_SIGMA) if self.trained else 1 / steps
        sigmas: torch.Tensor = shifted(torch.linspace(1, last, steps, dtype=torch.float64))
        if self.terminal is not None and steps > 1:
            sigmas = 1 - (1 - sigmas) * (1 - self.terminal) / (1 - sigmas[-1])
        return sigmas

    def make_scheduler(
        self, sampler: Sampler, steps: int, first_call: int = 0, tokens: int = 0
    ) -> tuple[Any, torch.Tensor]:
        _check(sampler, steps, FLOW)
        is_flow_match = sampler.flow_scheduler.startswith("FlowMatch")
        own = {} if is_flow_match else FLOW_MODE
        scheduler = getattr(diffusers, sampler.flow_scheduler)(**own, **sampler.flow_options)
        scheduler.set_timesteps(steps)
        sigmas = self.sigmas(steps, tokens).float()
        if not is_flow_match:
            sigmas = sigmas.clamp(max=CLEAR)
        # A second-order sampler sees each level but the first twice: at a stride's end and at the next one's start.
        levels = sigmas if sampler.calls == 1 else torch.cat([sigmas[:1], sigmas[1:].repeat_interleave(2)])
        scheduler.sigmas = torch.cat([levels, torch.zeros(1)])
        scheduler.timesteps = levels * TRAIN_STEPS
        scheduler.set_begin_index(first_call)
        return scheduler, scheduler.timesteps[first_call:]

    def coefficients(self, scheduler: Any, timestep: torch.Tensor, call: int) -> Coefficients:
        sigma = float(scheduler.sigmas[call])
        return Coefficients(1.0, 1 - sigma, sigma)

    def initial_scale(self, scheduler: Any) -> float:
        return 1.0

    def at(self, share: float) -> tuple[float, Coefficients]:
        return share * TRAIN_STEPS, Coefficients(1.0, 1 - share, share)

    def key(self, steps: int, tokens: int) -> Hashable:
        return self.shift_for(tokens)


def _check(sampler: Sampler, steps: int, process: str) -> None:
    if sampler.schedulers.get(process) is None:
        raise InvalidRequest(
            "sampler", sampler.name, "with this model one of: {names}", names=", ".join(samplers_for(process))
        )
    if not sampler.fewest_steps <= steps <= sampler.most_steps:
        raise InvalidRequest(
            "steps",
            steps,
            "{least} to {most} with {sampler}",
            least=sampler.fewest_steps,
            most=sampler.most_steps,
            sampler=sampler.name,
        )
