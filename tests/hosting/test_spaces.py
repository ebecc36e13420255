"""What Hugging Face Spaces reads of the repository, and what a Space does when it starts: nothing over the network."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import httpx
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.running import ROOT, running_studio

SPACE = {"SPACE_ID": "somebody/studio", "SPACE_HOST": "somebody-studio.hf.space"}
COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
ZERO_GPU_TORCH = ("2.8.0", "2.9.1", "2.10.0", "2.11.0")  # that ZeroGPU knows, as of August 2026
LONGEST_DESCRIPTION = 60  # characters
# In every Python of the studio: writes down whom it speaks to.
SPY = """
import os, sys
def _spy(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        told = repr(arguments[1:] if event == "socket.connect" else arguments)
        with open(os.environ["SPIED"], "a") as file:
            file.write(event + " " + told + "\\n")
sys.addaudithook(_spy)
"""


@pytest.fixture(scope="module")
def front() -> dict[str, object]:
    _, front, _ = (ROOT / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(front)


@pytest.fixture(scope="module")
def requirements() -> dict[str, Requirement]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    return {each.name: each for each in map(Requirement, filter(None, lines))}


def test_spaces_finds_what_it_needs(front: dict[str, object], requirements: dict[str, Requirement]) -> None:
    assert front["sdk"] == "gradio"
    assert requirements["gradio"].specifier.contains(Version(str(front["sdk_version"])))
    assert isinstance(front["python_version"], str), "3.10 without quotes would be 3.1"
    assert front["python_version"] == "3.12", "of those that ZeroGPU has, the only one with all that is required"
    assert (ROOT / str(front["app_file"])).exists()
    assert {front["colorFrom"], front["colorTo"]} <= COLORS
    assert len(str(front["short_description"])) <= LONGEST_DESCRIPTION
    assert front["title"]
    assert front["license"] == "apache-2.0"


@pytest.mark.parametrize("version", ZERO_GPU_TORCH)
def test_zerogpus_torch_is_taken(requirements: dict[str, Requirement], version: str) -> None:
    assert requirements["torch"].specifier.contains(Version(version))


def test_every_requirement_is_bounded_from_above(requirements: dict[str, Requirement]) -> None:
    for each in requirements.values():
        assert any(bound.operator in ("<", "<=") for bound in each.specifier), each


@pytest.mark.slow
def test_a_space_calls_nobody_when_it_starts_and_says_that_it_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "spy").mkdir()
    (tmp_path / "spy" / "sitecustomize.py").write_text(SPY)
    spied = tmp_path / "spied"
    settings = {**SPACE, "PYTHONPATH": str(tmp_path / "spy"), "SPIED": str(spied)}
    with running_studio(tmp_path / "data", **settings) as studio:
        health = httpx.get(f"{studio.url}/studio/health", timeout=60)
        config = httpx.get(f"{studio.url}/config", headers={"Accept-Language": "en"}).json()
        assert health.status_code == 200, "the engine is there, so that it has been watched, too"
    notes = [each for each in config["components"] if each["props"].get("elem_id") == "studio-keeps-nothing"]
    assert len(notes) == 1
    calls = spied.read_text().splitlines()
    assert calls, f"{sys.executable} does not read sitecustomize"
    here = ("127.0.0.1", "'localhost'", "'0.0.0.0'", "'/", "b'/", "'\\x00", "b'\\x00", "(None,", "''")
    assert [call for call in calls if not any(place in call for place in here)] == []


def test_elsewhere_nothing_is_said_of_that(studio: object) -> None:
    config = httpx.get(f"{studio.url}/config").json()  # type: ignore[attr-defined]
    assert "studio-keeps-nothing" not in json.dumps(config)
