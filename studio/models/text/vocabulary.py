"""The words that a pack knows, for packs of a small world: what a prompt says beyond them has no effect that is meant.

Words are written in small letters; Chinese, which writes no spaces, is known by the character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

VOCABULARY_FILE = "vocabulary.txt"  # one word a line
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# A run of Chinese characters; a word with its hyphens and apostrophes, or a number; any other sign that is not
# punctuation, an emoji with what is joined to it, say.
_PIECES = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+(?:[-'’][^\W_{_HAN}]+)*|[^\w\s]+")


def words_of(text: str) -> set[str]:
    """The words, and the single Chinese characters, of ``text``."""
    words: set[str] = set()
    for piece in _pieces(text):
        words.update(piece if _is_han(piece) else [piece])
    return words


def unknown_words(text: str, vocabulary: frozenset[str]) -> tuple[str, ...]:
    """What of ``text`` is not in ``vocabulary``, each once, in the order of the text.

    Unknown Chinese characters that stand together are reported together.
    """
    unknown: dict[str, None] = {}
    for piece in _pieces(text):
        if not _is_han(piece):
            if piece not in vocabulary:
                unknown[piece] = None
            continue
        run = ""
        for character in f"{piece} ":
            if character != " " and character not in vocabulary:
                run += character
            elif run:
                unknown[run], run = None, ""
    return tuple(unknown)


def read_vocabulary(folder: Path) -> frozenset[str] | None:
    """The vocabulary of the pack in ``folder``; None for packs that keep none, whose world has no edge."""
    path = folder / VOCABULARY_FILE
    return frozenset(path.read_text(encoding="utf-8").split()) if path.exists() else None


def write_vocabulary(folder: Path, texts: Iterable[str]) -> None:
    """Keeps every word of ``texts`` as the vocabulary of the pack in ``folder``."""
    words = sorted(set().union(*(words_of(text) for text in texts)))
    (folder / VOCABULARY_FILE).write_text("\n".join(words) + "\n", encoding="utf-8")


def _pieces(text: str) -> Iterator[str]:
    for piece in _PIECES.findall(unicodedata.normalize("NFKC", text).lower()):
        if any(unicodedata.category(character)[0] in "LNS" for character in piece):
            yield piece


def _is_han(piece: str) -> bool:
    return re.match(f"[{_HAN}]", piece) is not None
