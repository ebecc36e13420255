"""Who runs next: nobody is passed over, nobody shares a call who cannot, and the call is as full as it can be."""

from __future__ import annotations

from dataclasses import dataclass

from studio.engine.batching import Turns, plan


@dataclass(eq=False)
class _Row:
    name: str
    batch_key: str = "a"
    cost: float = 2


def _names(rows: list[_Row]) -> str:
    return "".join(row.name for row in rows)


def test_nothing_to_do_is_an_empty_plan() -> None:
    assert plan([], 16) == []


def test_rows_of_one_key_share_a_call_up_to_its_capacity() -> None:
    rows = [_Row("p"), _Row("q", cost=1), _Row("r"), _Row("s", cost=1)]
    assert _names(plan(rows, 16)) == "pqrs"
    assert _names(plan(rows, 4)) == "pqs"  # r does not fit any more, s does


def test_rows_of_other_keys_wait_their_turn() -> None:
    rows = [_Row("p"), _Row("q", "b"), _Row("r")]
    assert _names(plan(rows, 16)) == "pr"


def test_a_row_over_the_capacity_runs_alone_rather_than_never() -> None:
    assert _names(plan([_Row("p", cost=9), _Row("q")], 4)) == "p"


def test_keys_take_turns() -> None:
    rows, turns, ran = [_Row("p"), _Row("q", "b"), _Row("r", "c")], Turns(), []
    for _ in range(6):
        batch = plan(turns.order(rows), 16)
        turns.served(batch)
        ran.append(_names(batch))
    assert ran == ["p", "q", "r", "p", "q", "r"]


def test_every_row_runs_however_crowded_it_is() -> None:
    """Twenty rows, room for four: within five calls each has run exactly once."""
    rows, turns, ran = [_Row(chr(97 + i)) for i in range(20)], Turns(), ""
    for _ in range(5):
        batch = plan(turns.order(rows), 8)
        turns.served(batch)
        ran += _names(batch)
    assert sorted(ran) == [row.name for row in rows]


def test_a_newcomer_goes_first() -> None:
    """Time to the first preview is what people feel."""
    rows, turns = [_Row("p"), _Row("q")], Turns()
    turns.served(rows)
    rows.append(_Row("n"))
    assert _names(turns.order(rows))[0] == "n"
    turns.forget(rows[0])
    assert _names(turns.order(rows))[:2] == "pn", "a forgotten row counts as new"
