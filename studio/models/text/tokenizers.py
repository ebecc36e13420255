"""Tokenizers: CLIP's own, made of its merges that ship with the studio, and whatever lies in a pack's folder."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, CLIPTokenizer

from studio.models.families.stable_diffusion.original import CONFIGURATIONS
from studio.models.weights.folder import read_json
from studio.models.weights.inspection import refusal_of

MERGES = CONFIGURATIONS / "clip_merges.txt.gz"
LONGEST_PROMPT = 77
BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in ``folder``, of any kind that transformers knows. Raises `PackError`."""
    try:
        return _clip_in(folder) or AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise refusal_of(folder, error) from None


def _clip_in(folder: Path) -> CLIPTokenizer | None:
    """A tokenizer of CLIP's kind, made here: transformers' way to load one keeps all other threads waiting for a
    quarter of a second, several steps of a small model. None for other kinds, and those with words of their own."""
    settings = read_json(folder / "tokenizer_config.json")
    if settings.get("tokenizer_class") not in ("CLIPTokenizer", "CLIPTokenizerFast"):
        return None
    whole = folder / "tokenizer.json"
    if whole.is_file():
        stored = json.loads(whole.read_text(encoding="utf-8"))
        if {each["content"] for each in stored["added_tokens"]} - {BEGIN, END, "!"}:
            return None
        vocabulary, merges = stored["model"]["vocab"], stored["model"]["merges"]
    else:
        vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
        merges = [line for line in lines if line and not line.startswith("#version")]
    if BEGIN not in vocabulary or END not in vocabulary:
        return None
    padding = settings.get("pad_token", END)
    padding = padding["content"] if isinstance(padding, dict) else padding
    return _clip(vocabulary, merges, str(padding), int(settings.get("model_max_length", LONGEST_PROMPT)))


def clip_tokenizer(padding: int) -> CLIPTokenizer:
    """The one that CLIP was published with, which pads with the token of that number."""
    merges = gzip.decompress(MERGES.read_bytes()).decode("utf-8").split("\n")[:-1]
    letters = _letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(merge.replace(" ", "") for merge in merges)]
    tokens += [BEGIN, END]
    return _clip({token: number for number, token in enumerate(tokens)}, merges, tokens[padding], LONGEST_PROMPT)


def _clip(
    vocabulary: Mapping[str, int], merges: Sequence[str | Sequence[str]], padding: str, longest: int
) -> CLIPTokenizer:
    pairs = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in merges]
    return CLIPTokenizer(vocab=dict(vocabulary), merges=pairs, pad_token=padding, model_max_length=longest)


def _letters() -> list[str]:
    """A printable character for each byte, in the order of CLIP's vocabulary: those that are printable in Latin-1 stand
    for themselves, the others come behind with characters from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = 256 - len(printable)
    return [*map(chr, printable), *(chr(256 + number) for number in range(others))]
