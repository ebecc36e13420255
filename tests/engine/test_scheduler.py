"""Who runs next: nobody is passed over, nobody shares a call who cannot, and the call is as full as it can be."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import pytest

from studio.engine.scheduler import (
    CALLS_BEFORE_GROWING,
    KEPT_OWNERS,
    BatchCapacity,
    FairQueue,
    QueueCounts,
    RoundRobin,
    ThroughputEstimate,
    plan,
)


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
    rows, turns, ran = [_Row("p"), _Row("q", "b"), _Row("r", "c")], RoundRobin(), []
    for _ in range(6):
        batch = plan(turns.order(rows), 16)
        turns.served(batch)
        ran.append(_names(batch))
    assert ran == ["p", "q", "r", "p", "q", "r"]


def test_every_row_runs_however_crowded_it_is() -> None:
    """Twenty rows, room for four: within five calls each has run exactly once."""
    rows, turns, ran = [_Row(chr(97 + i)) for i in range(20)], RoundRobin(), ""
    for _ in range(5):
        batch = plan(turns.order(rows), 8)
        turns.served(batch)
        ran += _names(batch)
    assert sorted(ran) == [row.name for row in rows]


def test_a_newcomer_goes_first() -> None:
    """Time to the first preview is what people feel."""
    rows, turns = [_Row("p"), _Row("q")], RoundRobin()
    turns.served(rows)
    rows.append(_Row("n"))
    assert _names(turns.order(rows))[0] == "n"
    turns.forget(rows[0])
    assert _names(turns.order(rows))[:2] == "pn", "a forgotten row counts as new"


def test_owners_take_turns_however_many_rows_they_have() -> None:
    """Whoever asks for sixteen pictures must not keep out who asks for one."""
    many, one = [_Row(str(i), owner="many") for i in range(8)], _Row("x", owner="one")
    turns, ran = RoundRobin(), ""
    for _ in range(4):
        batch = plan(turns.order([*many, one]), 4)
        turns.served(batch)
        ran += _names(batch)
    assert ran.count("x") == 4, "half of the room is the other owner's as long as it has something to run"
    assert sorted(ran.replace("x", "")) == list("0123"), "and within an owner, each row in its turn"


def test_with_room_for_one_owner_only_the_longest_waiting_goes_first() -> None:
    rows, turns, ran = [_Row(name, owner=name) for name in "pqr"], RoundRobin(), ""
    for _ in range(6):
        batch = plan(turns.order(rows), 2)
        turns.served(batch)
        ran += _names(batch)
    assert ran == "pqrpqr"


def test_an_owner_s_own_things_go_oldest_first() -> None:
    waiting = [_Row("1", owner="a"), _Row("2", owner="a"), _Row("3", owner="b"), _Row("4", owner="a")]
    assert _names(RoundRobin().order(waiting)) == "1324"


def test_turns_of_long_gone_owners_are_forgotten() -> None:
    turns = RoundRobin()
    for number in range(KEPT_OWNERS + 50):
        row = _Row("x", owner=str(number))
        turns.served([row])
        turns.forget(row)
    assert len(turns._owners) == KEPT_OWNERS
    assert not turns._served


@dataclass(frozen=True)
class _Job:
    name: str
    owner: str = ""
    address: str = ""


def _fill(line: FairQueue[_Job], *jobs: tuple[str, str]) -> None:
    for name, owner in jobs:
        line.add(_Job(name, owner))


def test_jobs_are_let_in_by_turns_of_their_owners() -> None:
    line = FairQueue[_Job]()
    _fill(line, ("1", "a"), ("2", "a"), ("3", "b"), ("4", "a"), ("5", "c"))
    assert "".join(job.name for job in line.order()) == "13524"
    let_in = ""
    while line.first is not None:
        let_in += line.first.name
        owner = line.first.owner
        line.remove(line.first.name)
        line.served(owner)
    assert let_in == "13524"
    assert len(line) == 0
    assert line.order() == []


def test_who_was_served_lately_goes_behind_who_was_not() -> None:
    line = FairQueue[_Job]()
    line.served("a")
    _fill(line, ("1", "a"), ("2", "b"))
    assert "".join(job.name for job in line.order()) == "21"


def test_a_job_that_leaves_is_gone_and_counted_no_more() -> None:
    line = FairQueue[_Job]()
    line.add(_Job("1", "a", "here"))
    line.add(_Job("2", "a", "here"))
    assert line.crowd("a", "here") == QueueCounts(2, 2, 2)
    assert line.crowd("b", "") == QueueCounts(0, 0, 2), "nobody is at an empty address"
    removed = line.remove("1")
    assert removed is not None
    assert removed.name == "1"
    assert line.remove("1") is None
    assert line.crowd("a", "here") == QueueCounts(1, 1, 1)
    assert [job.name for job in line] == ["2"]


def test_those_ahead_are_always_the_first_of_the_order() -> None:
    """Whatever happens: the heap that finds them in no time agrees with the order that looks at everybody."""
    chance, line, names = random.Random(0), FairQueue[_Job](), 0
    for _ in range(4000):
        match chance.choice(("add", "add", "remove", "serve")):
            case "add":
                names += 1
                line.add(_Job(str(names), chance.choice("abcdefgh"), chance.choice(("", "x", "y"))))
            case "remove" if len(line):
                line.remove(chance.choice([job.name for job in line]))
            case "serve" if line.first is not None:
                owner = line.first.owner
                line.remove(line.first.name)
                line.served(owner)
        order = line.order()
        assert line.first is (order[0] if order else None)
        assert [job.name for job in line.ahead(11)] == [job.name for job in order[:11]]
        assert sorted(map(id, order)) == sorted(map(id, line))
        assert line.crowd("a", "x") == QueueCounts(
            sum(job.owner == "a" for job in line), sum(job.address == "x" for job in line), len(line)
        )


def test_owners_beyond_those_remembered_still_get_their_turn() -> None:
    line = FairQueue[_Job]()
    for number in range(2 * KEPT_OWNERS):
        line.add(_Job(f"{number} first", str(number)))
        line.add(_Job(f"{number} second", str(number)))
    let_in = 0
    while line.first is not None:
        owner = line.first.owner
        line.remove(line.first.name)
        line.served(owner)
        let_in += 1
    assert let_in == 4 * KEPT_OWNERS
    assert len(line._turns) <= KEPT_OWNERS


def test_a_long_line_is_as_quick_as_a_short_one() -> None:
    """Letting one in and taking one on, with ten and with ten thousand waiting."""

    def seconds(waiting: int) -> float:
        line = FairQueue[_Job]()
        for number in range(waiting):
            line.add(_Job(str(number), str(number % 500), str(number % 50)))
        begun = time.perf_counter()
        for number in range(2000):
            first = line.first
            assert first is not None
            line.remove(first.name)
            line.served(first.owner)
            line.crowd(first.owner, first.address)
            line.add(_Job(f"new {number}", first.owner, first.address))
        return time.perf_counter() - begun

    assert min(seconds(10_000) for _ in range(3)) < 5 * min(seconds(10) for _ in range(3))


def test_room_halves_at_once_and_comes_back_slowly_up_to_where_it_was() -> None:
    room = BatchCapacity(16)
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
    room = BatchCapacity(16)
    room.did_not_fit(2)
    room.did_not_fit(40)
    assert room.inputs == 1


def test_pace_begins_with_the_first_call_and_follows_later_ones() -> None:
    pace = ThroughputEstimate()
    assert pace.seconds(10) is None
    pace.took(1.0, cost=4)
    assert pace.seconds(10) == pytest.approx(2.5)
    for _ in range(100):
        pace.took(4.0, cost=4)
    assert pace.seconds(10) == pytest.approx(10, rel=0.01)
