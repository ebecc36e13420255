"""Words that a small world lacks, and the nearest that it has: what a prompt says is read in these instead, and whoever
asked is told so.

A thesaurus is a file beside a pack's vocabulary: a line for each word, ``hut = house``. A line counts where the pack
does not know the first and knows all of the second, so that one file serves worlds that grow. Chinese, which writes no
spaces, is looked for anywhere in the text, the longest words first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from studio.models.text.vocabulary import unknown_words

THESAURUS_FILE = "thesaurus.txt"
LONGEST_LINE = 200
_LORA = r"<[^<>]*>"  # the name of a LoRA is no word


class Thesaurus:
    """``nearest`` maps words in small letters to words that are known."""

    def __init__(self, nearest: Mapping[str, str]) -> None:
        self._nearest = dict(nearest)
        spaced = sorted((word for word in nearest if word.isascii() or _is_spaced(word)), key=len, reverse=True)
        joined = sorted((word for word in nearest if not (word.isascii() or _is_spaced(word))), key=len, reverse=True)
        kinds = [_LORA]
        if spaced:
            kinds.append(rf"(?<![\w-])(?:{'|'.join(map(re.escape, spaced))})(?![\w-])")
        if joined:
            kinds.append("|".join(map(re.escape, joined)))
        self._pattern = re.compile("|".join(kinds), re.IGNORECASE)

    def read(self, text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        """``text`` in words that are known, as far as there are any, and which stand for which, each pair once."""
        replaced: dict[tuple[str, str], None] = {}

        def nearest(match: re.Match[str]) -> str:
            word = match[0].lower()
            if word not in self._nearest:  # a LoRA
                return match[0]
            replaced[word, self._nearest[word]] = None
            return self._nearest[word]

        return self._pattern.sub(nearest, text), tuple(replaced)


def read_thesaurus(folder: Path, vocabulary: frozenset[str] | None) -> Thesaurus | None:
    """That of the pack in ``folder`` which knows ``vocabulary``; None where it has none, or knows every word."""
    path = folder / THESAURUS_FILE
    if vocabulary is None or not path.is_file():
        return None
    nearest = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, known = (part.strip().lower() for part in line[:LONGEST_LINE].partition("="))
        is_needed = bool(word) and bool(known) and not word.startswith("#") and unknown_words(word, vocabulary)
        if is_needed and not unknown_words(known, vocabulary):
            nearest[word] = known
    return Thesaurus(nearest) if nearest else None


def _is_spaced(word: str) -> bool:
    """Whether ``word`` is of a script that writes spaces."""
    return not re.search(r"[぀-ヿ㐀-鿿豈-﫿]", word)
