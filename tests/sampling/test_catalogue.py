"""The catalogue is what people pick from: names they know, each with words to choose by."""

from __future__ import annotations

import subprocess
import sys

import pytest

from studio.errors import InvalidRequest
from studio.sampling.catalogue import DEFAULT_SAMPLER, SAMPLERS, find_sampler

EXPECTED = (
    "DDIM", "PLMS", "Euler", "Euler Karras", "Euler exponential", "Euler a", "Heun", "Heun Karras", "DPM2 Karras", "DPM2 a",
    "DPM++ 2M", "DPM++ 2M Karras", "DPM++ 2M SDE Karras", "DPM++ 3M SDE", "DPM++ 2S", "DEIS", "UniPC Karras", "LMS Karras",
    "SA-Solver", "DDPM", "LCM", "TCD",
)  # fmt: skip


def test_every_name_that_users_know_is_there() -> None:
    assert set(EXPECTED) <= set(SAMPLERS)
    assert DEFAULT_SAMPLER in SAMPLERS


def test_each_sampler_has_one_line_of_description_and_a_name_of_its_own_elsewhere() -> None:
    for sampler in SAMPLERS.values():
        assert 10 < len(sampler.description) < 100
        assert "\n" not in sampler.description
    known = [sampler.known_as for sampler in SAMPLERS.values()]
    assert len(set(known)) == len(known), "two samplers would be read back from a recipe as one"


def test_names_are_found_whatever_their_case_and_unknown_ones_are_refused_with_the_list() -> None:
    assert find_sampler("dpm++ 2m karras").name == "DPM++ 2M Karras"
    with pytest.raises(InvalidRequest, match="Euler a"):
        find_sampler("Restart")


def test_distilled_samplers_are_marked() -> None:
    assert {sampler.name for sampler in SAMPLERS.values() if sampler.distilled} == {"LCM", "TCD"}


def test_importing_the_catalogue_imports_no_torch() -> None:
    code = "import sys, studio.sampling.catalogue, studio.backends.local; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
