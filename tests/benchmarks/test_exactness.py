"""What the exactness table promises: every family draws what diffusers' own pipeline draws, alone and beside others.

Here with one sampler a case, in turn, as the whole table takes most of a minute: ``python -m benchmarks.exactness``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.checkpoints import FAMILIES
from benchmarks.exactness import CASES, LARGEST, Finding, measure

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    cases = [replace(case, samplers=(case.samplers[number % len(case.samplers)],)) for number, case in enumerate(CASES)]
    return measure(tmp_path_factory.mktemp("checkpoints"), cases)


def test_every_family_and_three_samplers_of_each_case_are_compared() -> None:
    assert {case.family for case in CASES} == set(FAMILIES)
    assert all(len(case.samplers) >= 3 for case in CASES)


def test_alone_and_among_pictures_of_other_packs_the_reference_is_met(findings: list[Finding]) -> None:
    assert len(findings) == len(CASES)
    off = {(each.case.family, each.case.tab, each.sampler): max(each.alone, each.together) for each in findings}
    assert {which: error for which, error in off.items() if error > LARGEST} == {}
