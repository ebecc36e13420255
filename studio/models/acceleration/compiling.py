"""Denoisers compiled for a few numbers of inputs, for GPUs above all: `torch.compile` makes a program for each shape.

A call holds as many inputs as there are rows, so it is filled up to the next of a few sizes (buckets) with copies of
its last input, and what is said of the copies is thrown away. A shape is compiled in a thread beside the step loop when
it is first seen, which takes up to a minute; until then, and for whatever cannot be compiled, the model is called as it
is. What has been compiled stays in torch's cache on disk. Its sums round differently, so that it is for FAST alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch

from studio.models.adapters.ip_adapter import ImagePrompts
from studio.models.conditioning import ConditioningBatch, Predict

logger = logging.getLogger(__name__)

BUCKETS = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
MOST_SHAPES = 64  # that are compiled; torch gives up on a model after eight unless it is told otherwise


def bucket_of(count: int) -> int | None:
    """The smallest bucket that holds ``count`` inputs; None where there is none."""
    return next((bucket for bucket in BUCKETS if count <= bucket), None)


def filled_up(conditioning: ConditioningBatch, count: int) -> ConditioningBatch:
    """``count`` inputs, the last of them copies. Not for calls with boxes."""
    image = conditioning.image and ImagePrompts(*(_filled_up(part, count) for part in conditioning.image))
    named = {part.name: getattr(conditioning, part.name) for part in fields(conditioning)}
    parts: dict[str, Any] = {
        name: _filled_up(part, count) for name, part in named.items() if isinstance(part, torch.Tensor)
    }
    return replace(conditioning, image=image, **parts)


def _filled_up(part: torch.Tensor, count: int) -> torch.Tensor:
    return torch.cat([part, part[-1:].expand(count - len(part), *part.shape[1:])])


def _compile(model: Any) -> Any:
    import torch._dynamo.config as dynamo  # not before somebody asks for it: it takes a second

    dynamo.recompile_limit = max(dynamo.recompile_limit, MOST_SHAPES)
    return torch.compile(model, dynamic=False)


@dataclass(eq=False)
class Compiled:
    """Does what ``predict`` does. Calls with boxes, whose gates are open for any number of inputs, and all calls once
    somebody has put a LoRA on, which changes the model, are left to ``predict``."""

    predict: Predict
    compile: Callable[[Any], Any] = _compile
    _compiled: Any = None
    _shapes: dict[Hashable, Future[bool]] = field(default_factory=dict)
    _beside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "compiling"))

    def __call__(
        self, model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
    ) -> torch.Tensor:
        count, bucket = len(latents), bucket_of(len(latents))
        if bucket is None or conditioning.layout is not None or getattr(model, "had_loras", False):
            return self.predict(model, latents, timesteps, conditioning)
        inputs = _filled_up(latents, bucket), _filled_up(timesteps, bucket), filled_up(conditioning, bucket)
        if not self._is_ready(model, *inputs):
            return self.predict(model, latents, timesteps, conditioning)
        return self.predict(self._compiled, *inputs)[:count]

    def _is_ready(
        self, model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
    ) -> bool:
        """Whether such a call is compiled already; otherwise it soon will be."""
        parts = [(part.name, getattr(conditioning, part.name) is not None) for part in fields(conditioning)]
        shape = latents.shape, conditioning.text.shape, tuple(parts)
        if shape not in self._shapes and len(self._shapes) < MOST_SHAPES:
            self._shapes[shape] = self._beside.submit(self._try, model, latents, timesteps, conditioning)
        found = self._shapes.get(shape)
        return found is not None and found.done() and found.result()

    def _try(self, model: Any, *inputs: Any) -> bool:
        """Compiles by calling; whether that worked."""
        try:
            if self._compiled is None:
                self._compiled = self.compile(model)
            with torch.inference_mode():
                self.predict(self._compiled, *inputs)
        except Exception:
            logger.exception("a denoiser cannot be compiled, and is called as it is")
            return False
        return True
