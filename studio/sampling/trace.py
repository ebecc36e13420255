"""Traces a diffusers scheduler into a table of coefficients.

A scheduler is linear in what it is given: the next latent is a weighted sum of the current latent, the model's
output, what it remembers, and fresh noise. So the real scheduler is run once on *basis vectors* in place of
images, and what comes back is the row of weights. There is no sampler mathematics here to get wrong.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from studio.errors import InvalidRequest
from studio.sampling.catalogue import MOST_STEPS, Sampler
from studio.sampling.process import Coefficients, Process, find_prediction
from studio.sampling.table import SamplerTable

WIDTH = 16  # of a basis vector: latent, output, noise and at most WIDTH - 3 remembered vectors
LATENT, OUTPUT, NOISE = 0, WIDTH - 2, WIDTH - 1  # which basis vector stands for what; memory lies between


class Tables:
    """Traces on demand and remembers the last few hundred tables; one for each denoiser's process."""

    KEPT = 256

    def __init__(self, process: Process) -> None:
        self.process = process
        self._kept: OrderedDict[Hashable, SamplerTable] = OrderedDict()

    def table(
        self, sampler: Sampler, steps: int, *, first_call: int = 0, eta: float = 0.0, tokens: int = 0
    ) -> SamplerTable:
        """See `trace`."""
        key = (sampler.name, steps, first_call, eta, self.process.key(steps, tokens))
        if key not in self._kept:
            self._kept[key] = trace(sampler, self.process, steps, first_call=first_call, eta=eta, tokens=tokens)
            if len(self._kept) > self.KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def one_step(self, share: float) -> SamplerTable:
        """See `one_step`."""
        return one_step(self.process, share)


def one_step(process: Process, share: float) -> SamplerTable:
    """One model call at ``share``, 0..1, of the training's times, whose result is the x0 that the model predicts."""
    timestep, (_, signal, noise) = process.at(share)
    a, b = torch.tensor([signal]), torch.tensor([noise])
    one, none = torch.ones(1), torch.zeros(1)
    x0, at = find_prediction(process.prediction), Coefficients(one, a, b)
    weights = torch.stack([x0(one, none, at), x0(none, one, at), none], dim=1)[None]
    return SamplerTable(torch.tensor([timestep]), one, weights, (False,), a, b, initial_scale=1.0)


def step_options(sampler: Sampler, eta: float, call: int = MOST_STEPS) -> dict[str, Any]:
    """What to pass to the scheduler's ``step`` beside the tensors, at model call ``call`` counted from where it begins,
    which matters where that is in the middle."""
    options = {**sampler.step_options, "eta": eta} if sampler.eta else dict(sampler.step_options)
    if "order" in options:  # else its place in the whole list would count as how much it remembers
        options["order"] = min(options["order"], call + 1)
    return options


def trace(
    sampler: Sampler, process: Process, steps: int, *, first_call: int = 0, eta: float = 0.0, tokens: int = 0
) -> SamplerTable:
    """Runs the scheduler on basis vectors and reads its weights off.

    ``first_call`` > 0 begins in the middle, as image-to-image does: the table of a sampler with memory is then not
    the tail of the whole table, because its memory begins empty. ``tokens`` are those that the model sees of a picture.
    Raises `InvalidRequest` for a sampler that cannot draw with this ``process``, or steps that it cannot take.
    """
    scheduler, timesteps = process.make_scheduler(sampler, steps, first_call, tokens)
    calls = []
    for place, timestep in enumerate(timesteps):
        options, at = step_options(sampler, eta, place), process.coefficients(scheduler, timestep, first_call + place)
        calls.append(_trace_call(scheduler, timestep, options, at))
    if not all(torch.isfinite(call.weights).all() for call in calls):
        # strides so wide that roots of rounding are taken
        raise InvalidRequest("steps", steps, "more of them with {sampler} and this model", sampler=sampler.name)
    memory = max(call.weights.shape[0] - 1 for call in calls)
    return SamplerTable(
        timesteps=torch.tensor([call.timestep for call in calls], dtype=torch.float32),
        input_scale=torch.tensor([call.at.input_scale for call in calls], dtype=torch.float32),
        weights=torch.stack([call.padded(memory) for call in calls]).float(),
        draws=tuple(call.draws for call in calls),
        signal=torch.tensor([call.at.signal for call in calls], dtype=torch.float32),
        noise=torch.tensor([call.at.noise for call in calls], dtype=torch.float32),
        initial_scale=process.initial_scale(scheduler),
    )


@dataclass(frozen=True)
class _Call:
    """One traced model call; ``weights`` [1 + memory after, WIDTH] float64 over all basis vectors."""

    timestep: float
    at: Coefficients
    weights: torch.Tensor
    draws: bool

    def padded(self, memory: int) -> torch.Tensor:
        """[1 + memory, 1 + memory + 2], memory beyond the call's own being zero."""
        kept = torch.cat([self.weights[:, : 1 + memory], self.weights[:, OUTPUT:]], dim=1)
        return torch.cat([kept, kept.new_zeros(1 + memory - len(kept), kept.shape[1])])


def _trace_call(scheduler: Any, timestep: torch.Tensor, options: dict[str, Any], at: Coefficients) -> _Call:
    before = _Memory(scheduler)
    before.replace(lambda slot: _basis(LATENT + 1 + slot))
    with _NoiseAsBasis() as drawn:
        latent = scheduler.step(_basis(OUTPUT), timestep, _basis(LATENT), **options).prev_sample
    remembered = _Memory(scheduler).tensors()
    weights = torch.cat([latent.double(), *(tensor.double() for tensor in remembered)])
    return _Call(float(timestep), at, weights, drawn.count == 1)


def _basis(which: int) -> torch.Tensor:
    vector = torch.zeros(1, WIDTH, dtype=torch.float64)
    vector[0, which] = 1
    return vector


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
