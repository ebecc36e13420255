"""The seed in the field is drawn, whatever the switch says; an empty field draws a new one."""

from __future__ import annotations

from typing import Any

import pytest

from studio.errors import InvalidRequest
from studio.requests.limits import RANDOM_SEEDS
from tabs.components.seed import KEEP, NEW, SeedControls
from tests.miniature import ask


def _read(mode: Any, number: Any) -> int:
    seed = SeedControls()
    return seed.read({seed.mode: mode, seed.number: number})


@pytest.mark.parametrize("mode", [NEW, KEEP])
@pytest.mark.parametrize(("number", "drawn"), [("42", 42), (" 7 ", 7), ("9223372036854775807", 2**63 - 1), ("0", 0)])
def test_a_number_counts_whatever_the_switch_says(mode: str, number: str, drawn: int) -> None:
    """A quick hand may type and press Generate before the switch has followed."""
    assert _read(mode, number) == drawn


@pytest.mark.parametrize("number", ["", "  ", None])
def test_without_a_number_each_seed_is_new(number: str | None) -> None:
    drawn = {_read(NEW, number) for _ in range(3)}
    assert len(drawn) == 3
    assert max(drawn) < RANDOM_SEEDS
    with pytest.raises(InvalidRequest, match="seed is"):
        _read(KEEP, number)


def test_what_is_used_again_is_drawn_and_after_that_new_ones_are() -> None:
    seed = SeedControls()
    assert seed.read(seed.write(ask(seed=2**60 + 1))) == 2**60 + 1
    assert seed.read(seed.renew()) != seed.read(seed.renew())
    assert not seed.is_kept(seed.renew())
