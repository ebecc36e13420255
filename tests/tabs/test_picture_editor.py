"""What a browser sends of the picture editor is a digest or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tabs.components.picture_editor import PictureEditor

DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"source": {"digest": DIGEST}}, DIGEST), ({"source": None}, None), ({}, None), (None, None), ([], None), (7, None),
        ({"source": {"digest": "../../etc/passwd"}}, None), ({"source": {"digest": 7}}, None), ({"source": DIGEST}, None),
    ],
)  # fmt: skip
def test_only_a_digest_comes_through(payload: Any, expected: str | None) -> None:
    assert PictureEditor().preprocess(payload) == expected
