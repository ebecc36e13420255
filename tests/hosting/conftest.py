"""What the tests of a hosted studio share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running import Studio, running_studio


@pytest.fixture(scope="session")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio with all that is off at first: tools, metrics, and a log in JSON that tells prompts."""
    data = tmp_path_factory.mktemp("observed") / "data"
    with running_studio(data, STUDIO_MCP="1", STUDIO_METRICS="1", STUDIO_LOG="json", STUDIO_LOG_PROMPTS="1") as running:
        yield running
