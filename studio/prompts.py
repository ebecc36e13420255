"""What a prompt says beside its words: weights, breaks, and LoRAs, in the notation that most people know.

    (red) (red:1.3) [less]    words that count more, by 1.1 or as said, or less, by 1/1.1; they nest
    BREAK                     what follows is read for itself
    <lora:name:0.8>           a LoRA and its scale
    \\( \\) \\[ \\] \\\\          the signs themselves

Nothing in a prompt is an error: what cannot be read as notation is words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MORE, LESS = 1.1, 1 / 1.1
MOST_WEIGHT = 10.0
MOST_LORAS = 8
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
    sections: list[list[Piece]] = [[]]
    opened: list[tuple[str, int, int]] = []  # bracket, and the section and piece that it stands before
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "([" and token:
            opened.append((token, len(sections) - 1, len(sections[-1])))
        elif token == "BREAK":
            sections.append([])
        elif token in (")", "]") or (token.startswith(":") and token.endswith(")") and match[1]):
            factor = {")": MORE, "]": LESS}.get(token) or _number(match[1], 1.0)
            bracket = "[" if token == "]" else "("
            if opened and opened[-1][0] == bracket:
                _, section, piece = opened.pop()
                _weigh(sections, section, piece, factor)
            else:
                sections[-1].append(Piece(token))
        else:
            sections[-1].append(Piece(token[1:] if len(token) == 2 and token[0] == "\\" else token))
    for bracket, section, piece in reversed(opened):  # what was never closed counts to the end
        _weigh(sections, section, piece, MORE if bracket == "(" else LESS)
    return [_merged(section) for section in sections]


def _weigh(sections: list[list[Piece]], section: int, piece: int, factor: float) -> None:
    """Multiplies all weights from a piece of a section on."""
    for at in range(section, len(sections)):
        begin = piece if at == section else 0
        sections[at][begin:] = [
            Piece(each.words, max(-MOST_WEIGHT, min(MOST_WEIGHT, each.weight * factor)))
            for each in sections[at][begin:]
        ]


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
