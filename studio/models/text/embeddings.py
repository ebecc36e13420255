"""Textual inversion (Gal et al. 2023): words of one's own, each a file with the vectors that stand for it.

The name of the file is the word. It is put into the tokenizer as tokens of its own, and their vectors below those of
the text encoder; a file whose vectors have another width is for other models, and is left alone.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import AddedToken

from studio.models.weights.files import weights_in
from studio.models.weights.inspection import check_tensors, first_line

logger = logging.getLogger(__name__)

MOST_VECTORS = 75  # of a word: more than a prompt has room for
LEGACY_END = 2  # old configurations name a wrong end, and the encoder then takes the highest token for it


def read_embeddings(folder: Path) -> dict[str, list[torch.Tensor]]:
    """The words in ``folder`` and their vectors, [n, width] for each width; a damaged file is left out, and logged."""
    words = {}
    for file in weights_in(folder):
        try:
            check_tensors(file)
            vectors = [_as_rows(value.float()) for value in load_file(file).values()]
            words[file.stem] = [each for each in vectors if each.numel() and torch.isfinite(each).all()]
        except Exception as error:  # whatever is wrong with it, the packs can do without
            logger.warning("the word %s cannot be read: %s", file.stem, first_line(error))
    return words


def _as_rows(value: torch.Tensor) -> torch.Tensor:
    rows = value[None] if value.ndim == 1 else value
    return rows if rows.ndim == 2 and len(rows) <= MOST_VECTORS else rows.new_zeros(0, 1)


def teach(model: Any, tokenizer: Any, words: Mapping[str, list[torch.Tensor]]) -> dict[str, str]:
    """Gives a text encoder those of ``words`` that have its width. Returns what each is written as from now on."""
    width, written = getattr(model.config, "hidden_size", None), {}
    for word, several in words.items():
        vectors = next((each for each in several if each.shape[1] == width), None)
        if vectors is None:
            continue
        tokens = [f"<{word}:{number}>" for number in range(len(vectors))]
        tokenizer.add_tokens([AddedToken(token, normalized=False) for token in tokens])
        model.resize_token_embeddings(max(len(tokenizer), model.config.vocab_size), mean_resizing=False)
        table = model.get_input_embeddings().weight
        with torch.no_grad():
            table[tokenizer.convert_tokens_to_ids(tokens)] = vectors.to(table.device, table.dtype)
        written[word] = "".join(tokens)
    if written and getattr(model.config, "eos_token_id", None) == LEGACY_END:
        end = tokenizer("").input_ids[-1]
        for part in (model, getattr(model, "text_model", model)):
            part.config.eos_token_id = part.eos_token_id = end
    return written


def spelled(text: str, written: Mapping[str, str]) -> str:
    """``text`` with every such word, whatever its case, as the tokenizer reads it."""
    if not written:
        return text
    tokens = {word.casefold(): tokens for word, tokens in written.items()}
    longest_first = "|".join(re.escape(word) for word in sorted(written, key=len, reverse=True))
    return re.sub(
        rf"(?<![\w<-])(?:{longest_first})(?![\w>-])",
        lambda match: tokens[match[0].casefold()],
        text,
        flags=re.IGNORECASE,
    )
