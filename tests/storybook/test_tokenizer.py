"""Every text has tokens, and Chinese characters have their own."""

from __future__ import annotations

from storybook.tokenizer import MAX_TOKENS, make_tokenizer


def test_the_tokenizer_knows_every_text_and_gives_chinese_characters_tokens_of_their_own() -> None:
    tokenizer = make_tokenizer()
    for text in ("a red house", "夜晚海边的红房子", "ein weißer Leuchtturm", "🏠 spaceship ĉirkaŭ"):
        ids = tokenizer(text).input_ids
        assert ids[0] == tokenizer.bos_token_id
        assert ids[-1] == tokenizer.eos_token_id
        assert text.lower() in tokenizer.decode(ids, skip_special_tokens=True)
    assert tokenizer("海红").input_ids[1:-1] == [tokenizer("海").input_ids[1], tokenizer("红").input_ids[1]]
    assert tokenizer.model_max_length == MAX_TOKENS
