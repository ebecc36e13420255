"""What a prompt says beside its words: weights, breaks, and LoRAs, in the notation that most people know.

    (red) (red:1.3) [less]    words that count more, by 1.1 or as said, or less, by 1/1.1; they nest
    BREAK                     what follows is read for itself
    <lora:name:0.8>           a LoRA and its scale; <lora:name:0.5:0.8> and <lora:name:te=0.5:unet=0.8> give that of the
                              text encoders' layers and that of the U-Net's
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
_LORA = re.compile(r"<(?:lora|lyco):([^<>]{1,400})>", re.IGNORECASE)
_SCALE = re.compile(  # a decimal comma counts, too
    r"(?:(?P<of>te|unet)\s*=\s*)?(?P<number>[+-]?(?:\d{1,20}(?:[.,]\d{0,20})?|[.,]\d{1,20})(?:e[+-]?\d{1,3})?)?",
    re.IGNORECASE,
)
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
    """A LoRA by the name of its file, and how strongly it acts; ``text_scale`` on the text encoders, where that is not
    as on the denoiser."""

    name: str
    scale: float = 1.0
    text_scale: float | None = None


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
    scales: dict[str, tuple[float, float]] = {}

    def take(match: re.Match[str]) -> str:
        name, *scale = _named_lora(match[1])
        if not name:
            return match[0]
        before = scales.get(name, (0.0, 0.0))
        scales[name] = _bounded(before[0] + scale[0]), _bounded(before[1] + scale[1])
        return ""

    plain = _LORA.sub(take, text)
    found = [Lora(name, unet, None if text == unet else text) for name, (unet, text) in scales.items()]
    return plain, tuple(found[:MOST_LORAS])


def _named_lora(said: str) -> tuple[str, float, float]:
    """The name in ``said``, and its scales on U-Net and text encoders. A name may hold colons: what is no scale belongs
    to it, so that nobody's setting is passed over in silence."""
    name = said
    scales: list[re.Match[str]] = []
    while len(scales) < 2 and ":" in name and (match := _SCALE.fullmatch(name.rpartition(":")[2].strip())):
        scales.insert(0, match)
        name = name.rpartition(":")[0]
    plain = [_number(match["number"], 1.0) for match in scales if not match["of"]]
    named = {match["of"].casefold(): _number(match["number"], 1.0) for match in scales if match["of"]}
    text = named.get("te", plain[0] if plain else 1.0)
    return name.strip(), _bounded(named.get("unet", plain[1] if len(plain) > 1 else text)), _bounded(text)


def _bounded(weight: float) -> float:
    return max(-MOST_WEIGHT, min(MOST_WEIGHT, weight))


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
            sections[-1].append(Piece(words, _bounded(weights[-1])))
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
        return float(text.replace(",", ".")) if text else usual
    except ValueError:
        return usual
