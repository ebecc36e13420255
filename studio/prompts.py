"""What a prompt says beside its words: weights, breaks, and LoRAs, in the notation that most people know.

    (red) (red:1.3) [less]    words that count more, by 1.1 or as said, or less, by 1/1.1; they nest
    BREAK                     what follows is read for itself
    <lora:name:0.8>           a LoRA and its scale
    \\( \\) \\[ \\] \\\\          the signs themselves

Nothing in a prompt is an error: what cannot be read as notation is words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

MORE, LESS = 1.1, 1 / 1.1
MOST_WEIGHT = 10.0
MOST_LORAS = 8
KEPT = 256  # prompts that have been read
LONGEST_LORA = 200  # characters of a name
_LORA = re.compile(r"<lora:([^:<>]{1,200})(?::([+-]?\d{0,6}(?:\.\d{0,6})?))?(?::[^<>]{0,200})?>")
_TOKEN = re.compile(
    r"\\[()\[\]\\]|[()\[\]]|:\s*([+-]?\d{0,6}(?:\.\d{0,6})?)\s*\)|\bBREAK\b|[^\\()\[\]:B]+|.", re.DOTALL
)


@dataclass(frozen=True)
class Piece:
    """Words that count ``weight`` times."""

    words: str
    weight: float = 1.0


@dataclass(frozen=True)
class Lora:
    """A LoRA by the name of its file, and how strongly it acts."""

    name: str
    scale: float = 1.0


@dataclass(frozen=True)
class Prompt:
    """``sections`` are read each for itself; ``loras`` act on the whole picture."""

    sections: tuple[tuple[Piece, ...], ...]
    loras: tuple[Lora, ...] = ()

    @property
    def words(self) -> str:
        """The words alone, without notation."""
        return " ".join("".join(piece.words for piece in section).strip() for section in self.sections).strip()


@lru_cache(maxsize=KEPT)
def read_prompt(text: str) -> Prompt:
    """Never fails."""
    plain, loras = _without_loras(text)
    return Prompt(tuple(_sections(plain)), loras)


def _without_loras(text: str) -> tuple[str, tuple[Lora, ...]]:
    """The text without its LoRAs, and these; of one that is named twice, the scales add up."""
    scales: dict[str, float] = {}
    for match in _LORA.finditer(text):
        name = match[1].strip()
        scales[name] = scales.get(name, 0.0) + _number(match[2], 1.0)
    found = tuple(Lora(name, max(-MOST_WEIGHT, min(MOST_WEIGHT, scale))) for name, scale in scales.items())
    return _LORA.sub("", text), found[:MOST_LORAS]


def _sections(text: str) -> list[tuple[Piece, ...]]:
    tokens = list(_TOKEN.finditer(text))
    factors, ends = _brackets(tokens)
    sections: list[list[Piece]] = [[]]
    weights = [1.0]  # of everything inside so many brackets
    for at, match in enumerate(tokens):
        token = match[0]
        if at in factors:
            weights.append(weights[-1] * factors[at])
        elif at in ends:
            weights.pop()
        elif token == "BREAK":
            sections.append([])
        else:
            words = token[1:] if len(token) == 2 and token[0] == "\\" else token
            weight = max(-MOST_WEIGHT, min(MOST_WEIGHT, weights[-1]))
            sections[-1].append(Piece(words, weight))
    return [_merged(section) for section in sections]


def _brackets(tokens: Sequence[re.Match[str]]) -> tuple[dict[int, float], set[int]]:
    """What each token that opens a bracket multiplies by, and which tokens close one; all others are words."""
    opened: list[int] = []
    factors: dict[int, float] = {}
    ends: set[int] = set()
    for at, match in enumerate(tokens):
        token = match[0]
        if token in ("(", "["):
            opened.append(at)
        elif token in (")", "]") or (token[0] == ":" and match[1]):
            bracket = "[" if token == "]" else "("
            if opened and tokens[opened[-1]][0] == bracket:
                factors[opened.pop()] = {")": MORE, "]": LESS}.get(token) or _number(match[1], 1.0)
                ends.add(at)
    for at in opened:  # what was never closed counts to the end
        factors[at] = MORE if tokens[at][0] == "(" else LESS
    return factors, ends


def _merged(section: list[Piece]) -> tuple[Piece, ...]:
    """Neighbours of one weight as one piece, so that words are not torn apart where nothing is weighed."""
    merged: list[Piece] = []
    for piece in section:
        if merged and merged[-1].weight == piece.weight:
            merged[-1] = Piece(merged[-1].words + piece.words, piece.weight)
        else:
            merged.append(piece)
    return tuple(merged)


def _number(text: str | None, usual: float) -> float:
    try:
        return float(text) if text else usual
    except ValueError:
        return usual
