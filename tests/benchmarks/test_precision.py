"""Agreement counts what is seen, and nothing else."""

from __future__ import annotations

from benchmarks.precision import agreement
from storybook.scoring import Reading
from storybook.world import Thing

BOX, ELSEWHERE = (0.1, 0.1, 0.5, 0.5), (0.5, 0.5, 0.9, 0.9)


def _seen(*things: tuple[str, str], box: tuple[float, float, float, float] = BOX, time: str = "day") -> Reading:
    return Reading(time, "meadow", "clear", False, tuple(Thing(kind, colour, box) for kind, colour in things))


def test_readings_agree_where_kinds_colours_and_numbers_do() -> None:
    two = _seen(("boat", "red"), ("boat", "red"))
    assert agreement([two], [_seen(("boat", "red"), ("boat", "red"), box=ELSEWHERE)])["things"] == 1.0
    assert agreement([two], [_seen(("boat", "red"))])["things"] == 0.0
    assert agreement([two], [_seen(("boat", "red"), ("boat", "blue"))])["things"] == 0.0
    assert agreement([two, two], [two, _seen(("boat", "red"), ("boat", "red"), time="night")])["time"] == 0.5
