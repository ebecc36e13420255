"""The page says which words of a prompt a small world does not hold, in every script and for every nonsense."""

from __future__ import annotations

from pathlib import Path

import pytest

from storybook.prompts import SHEET
from studio.models.catalogue import STORYBOOK
from studio.models.registry import find_pack
from studio.models.text.vocabulary import read_vocabulary, unknown_words, words_of, write_vocabulary


@pytest.fixture(scope="module")
def storybook() -> frozenset[str]:
    vocabulary = read_vocabulary(Path(find_pack(STORYBOOK).source))
    assert vocabulary
    return vocabulary


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("A red HOUSE, at night!", ()),
        ("", ()),
        (" ... --- !? ", ()),
        ("a dinosaur over a house; a dinosaur", ("dinosaur",)),
        ("a cat 🚀 and 77 elephants", ("🚀", "77", "elephants")),
        ("夜晚海边的红房子", ()),
        ("恐龙和猫", ("恐龙",)),
        ("une maison rouge", ("une", "maison", "rouge")),
        ("ein weißer Leuchtturm am Meer", ()),
        ("l'été", ("l'été",)),
        ("ＲＥＤ house", ()),  # full width letters are letters
    ],
)
def test_what_is_outside_the_world_is_named(prompt: str, unknown: tuple[str, ...], storybook: frozenset[str]) -> None:
    assert unknown_words(prompt, storybook) == unknown


def test_every_prompt_of_the_contact_sheet_is_understood(storybook: frozenset[str]) -> None:
    for prompts in SHEET.values():
        for prompt in prompts:
            assert unknown_words(prompt, storybook) == (), prompt


def test_a_vocabulary_is_kept_and_read_again(tmp_path: Path) -> None:
    assert read_vocabulary(tmp_path) is None
    write_vocabulary(tmp_path, ["A red house", "红房子"])
    assert read_vocabulary(tmp_path) == {"a", "red", "house", "红", "房", "子"} == words_of("red a house 子房红")
