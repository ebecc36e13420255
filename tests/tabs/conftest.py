"""What the tests of the page share."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.gallery.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)
