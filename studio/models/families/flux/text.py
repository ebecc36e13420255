"""What FLUX.1 reads: T5's tokens, and what CLIP says of the whole."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import torch

from studio.models.text.encoders import Encoded, keep_latest
from studio.models.text.t5 import T5TextEncoder
from studio.prompts import read_prompt

KEPT_PROMPTS = 32  # of two megabytes each at the published size


@dataclass(frozen=True, eq=False)
class FluxText:
    """``clip`` is transformers' `CLIPTextModel`, of whose first chunk the pooled output is taken."""

    clip: Any
    tokenizer: Any
    t5: T5TextEncoder
    _kept: OrderedDict[tuple[str, object], Encoded] = field(default_factory=OrderedDict)

    @property
    def networks(self) -> tuple[Any, ...]:
        return self.clip, self.t5.model

    @property
    def can_skip(self) -> bool:
        return False

    def chunks(self, prompt: str) -> int:
        return 1

    def cuts(self, prompt: str) -> bool:
        return self.t5.cuts(read_prompt(prompt))

    def encode(self, prompt: str, *, chunks: int = 1, skip: int = 0, state: object = None) -> Encoded:
        return keep_latest(self._kept, (prompt, state), lambda: self._encode(prompt), KEPT_PROMPTS)

    def _encode(self, prompt: str) -> Encoded:
        read = read_prompt(prompt)
        length = self.tokenizer.model_max_length
        tokens = self.tokenizer(
            read.words, padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        ).input_ids
        with torch.inference_mode():
            pooled = self.clip(tokens.to(self.clip.device)).pooler_output[0].float()
        return Encoded(self.t5.encode(read), pooled)
