"""From words to what a U-Net attends to: one text encoder or several, each with its tokenizer.

A prompt of any length is read in chunks of what the encoder takes at once, one after the other along the tokens'
axis. Words that count more or less (`studio.prompts`) are moved away from, or towards, what the encoder says at their
place of a prompt without words: ``empty + weight * (said - empty)``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

import torch

from studio.models.text.embeddings import spelled
from studio.prompts import Prompt, read_prompt

KEPT_PROMPTS = 512
MOST_CHUNKS = 6

Layer: TypeAlias = Literal["last", "penultimate"]
Key = TypeVar("Key", bound=Hashable)


class Encoded(NamedTuple):
    """text [tokens, width] and, of encoders that have such a thing, pooled [width] of the whole; float32."""

    text: torch.Tensor
    pooled: torch.Tensor | None


class _Chunk(NamedTuple):
    """What an encoder reads at once: ``tokens`` without begin and end, and the weight of each."""

    tokens: tuple[int, ...]
    weights: tuple[float, ...]


def keep_latest(kept: OrderedDict[Key, Encoded], key: Key, encode: Callable[[], Encoded], most: int) -> Encoded:
    """What ``kept`` has under ``key``, or what ``encode`` makes now; the ``most`` that were asked for last stay."""
    if key not in kept:
        kept[key] = encode()
        if len(kept) > most:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


class TextReader(Protocol):
    """What is asked of a model's text encoders, however many they are."""

    @property
    def networks(self) -> tuple[Any, ...]:
        """The encoders; none where a model reads no words."""

    @property
    def can_skip(self) -> bool:
        """Whether last layers can be left out."""

    def chunks(self, prompt: str) -> int:
        """How many chunks ``prompt`` is read in."""

    def cuts(self, prompt: str) -> bool:
        """Whether ``prompt`` is so long that its end is not read."""

    def encode(self, prompt: str, *, chunks: int = 1, skip: int = 0, state: object = None) -> Encoded:
        """On the encoders' device, of at least ``chunks`` chunks, the last ``skip`` layers left out; ``state`` names
        whatever has been put on the encoders."""


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """A ``model`` of transformers that reads text, with any ``tokenizer`` of it.

    layer: what denoisers take of it: its last hidden states behind its last norm (Stable Diffusion 1 and 2), or those
           of the last layer but one, as they are (SDXL, Podell et al. 2023, section 2.1)
    words: what words of one's own are written as (`studio.models.text.embeddings`)
    """

    model: Any
    tokenizer: Any
    layer: Layer = "last"
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def can_skip(self) -> bool:
        """Whether layers can be left out."""
        return self.layer == "penultimate" or hasattr(getattr(self.model, "text_model", self.model), "final_layer_norm")

    @property
    def length(self) -> int:
        """How many tokens it reads at once, the begin and the end among them."""
        return int(min(self.tokenizer.model_max_length, self.model.config.max_position_embeddings))

    def chunks(self, prompt: Prompt) -> list[_Chunk]:
        """At least one."""
        chunks, room = [], self.length - 2
        for section in prompt.sections:
            tokens: list[int] = []
            weights: list[float] = []
            for piece in section:
                text = spelled(piece.words, self.words)
                ids = self.tokenizer(text, add_special_tokens=False, verbose=False).input_ids
                tokens += ids
                weights += [piece.weight] * len(ids)
            for begin in range(0, max(1, len(tokens)), room):
                chunks.append(_Chunk(tuple(tokens[begin : begin + room]), tuple(weights[begin : begin + room])))
        return chunks

    def encode(self, chunks: Sequence[_Chunk], skip: int) -> Encoded:
        """All ``chunks``, one after the other; ``skip`` of the last layers are left out."""
        text, pooled = self._run([self._framed(chunk) for chunk in chunks], skip)
        weights = torch.ones(text.shape[:2])
        for row, chunk in enumerate(chunks):
            weights[row, 1 : 1 + len(chunk.weights)] = torch.tensor(chunk.weights)
        if (weights != 1).any():
            empty, _ = self._run([self._framed(_Chunk((), ()))], skip)
            weight = weights[:, :, None].to(text.device)
            text = torch.where(weight == 1, text, empty + weight * (text - empty))
        return Encoded(text.flatten(0, 1), None if pooled is None else pooled[0])

    def tokens(self, texts: Sequence[str]) -> torch.Tensor:
        """Plain texts, int64 [B, length] on the model's device, cut or padded."""
        found = self.tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self.length, return_tensors="pt"
        )
        return found.input_ids.to(self.model.device)

    def _framed(self, chunk: _Chunk) -> list[int]:
        """With begin, end and padding; the tokens stand from place 1 on."""
        begin, end = self.tokenizer("").input_ids
        framed = [begin, *chunk.tokens, end]
        return framed + [self.tokenizer.pad_token_id] * (self.length - len(framed))

    def _run(self, ids: Sequence[Sequence[int]], skip: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """B rows of ``length`` ids -> [B, length, width] and [B, width] or None, float32."""
        behind = skip + (2 if self.layer == "penultimate" else 1)
        with torch.inference_mode():
            said = self.model(torch.tensor(ids, device=self.model.device), output_hidden_states=behind > 1)
            if behind == 1:
                hidden = said.last_hidden_state
            else:
                hidden = said.hidden_states[-min(behind, len(said.hidden_states))]
                if self.layer == "last":
                    hidden = getattr(self.model, "text_model", self.model).final_layer_norm(hidden)
        pooled = getattr(said, "text_embeds", None)
        return hidden.float(), None if pooled is None else pooled.float()


@dataclass(frozen=True, eq=False)
class TextEncoders:
    """The ``towers`` whose outputs lie side by side in what the U-Net attends to; the last one's pooled output is the
    whole's. With ``empty_is_zero``, a prompt without words is zeros, as some denoisers were trained."""

    towers: tuple[TextEncoder, ...]
    empty_is_zero: bool = False
    _kept: OrderedDict[tuple[Prompt, int, int, object], Encoded] = field(default_factory=OrderedDict)

    @property
    def networks(self) -> tuple[Any, ...]:
        return tuple(tower.model for tower in self.towers)

    @property
    def can_skip(self) -> bool:
        return all(tower.can_skip for tower in self.towers)

    def chunks(self, prompt: str) -> int:
        """How many chunks ``prompt`` is read in, 1..MOST_CHUNKS."""
        read = read_prompt(prompt)
        return min(MOST_CHUNKS, max(len(tower.chunks(read)) for tower in self.towers))

    def cuts(self, prompt: str) -> bool:
        """Whether ``prompt`` is so long that its end is not read."""
        read = read_prompt(prompt)
        return any(len(tower.chunks(read)) > MOST_CHUNKS for tower in self.towers)

    def encode(self, prompt: str, *, chunks: int = 1, skip: int = 0, state: object = None) -> Encoded:
        """[tokens, width] float32 on the models' device, of at least ``chunks`` chunks; with the last ``skip`` layers
        left out. ``state`` names whatever has been put on the models. Cached."""
        read = read_prompt(prompt)
        key = (Prompt(read.sections), chunks, skip, state)
        count = max(chunks, self.chunks(prompt))
        return keep_latest(self._kept, key, lambda: self._encode(read, count, skip), KEPT_PROMPTS)

    def _encode(self, prompt: Prompt, count: int, skip: int) -> Encoded:
        said = []
        for tower in self.towers:
            own = tower.chunks(prompt)[:MOST_CHUNKS]
            said.append(tower.encode([*own, *[_Chunk((), ())] * (count - len(own))], skip))
        text, pooled = torch.cat([each.text for each in said], dim=-1), said[-1].pooled
        if self.empty_is_zero and not prompt.words:
            return Encoded(torch.zeros_like(text), None if pooled is None else torch.zeros_like(pooled))
        return Encoded(text, pooled)
