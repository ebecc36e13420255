"""What is pooled of a text."""

from __future__ import annotations

import torch
from transformers import CLIPTextModel

from storybook import (
    text_encoder,
)
from storybook.presets import PRESETS
from storybook.tokenizer import make_tokenizer, tokenise


def test_the_pooled_output_is_the_end_tokens() -> None:
    """An end token of id 2 once made transformers pool another token, and half of what was learned went unread."""
    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    encoder = CLIPTextModel(text_encoder.config(PRESETS["toy"], tokenizer)).eval()
    tokens = tokenise(tokenizer, ["a red house", "夜晚海边的红房子"])
    output = encoder(tokens)
    for row, end in enumerate((tokens == tokenizer.eos_token_id).int().argmax(1)):
        assert torch.equal(output.pooler_output[row], output.last_hidden_state[row, end])
