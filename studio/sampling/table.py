"""Traces a diffusers scheduler into a table of coefficients, and advances many rows with one multiply.

A scheduler is linear in what it is given: the next latent is a weighted sum of the current latent, the model's
output, what it remembers, and fresh noise. So the real scheduler is run once on *basis vectors* in place of
images, and what comes back is the row of weights. There is no sampler mathematics here to get wrong.

One model call of a traced sampler is the linear map

    [latent', memory'] = M_i [latent, memory, output, noise]

with everything that the scheduler object remembers kept as ``memory`` (at most a handful of latents), which makes
every sampler, of any order, advance by the same batched multiply.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import diffusers
import torch
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from torch.overrides import TorchFunctionMode

from studio.errors import InvalidRequest
from studio.sampling.catalogue import MOST_STEPS, SPACING, Sampler

WIDTH = 16  # of a basis vector: latent, output, noise and at most WIDTH - 3 remembered vectors
TERMINAL_SIGNAL = 2.0**-24  # squared, of a schedule without any
LATENT, OUTPUT, NOISE = 0, WIDTH - 2, WIDTH - 1  # which basis vector stands for what; memory lies between


@dataclass(frozen=True)
class NoiseSchedule:
    """The forward process a denoiser was trained on, and what it predicts ("epsilon", "v_prediction", "sample").

    ``zero_snr``: at its last time there is noise alone (Lin et al. 2024, "Common diffusion noise schedules and sample
    steps are flawed", section 3.1)."""

    prediction: str = "epsilon"
    beta_start: float = 0.00085
    beta_end: float = 0.012
    beta_schedule: str = "scaled_linear"
    train_steps: int = 1000
    zero_snr: bool = False

    def scheduler_config(self) -> dict[str, Any]:
        config = {
            "prediction_type": self.prediction,
            "beta_start": self.beta_start,
            "beta_end": self.beta_end,
            "beta_schedule": self.beta_schedule,
            "num_train_timesteps": self.train_steps,
        }
        return {**config, "trained_betas": zero_snr_betas(config)} if self.zero_snr else config


def zero_snr_betas(config: dict[str, Any]) -> list[float]:
    """The betas of a diffusers ``config``, rescaled to a terminal signal of 2^-24 instead of nothing, as diffusers has
    it in the schedulers that can rescale: most divide by it."""
    betas = rescale_zero_terminal_snr(diffusers.DDPMScheduler(**config).betas.double())
    kept = torch.cumprod(1 - betas, 0)
    kept[-1] = TERMINAL_SIGNAL
    return (1 - kept / torch.cat([torch.ones_like(kept[:1]), kept[:-1]])).tolist()


@dataclass(frozen=True)
class SamplerTable:
    """A sampler for one number of steps; ``calls`` model calls, ``memory`` remembered latents.

    timesteps:    [calls] float32, what the model is called with
    input_scale:  [calls] float32, s: the model sees s * latent
    weights:      [calls, 1 + memory, 1 + memory + 2] float32, M above: latent first, then memory, output, noise
    draws:        whether each call draws noise, in the order in which the real scheduler draws it
    signal,
    noise:        [calls] float32, A and B: the sampler's own latent of a clean latent z0 and noise n is A z0 + B n;
                  (s A)^2 + (s B)^2 = 1
    initial_scale: what unit noise is multiplied by to begin from nothing
    """

    timesteps: torch.Tensor
    input_scale: torch.Tensor
    weights: torch.Tensor
    draws: tuple[bool, ...]
    signal: torch.Tensor
    noise: torch.Tensor
    initial_scale: float

    @property
    def calls(self) -> int:
        return len(self.draws)

    @property
    def memory(self) -> int:
        return self.weights.shape[1] - 1


def advance(weights: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """One call of every row at once, whatever their samplers.

    weights [B, 1 + m, 1 + m + 2], vectors [B, 1 + m + 2, C, H, W] -> latent and memory, [B, 1 + m, C, H, W].
    """
    return torch.einsum("boi,bichw->bochw", weights, vectors)


def widen(weights: torch.Tensor, memory: int) -> torch.Tensor:
    """One call's weights [1 + m, 1 + m + 2] for a batch whose rows remember ``memory`` >= m latents, zeros between."""
    own = weights.shape[0] - 1
    wide = weights.new_zeros(1 + memory, 1 + memory + 2)
    wide[: 1 + own, : 1 + own] = weights[:, : 1 + own]
    wide[: 1 + own, -2:] = weights[:, -2:]
    return wide


def predicted_x0(
    prediction: str,
    latent: torch.Tensor,
    output: torch.Tensor,
    coefficients: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """The original sample x0 that ``output`` points to, for any sampler.

    latent, output [B, C, H, W]; coefficients s, A and B, each [B, 1, 1, 1]. Ho et al. 2020, equation 15, for epsilon;
    Salimans and Ho 2022, appendix D, for v.
    """
    scale, signal, noise = coefficients
    if prediction == "epsilon":
        return (latent - noise * output) / signal
    if prediction == "v_prediction":
        return scale * scale * signal * latent - scale * noise * output
    return output


class Tables:
    """Traces on demand and remembers the last few hundred tables; one for each denoiser's noise schedule."""

    KEPT = 256

    def __init__(self, schedule: NoiseSchedule) -> None:
        self.schedule = schedule
        self._kept: OrderedDict[tuple[str, int, int, float], SamplerTable] = OrderedDict()

    def table(self, sampler: Sampler, steps: int, *, first_call: int = 0, eta: float = 0.0) -> SamplerTable:
        """See `trace`."""
        key = (sampler.name, steps, first_call, eta)
        if key not in self._kept:
            self._kept[key] = trace(sampler, self.schedule, steps, first_call=first_call, eta=eta)
            if len(self._kept) > self.KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def one_step(self, share: float) -> SamplerTable:
        """See `one_step`."""
        return one_step(self.schedule, share)


def add_noise(schedule: NoiseSchedule, x0: torch.Tensor, noise: torch.Tensor, timestep: int) -> torch.Tensor:
    """The forward process (Ho et al. 2020, equation 4)."""
    noised = diffusers.DDPMScheduler(**schedule.scheduler_config()).add_noise(x0, noise, torch.tensor([timestep]))
    return noised.to(x0.dtype)


def one_step(schedule: NoiseSchedule, share: float) -> SamplerTable:
    """One model call at ``share``, 0..1, of the training's times, whose result is the x0 that the model predicts."""
    timestep = round(share * (schedule.train_steps - 1))
    signal = float(diffusers.DDPMScheduler(**schedule.scheduler_config()).alphas_cumprod[timestep])
    a, b = torch.tensor([signal**0.5]), torch.tensor([(1 - signal) ** 0.5])
    one, none = torch.ones(1), torch.zeros(1)
    of_latent = predicted_x0(schedule.prediction, one, none, (one, a, b))
    of_output = predicted_x0(schedule.prediction, none, one, (one, a, b))
    weights = torch.stack([of_latent, of_output, none], dim=1)[None]
    return SamplerTable(torch.tensor([float(timestep)]), one, weights, (False,), a, b, initial_scale=1.0)


def make_scheduler(
    sampler: Sampler, schedule: NoiseSchedule, steps: int, first_call: int = 0
) -> tuple[Any, torch.Tensor]:
    """The diffusers scheduler set to ``steps``, and its timesteps from model call ``first_call`` on.

    ``first_call`` is a multiple of ``sampler.calls``. Raises `InvalidRequest` for steps that the sampler cannot take.
    """
    if not sampler.fewest_steps <= steps <= sampler.most_steps:
        raise InvalidRequest("steps", steps, f"{sampler.fewest_steps} to {sampler.most_steps} with {sampler.name}")
    scheduler = getattr(diffusers, sampler.scheduler)(**{**schedule.scheduler_config(), **sampler.options})
    if schedule.zero_snr and scheduler.config.get(SPACING) == "leading":  # which never sees the last time
        scheduler = type(scheduler).from_config(scheduler.config, **{SPACING: "trailing"})
    scheduler.set_timesteps(steps)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first_call)
    timesteps = scheduler.timesteps
    if not hasattr(scheduler, "sigmas"):  # rounding gives trailing spacing one more time, -1, for 61 steps and others
        timesteps = timesteps[timesteps >= 0]
    if isinstance(scheduler, diffusers.PNDMScheduler) and first_call:
        return scheduler, _plms_timesteps(timesteps, first_call)
    return scheduler, timesteps[first_call:]


def _plms_timesteps(whole: torch.Tensor, first_call: int) -> torch.Tensor:
    """PLMS takes its first step twice, wherever it begins: in its list [t0, t1, t1, t2, ...] the second time stands
    twice, which its second call relies on. So from t2 on it is called with [t2, t3, t3, ...]."""
    rest = whole[first_call + 1 :]
    return torch.cat([rest[:2], rest[1:]])


def step_options(sampler: Sampler, eta: float, call: int = MOST_STEPS) -> dict[str, Any]:
    """What to pass to the scheduler's ``step`` beside the tensors, at model call ``call`` counted from where it begins,
    which matters where that is in the middle."""
    options = {**sampler.step_options, "eta": eta} if sampler.eta else dict(sampler.step_options)
    if "order" in options:  # a scheduler that is told takes its place in the whole list for how much it remembers
        options["order"] = min(options["order"], call + 1)
    return options


def trace(
    sampler: Sampler, schedule: NoiseSchedule, steps: int, *, first_call: int = 0, eta: float = 0.0
) -> SamplerTable:
    """Runs the scheduler on basis vectors and reads its weights off.

    ``first_call`` > 0 begins in the middle, as image-to-image does: the table of a sampler with memory is then not
    the tail of the whole table, because its memory begins empty. Raises `InvalidRequest` for steps that the sampler
    cannot take.
    """
    scheduler, timesteps = make_scheduler(sampler, schedule, steps, first_call)
    calls = [
        _trace_call(scheduler, timestep, step_options(sampler, eta, call)) for call, timestep in enumerate(timesteps)
    ]
    if not all(torch.isfinite(call.weights).all() for call in calls):
        # strides so wide that roots of rounding are taken
        raise InvalidRequest("steps", steps, f"more of them with {sampler.name} and this model")
    memory = max(call.weights.shape[0] - 1 for call in calls)
    return SamplerTable(
        timesteps=torch.tensor([call.timestep for call in calls], dtype=torch.float32),
        input_scale=torch.tensor([call.input_scale for call in calls], dtype=torch.float32),
        weights=torch.stack([call.padded(memory) for call in calls]).float(),
        draws=tuple(call.draws for call in calls),
        signal=torch.tensor([call.signal for call in calls], dtype=torch.float32),
        noise=torch.tensor([call.noise for call in calls], dtype=torch.float32),
        initial_scale=float(scheduler.init_noise_sigma),
    )


@dataclass(frozen=True)
class _Call:
    """One traced model call; ``weights`` [1 + memory after, WIDTH] float64 over all basis vectors."""

    timestep: float
    input_scale: float
    weights: torch.Tensor
    draws: bool
    signal: float
    noise: float

    def padded(self, memory: int) -> torch.Tensor:
        """[1 + memory, 1 + memory + 2], memory beyond the call's own being zero."""
        kept = torch.cat([self.weights[:, : 1 + memory], self.weights[:, OUTPUT:]], dim=1)
        return torch.cat([kept, kept.new_zeros(1 + memory - len(kept), kept.shape[1])])


def _trace_call(scheduler: Any, timestep: torch.Tensor, options: dict[str, Any]) -> _Call:
    before = _Memory(scheduler)
    before.replace(lambda slot: _basis(LATENT + 1 + slot))
    signal, noise = _forward_coefficients(scheduler, timestep)
    scaled = scheduler.scale_model_input(_basis(LATENT), timestep)
    with _NoiseAsBasis() as drawn:
        latent = scheduler.step(_basis(OUTPUT), timestep, _basis(LATENT), **options).prev_sample
    remembered = _Memory(scheduler).tensors()
    scale = float(scaled[0, LATENT])
    if scale != 1:  # the sampler works on z0 + sigma n, and between its own times only the scale knows sigma
        signal, noise = 1.0, (1 / scale**2 - 1) ** 0.5
    weights = torch.cat([latent.double(), *(tensor.double() for tensor in remembered)])
    return _Call(float(timestep), scale, weights, drawn.count == 1, signal, noise)


def _basis(which: int) -> torch.Tensor:
    vector = torch.zeros(1, WIDTH, dtype=torch.float64)
    vector[0, which] = 1
    return vector


def _forward_coefficients(scheduler: Any, timestep: torch.Tensor) -> tuple[float, float]:
    """A and B of this call, from the scheduler's own ``add_noise``."""
    noised = scheduler.add_noise(_basis(0), _basis(1), timestep.reshape(1))
    return float(noised[0, 0]), float(noised[0, 1])


class _NoiseAsBasis(TorchFunctionMode):
    """While active, a draw of random numbers returns the basis vector that stands for noise."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function in (torch.randn, torch.randn_like):
            self.count += 1
            assert self.count == 1, "a scheduler drew noise twice in one call, which a table has no column for"
            return _basis(NOISE)
        return function(*args, **(kwargs or {}))


class _Memory:
    """The latents that a scheduler object remembers: every attribute, or item of a list, shaped like a basis vector.

    The same tensor in two places is one memory.
    """

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._places: dict[int, list[tuple[str, int | None]]] = {}
        for name, value in vars(scheduler).items():
            if _is_vector(value):
                self._places.setdefault(id(value), []).append((name, None))
            elif isinstance(value, list):
                for index, item in enumerate(value):
                    if _is_vector(item):
                        self._places.setdefault(id(item), []).append((name, index))
        assert len(self._places) <= WIDTH - 3, "a scheduler remembers more than a basis vector has room for"

    def tensors(self) -> list[torch.Tensor]:
        return [self._get(places[0]) for places in self._places.values()]

    def replace(self, make: Callable[[int], torch.Tensor]) -> None:
        """Puts ``make(slot)`` in place of each remembered tensor."""
        for slot, places in enumerate(list(self._places.values())):
            tensor = make(slot)
            for name, index in places:
                if index is None:
                    setattr(self._scheduler, name, tensor)
                else:
                    getattr(self._scheduler, name)[index] = tensor

    def _get(self, place: tuple[str, int | None]) -> torch.Tensor:
        name, index = place
        value = getattr(self._scheduler, name)
        return value if index is None else value[index]


def _is_vector(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.shape == (1, WIDTH)
