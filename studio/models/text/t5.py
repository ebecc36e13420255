"""T5's encoder (Raffel et al. 2020), as denoisers read it: padded to one length, and nothing masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from studio.prompts import Prompt


@dataclass(frozen=True, eq=False)
class T5TextEncoder:
    """A ``model`` of transformers with its ``tokenizer``; it reads ``length`` tokens, the end among them."""

    model: Any
    tokenizer: Any
    length: int

    def cuts(self, prompt: Prompt) -> bool:
        """Whether ``prompt`` is so long that its end is not read."""
        return len(self._tokens(prompt)[0]) > self.length - 1

    def encode(self, prompt: Prompt) -> torch.Tensor:
        """[length, width] float32. Words that count more or less are moved away from, or towards, what is said at their
        place of an empty prompt, as in `studio.models.text.encoders`."""
        tokens, weights = self._tokens(prompt)
        text = self._run(tokens)
        weight = torch.ones(self.length, 1, device=text.device)
        weight[: min(len(weights), self.length - 1), 0] = torch.tensor(weights[: self.length - 1], device=text.device)
        if (weight == 1).all():
            return text
        empty = self._run([])
        return torch.where(weight == 1, text, empty + weight * (text - empty))

    def _tokens(self, prompt: Prompt) -> tuple[list[int], list[float]]:
        """Those of all words, without the end, and the weight of each."""
        tokens: list[int] = []
        weights: list[float] = []
        for piece in (piece for section in prompt.sections for piece in section):
            ids = self.tokenizer(piece.words, add_special_tokens=False, verbose=False).input_ids
            tokens += ids
            weights += [piece.weight] * len(ids)
        return tokens, weights

    def _run(self, tokens: list[int]) -> torch.Tensor:
        framed = [*tokens[: self.length - 1], self.tokenizer.eos_token_id]
        framed += [self.tokenizer.pad_token_id] * (self.length - len(framed))
        with torch.inference_mode():
            said: torch.Tensor = self.model(torch.tensor([framed], device=self.model.device)).last_hidden_state[0]
        return said.float()
