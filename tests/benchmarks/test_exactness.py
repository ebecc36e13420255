"""What the exactness table promises: every family draws what diffusers' own pipeline draws, alone and beside others."""

from __future__ import annotations

import pytest

from benchmarks.checkpoints import FAMILIES
from benchmarks.exactness import CASES, LARGEST, measure

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list:
    return measure(tmp_path_factory.mktemp("checkpoints"))


def test_every_family_and_three_samplers_of_each_case_are_compared() -> None:
    assert {case.family for case in CASES} == set(FAMILIES)
    assert all(len(case.samplers) >= 3 for case in CASES)


def test_alone_and_among_pictures_of_other_packs_the_reference_is_met(findings: list) -> None:
    assert len(findings) == sum(len(case.samplers) for case in CASES)
    off = {(each.case.family, each.case.tab, each.sampler): max(each.alone, each.together) for each in findings}
    assert {which: error for which, error in off.items() if error > LARGEST} == {}
