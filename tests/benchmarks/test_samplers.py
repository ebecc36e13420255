"""Every sampler that can be chosen ends at a picture: schedulers agree with their own loops and still leave noise, from
the middle (LMS, PLMS), on spacings that their stride does not know (DDIM) or with few steps (anything of second order).

The command tries every number of steps; here are the fewest that are offered and one that people choose, which takes
half a minute, as some of diffusers' schedulers need a quarter of a second to be made.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import samplers
from benchmarks.samplers import alike, beginnings, landing, landings, offered
from studio.sampling.catalogue import SAMPLERS, Sampler
from studio.sampling.process import BetaSchedule
from studio.sampling.trace import trace

pytestmark = pytest.mark.slow

TABLE = Path(__file__).parents[2] / "docs" / "samplers.md"
CHOSEN = {alike(sampler, schedule): (sampler, schedule) for sampler, schedule in offered()}  # no table twice
EVERY_CHOICE = pytest.mark.parametrize(
    ("sampler", "schedule"), CHOSEN.values(), ids=[sampler.on(schedule).name for sampler, schedule in CHOSEN.values()]
)


@EVERY_CHOICE
def test_what_is_offered_lands_where_it_should(sampler: Sampler, schedule: str) -> None:
    fewest = sampler.fewest(schedule)
    usual = max(fewest + 1, 20)
    for steps, firsts in ((fewest, {0, fewest // 2, max(fewest - 2, 0)}), (usual, {0, usual // 2})):
        found = landings(sampler.on(schedule), steps, sorted(firsts))
        assert found.is_good, f"{steps} steps: {found}"


def test_what_is_refused_does_not() -> None:
    """Or it would be refused for nothing."""
    refused = [(each, schedule) for each, schedule in CHOSEN.values() if each.fewest(schedule) > each.fewest_steps]
    assert refused
    for sampler, schedule in refused:
        chosen, steps = sampler.on(schedule), sampler.fewest(schedule) - 1
        assert any(not landings(chosen, steps, (first,)).is_good for first in beginnings(steps)), chosen.name


@pytest.mark.parametrize("schedule", ["", "Uniform", "SGM Uniform"])
@pytest.mark.parametrize("name", ["LMS Karras", "PLMS"])
def test_a_sampler_with_memory_begins_in_the_middle_without_one(name: str, schedule: str) -> None:
    """The picture stood 12 deviations from its source by LMS at low strengths, and 6 by PLMS, under noise."""
    sampler = SAMPLERS[name].on(schedule)
    for first in (25, 40, 47, 48, 49):
        table = trace(sampler, BetaSchedule(), 50, first_call=first)
        assert landing(table, "epsilon", is_whole=False).left < 0.03


def test_the_measure_sees_noise_that_is_left_and_contrast_that_is_made_up() -> None:
    one_step = landing(trace(SAMPLERS["DEIS"].on("Karras"), BetaSchedule(), 1), "epsilon", is_whole=True)
    assert one_step.left == pytest.approx(2**0.5, abs=0.01), "all of the noise that it began from, none of the picture"
    assert landings(SAMPLERS["Heun"], 2, (0,)).overshoot > 2
    assert landings(SAMPLERS["Euler"], 2, (0,)).overshoot < 0
    assert landings(SAMPLERS["Euler"], 1, (0,)).missing == pytest.approx(1, abs=0.01), "it begins at the last time"


def test_the_fewest_steps_are_those_from_which_on_all_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samplers, "STEPS", (1, 2, 3, 60))
    found = samplers.measured(SAMPLERS["DDIM"])
    assert (found.needed, found.fewer) == (2, found.found[1])
    assert found.good.left == max(found.found[steps].left for steps in (2, 3, 60))
    found = samplers.measured(SAMPLERS["LCM"])
    assert (found.needed, found.fewer, sorted(found.found)) == (1, None, [1, 2, 3])


def test_the_table_in_the_documents_is_of_this_catalogue() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| (\d+) \|", TABLE.read_text(), re.MULTILINE)
    expected = [(each.name, schedule or "its own", str(each.fewest(schedule))) for each, schedule in offered()]
    assert rows == expected
