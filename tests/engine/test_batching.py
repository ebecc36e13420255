"""Who runs next: nobody is passed over, nobody shares a call who cannot, and the call is as full as it can be."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from studio.engine.batching import CALLS_BEFORE_GROWING, KEPT_OWNERS, Pace, Room, Turns, plan


@dataclass(eq=False)
class _Row:
    name: str
    batch_key: str = "a"
    cost: float = 2
    owner: str = ""


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


def test_owners_take_turns_however_many_rows_they_have() -> None:
    """Whoever asks for sixteen pictures must not keep out who asks for one."""
    many, one = [_Row(str(i), owner="many") for i in range(8)], _Row("x", owner="one")
    turns, ran = Turns(), ""
    for _ in range(4):
        batch = plan(turns.order([*many, one]), 4)
        turns.served(batch)
        ran += _names(batch)
    assert ran.count("x") == 4, "half of the room is the other owner's as long as it has something to run"
    assert sorted(ran.replace("x", "")) == list("0123"), "and within an owner, each row in its turn"


def test_with_room_for_one_owner_only_the_longest_waiting_goes_first() -> None:
    rows, turns, ran = [_Row(name, owner=name) for name in "pqr"], Turns(), ""
    for _ in range(6):
        batch = plan(turns.order(rows), 2)
        turns.served(batch)
        ran += _names(batch)
    assert ran == "pqrpqr"


def test_an_owner_s_own_things_go_oldest_first() -> None:
    waiting = [_Row("1", owner="a"), _Row("2", owner="a"), _Row("3", owner="b"), _Row("4", owner="a")]
    assert _names(Turns().order(waiting)) == "1324"


def test_turns_of_long_gone_owners_are_forgotten() -> None:
    turns = Turns()
    for number in range(KEPT_OWNERS + 50):
        row = _Row("x", owner=str(number))
        turns.served([row])
        turns.forget(row)
    assert len(turns._owners) == KEPT_OWNERS
    assert not turns._served


def test_room_halves_at_once_and_comes_back_slowly_up_to_where_it_was() -> None:
    room = Room(16)
    room.did_not_fit(12)
    assert room.inputs == 6
    for _ in range(CALLS_BEFORE_GROWING - 1):
        room.fitted()
    assert room.inputs == 6
    room.fitted()
    assert room.inputs == 7
    for _ in range(CALLS_BEFORE_GROWING * 20):
        room.fitted()
    assert room.inputs == 16


def test_room_never_ends_and_never_grows_by_a_failure() -> None:
    room = Room(16)
    room.did_not_fit(2)
    room.did_not_fit(40)
    assert room.inputs == 1


def test_pace_begins_with_the_first_call_and_follows_later_ones() -> None:
    pace = Pace()
    assert pace.seconds(10) is None
    pace.took(1.0, cost=4)
    assert pace.seconds(10) == pytest.approx(2.5)
    for _ in range(100):
        pace.took(4.0, cost=4)
    assert pace.seconds(10) == pytest.approx(10, rel=0.01)
