"""Storybook's tokenizer: byte-level BPE, made from the captions, so that no text is unknown to it.

Chinese characters are tokens of their own, since Chinese writes no spaces between words.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from storybook.dataset import UNSEEN
from storybook.world import LANGUAGES, caption, scene

MAX_TOKENS = 48
VOCABULARY = 2048
# Their ids are 0, 1 and 2. The end must not be 2: for that id transformers takes the largest id's token as the pooled
# one, which is how it reads the configurations of early CLIP checkpoints.
PAD, END, BEGIN = "<pad>", "<end>", "<begin>"
HAN = Regex(r"\p{Han}")
CAPTIONS_PER_LANGUAGE = 6000


def captions() -> Iterator[str]:
    """Enough captions to hold every word of the world's languages; the same every time."""
    for seed in range(CAPTIONS_PER_LANGUAGE):
        rng = np.random.default_rng([seed, 31])
        yield from (caption(scene(UNSEEN // 2 + seed), language, rng) for language in LANGUAGES)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """The same tokenizer every time."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(HAN, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, END, BEGIN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(captions(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A {END}",
        special_tokens=[(BEGIN, tokenizer.token_to_id(BEGIN)), (END, tokenizer.token_to_id(END))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, bos_token=BEGIN, eos_token=END, model_max_length=MAX_TOKENS
    )


def tokenise(tokenizer: PreTrainedTokenizerFast, captions: list[str]) -> torch.Tensor:
    """int64 [B, MAX_TOKENS]."""
    batch = tokenizer(captions, padding="max_length", truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    return batch.input_ids


def stored_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer in ``folder``, made there if there is none yet."""
    if not (folder / "tokenizer.json").exists():
        make_tokenizer().save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)
