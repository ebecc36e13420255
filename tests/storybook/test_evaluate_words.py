"""Natural prompts are scored by what they say, and by nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from storybook.evaluate_words import answers, main, related, shares
from storybook.natural_prompts import Natural
from storybook.scoring import Reading
from storybook.world import Thing
from storybook.world.relations import ABOVE, holds
from storybook.world.scene import Box

OVER, UNDER = (0.3, 0.1, 0.5, 0.3), (0.2, 0.5, 0.6, 0.9)
WANTED = Natural(
    en="two red kites over a house in the storm", zh="", de="", groups=(("kite", "red", 2), ("house", None, 1)),
    time=None, ground=None, weather="storm", mountains=None, relation=(0, ABOVE, 1),
)  # fmt: skip


def _seen(*things: tuple[str, str, Box], weather: str = "storm", time: str = "day") -> Reading:
    return Reading(time, "meadow", weather, False, tuple(Thing(*each) for each in things))


KITES = (("kite", "red", OVER), ("kite", "red", (0.35, 0.1, 0.5, 0.3)))
HOUSE = ("house", "blue", UNDER)


@pytest.mark.parametrize(
    ("seen", "missing"),
    [
        (_seen(*KITES, HOUSE), []),
        (_seen(*KITES, HOUSE, time="night"), []),
        (_seen(KITES[0], HOUSE), ["2 kite"]),
        (_seen(*KITES, HOUSE, weather="rain"), ["storm"]),
        (_seen(*KITES), ["house", "1 house", "kite above house"]),
        (_seen(KITES[0], ("kite", "blue", OVER), HOUSE), ["red kite"]),
        (_seen(*KITES, ("house", "blue", (0.7, 0.0, 0.9, 0.2))), ["kite above house"]),
    ],
)
def test_only_what_is_said_is_asked_for(seen: Reading, missing: list[str]) -> None:
    assert [what for _, is_so, what in answers(WANTED, seen) if not is_so] == missing


def test_a_chinese_noun_without_a_measure_word_says_no_number() -> None:
    bare = replace(WANTED, zh="暴风雨里房子上方的红风筝", groups=(("kite", "red", 1), ("house", None, 1)))
    assert [each[2] for each in bare.said_in("zh").groups] == [None, None]
    assert bare.said_in("de") == bare
    counted = replace(WANTED, zh="暴风雨里一座房子上方两只红风筝")
    assert counted.said_in("zh") == counted
    said = [what for _, _, what in answers(bare.said_in("zh"), _seen(*KITES, HOUSE))]
    assert said == ["storm", "kite", "red kite", "house", "kite above house"]


def test_the_shares_are_of_all_that_is_said() -> None:
    right = shares([WANTED, WANTED], [_seen(*KITES, HOUSE), _seen(*KITES)])
    assert right["kind"] == 0.75
    assert right["relation"] == 0.5
    assert right["colour"] == 1.0
    assert "ground" not in right, "nobody said where"
    assert right["all"] == pytest.approx((2 * 7 - 3) / 14)


def test_relations_that_are_told_are_true() -> None:
    for each, (one, name, other) in related(40):
        assert holds(name, each.groups[one], each.groups[other])


def test_one_command_measures_and_writes(toy_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (toy_pack / "README.md").write_text("<!-- words -->\nstale\n<!-- /words -->\n")
    main(["--pack", str(toy_pack), "--device", "cpu", "--prompts", "2", "--pairs", "2", "--folder", str(tmp_path)])
    figures = json.loads(capsys.readouterr().out)
    assert json.loads((toy_pack / "evaluation.json").read_text())["words"] == figures
    assert "stale" not in (toy_pack / "README.md").read_text()
    assert (tmp_path / "words-zh.png").exists()
