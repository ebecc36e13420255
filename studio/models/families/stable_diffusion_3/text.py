"""What Stable Diffusion 3 reads: two CLIP encoders side by side, and T5 behind them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional as F

from studio.models.text.encoders import Encoded, TextEncoder, keep_latest
from studio.models.text.t5 import T5TextEncoder
from studio.prompts import Prompt, read_prompt

KEPT_PROMPTS = 64  # of five megabytes each at the published size


@dataclass(frozen=True, eq=False)
class StableDiffusion3Text:
    """``towers`` are the CLIP encoders, whose first chunk is read; ``width`` is what the transformer attends to, and
    ``length`` how many tokens of T5. Without ``t5``, which takes most of the memory, zeros stand in for it, as the
    model was trained."""

    towers: tuple[TextEncoder, TextEncoder]
    t5: T5TextEncoder | None
    width: int
    length: int
    _kept: OrderedDict[tuple[str, int, object], Encoded] = field(default_factory=OrderedDict)

    @property
    def networks(self) -> tuple[Any, ...]:
        return (*(tower.model for tower in self.towers), *([] if self.t5 is None else [self.t5.model]))

    @property
    def can_skip(self) -> bool:
        return True

    def chunks(self, prompt: str) -> int:
        return 1

    def cuts(self, prompt: str) -> bool:
        read = read_prompt(prompt)
        if self.t5 is not None:
            return self.t5.cuts(read)
        return any(len(tower.chunks(read)) > 1 for tower in self.towers)

    def encode(self, prompt: str, *, chunks: int = 1, skip: int = 0, state: object = None) -> Encoded:
        return keep_latest(
            self._kept, (prompt, skip, state), lambda: self._encode(read_prompt(prompt), skip), KEPT_PROMPTS
        )

    def _encode(self, prompt: Prompt, skip: int) -> Encoded:
        said = [tower.encode(tower.chunks(prompt)[:1], skip) for tower in self.towers]
        clip = torch.cat([each.text for each in said], dim=-1)
        clip = F.pad(clip, (0, self.width - clip.shape[-1]))
        t5 = clip.new_zeros(self.length, self.width) if self.t5 is None else self.t5.encode(prompt)
        pooled = [each.pooled for each in said if each.pooled is not None]
        return Encoded(torch.cat([clip, t5]), torch.cat(pooled))
