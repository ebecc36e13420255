"""A word that a small world lacks is read as the nearest that it has, and whoever asked can be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.engine.engine import Engine
from studio.events import Drawn, Event, Started
from studio.models.catalogue import STORYBOOK
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.models.text.thesaurus import THESAURUS_FILE, Thesaurus, read_thesaurus
from studio.models.text.vocabulary import read_vocabulary, unknown_words, words_of
from studio.requests.text_to_image import TextToImage
from tests.miniature import NAME, make_pack

FOLDER = Path(find_pack(STORYBOOK).source)
NEAREST = Thesaurus(
    {"hut": "house", "christmas tree": "pine tree", "tree": "pine", "hütte": "haus", "小狗": "狗", "狗": "猫"}
)


@pytest.mark.parametrize(
    ("text", "read", "replaced"),
    [
        ("a red hut", "a red house", (("hut", "house"),)),
        ("A HUT, a hut.", "A house, a house.", (("hut", "house"),)),
        ("a christmas tree and a tree", "a pine tree and a pine", (("christmas tree", "pine tree"), ("tree", "pine"))),
        ("shut the hut-like hutch", "shut the hut-like hutch", ()),
        ("eine Hütte", "eine haus", (("hütte", "haus"),)),
        ("白色的小狗和狗", "白色的狗和猫", (("小狗", "狗"), ("狗", "猫"))),
        ("(hut:1.3) <lora:hut:0.8> [hut]", "(house:1.3) <lora:hut:0.8> [house]", (("hut", "house"),)),
        ("", "", ()),
    ],
)
def test_words_are_replaced_whole_and_names_of_loras_are_left_alone(
    text: str, read: str, replaced: tuple[tuple[str, str], ...]
) -> None:
    assert NEAREST.read(text) == (read, replaced)


def test_a_line_counts_where_it_is_needed_and_can_be_read(tmp_path: Path) -> None:
    (tmp_path / THESAURUS_FILE).write_text(
        "# hut = house\nhut = house\ncat = dog\nhouse = hut\nvilla = large house\n = \nbroken\nkeep =\n小屋 = 房\n"
        + "x" * 9000
    )
    vocabulary = frozenset(words_of("a house cat 房"))
    thesaurus = read_thesaurus(tmp_path, vocabulary)
    assert thesaurus is not None
    assert thesaurus.read("hut cat house villa keep broken 小屋")[1] == (("hut", "house"), ("小屋", "房"))
    assert read_thesaurus(tmp_path, None) is None, "who knows every word needs none"
    assert read_thesaurus(tmp_path / "elsewhere", vocabulary) is None
    assert read_thesaurus(tmp_path, frozenset({"keep"})) is None, "nothing in it is of use"


def test_storybooks_own_leads_from_words_that_it_lacks_to_words_that_it_knows() -> None:
    vocabulary = read_vocabulary(FOLDER)
    assert vocabulary is not None
    thesaurus = read_thesaurus(FOLDER, vocabulary)
    assert thesaurus is not None
    for prompt in ("a turquoise castle in the evening", "ein Schiff auf dem Ozean", "一座别墅"):
        assert unknown_words(prompt, vocabulary)
        read, replaced = thesaurus.read(prompt)
        assert replaced, prompt
        assert unknown_words(read, vocabulary) == (), read
    for line in (FOLDER / THESAURUS_FILE).read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or line.count(" = ") == 1, line


def test_a_prompt_in_other_words_draws_the_same_picture_and_says_so() -> None:
    pack = make_pack()
    pack.vocabulary, pack.thesaurus = frozenset(words_of("a red house")), NEAREST
    (told, drawn), (_, expected) = (_drawn(pack, prompt) for prompt in ("a red hut", "a red house"))
    assert told.replaced_words == (("hut", "house"),)
    assert told.unknown_words == ()
    assert drawn.pixels == expected.pixels
    assert drawn.request.caption == "a red hut", "the recipe holds what was typed"


def _drawn(pack: Pack, prompt: str) -> tuple[Started, Drawn]:
    engine, events = Engine({NAME: pack}), list[Event]()
    engine.submit("a", TextToImage(prompt=prompt, pack=NAME, width=64, height=64, steps=2))
    while engine.has_work:
        events += engine.step()
    [started], [drawn] = ([event for event in events if isinstance(event, kind)] for kind in (Started, Drawn))
    assert isinstance(started, Started)
    assert isinstance(drawn, Drawn)
    return started, drawn
