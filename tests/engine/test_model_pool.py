"""Packs come when somebody asks for one, and go when there is no room; nobody's steps wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from studio.backends.messages import Submit
from studio.engine.engine import Engine
from studio.engine.model_pool import Memory, ModelPool
from studio.engine.residents import PackKey
from studio.errors import PackError
from studio.events import Cancelled, Drawn, Event, Failed, Finished
from studio.models.catalogue import PackInfo
from studio.models.model import Pack
from studio.requests.limits import EXACT, FAST
from tests.miniature import NAME, ask, make_pack

GIGABYTE = 2.0**30
WITHIN_SECONDS = 30.0


def _info(name: str) -> PackInfo:
    return PackInfo(name, name.title(), "", size=64)


def _command(job: str, pack: str) -> Submit:
    return Submit(job, ask(pack=pack), _info(pack), "", {})


class Disk:
    """Where packs are loaded from: each load waits until it is let go."""

    def __init__(self, pack: Pack) -> None:
        self.pack, self.loads, self.gate = pack, [], threading.Event()
        self.error: Exception | None = None

    def __call__(self, info: PackInfo, precision: str, report: Callable[[float], None]) -> Pack:
        self.loads.append(info.name if precision == EXACT else (info.name, precision))
        report(0.5)
        assert self.gate.wait(WITHIN_SECONDS)
        if self.error is not None:
            raise self.error
        return replace(make_pack(), precision=precision)


@pytest.fixture
def disk(pack: Pack) -> Disk:
    return Disk(pack)


@pytest.fixture
def room() -> list[float]:
    """How much memory is free, in gigabytes."""
    return [100.0]


@pytest.fixture
def residency(pack: Pack, disk: Disk, room: list[float]) -> ModelPool:
    memory = Memory(lambda: room[0] * GIGABYTE, lambda info: 1 * GIGABYTE, lambda pack: 1 * GIGABYTE)
    residency = ModelPool(Engine(), disk, memory)
    residency.put(_info(NAME), pack)
    return residency


def _settled(residency: ModelPool) -> list[Event]:
    """What comes of all that is being loaded."""
    events: list[Event] = []
    waiting = threading.Event()
    for _ in range(3000):
        events += residency.settle()
        if not residency.is_loading:
            return events
        waiting.wait(0.01)
    raise AssertionError("nothing came of it")


def _drawn(residency: ModelPool) -> list[Event]:
    events: list[Event] = []
    while residency.engine.has_work:
        events += residency.engine.step()
    return events


def test_a_job_waits_for_its_pack_while_others_are_drawn(residency: ModelPool, disk: Disk) -> None:
    assert residency.submit(_command("other", "other")) == []
    residency.submit(_command("own", NAME))
    assert isinstance(_drawn(residency)[-1], Finished), "whoever needs no other pack waits for nothing"
    assert residency.states["other"].status == "loading"
    disk.gate.set()
    _settled(residency)
    assert residency.states["other"].status == "resident"
    assert residency.states["other"].megabytes == 1024
    assert [type(event) for event in _drawn(residency)][-2:] == [Drawn, Finished]


def test_it_is_told_how_far_the_loading_is(residency: ModelPool, disk: Disk) -> None:
    residency.ask(_info("other"))
    while residency.states["other"].share < 0.5:
        residency.settle()
    disk.gate.set()
    _settled(residency)


def test_many_may_wait_for_one_pack_and_it_is_loaded_once(residency: ModelPool, disk: Disk) -> None:
    for job in "abc":
        residency.submit(_command(job, "other"))
    disk.gate.set()
    _settled(residency)
    ended = [event.job for event in _drawn(residency) if isinstance(event, Finished)]
    assert sorted(ended) == ["a", "b", "c"]
    assert disk.loads == ["other"]


def test_a_job_that_waits_for_its_pack_can_be_cancelled(residency: ModelPool, disk: Disk) -> None:
    residency.submit(_command("a", "other"))
    assert residency.cancel("a", keep=False) == [Cancelled("a")]
    disk.gate.set()
    _settled(residency)
    assert not residency.engine.has_work


@pytest.mark.parametrize("error", [PackError("It is damaged."), ValueError("odd"), MemoryError()], ids=repr)
def test_a_pack_that_cannot_be_loaded_fails_its_jobs_and_no_others(
    residency: ModelPool, disk: Disk, error: Exception
) -> None:
    disk.error = error
    disk.gate.set()
    residency.submit(_command("a", "other"))
    (failure,) = _settled(residency)
    assert isinstance(failure, Failed)
    assert isinstance(failure.error, PackError)
    assert residency.states["other"].status == "failed"
    assert residency.states["other"].problem == failure.error.message
    residency.submit(_command("b", NAME))
    assert isinstance(_drawn(residency)[-1], Finished)
    disk.error = None
    residency.submit(_command("c", "other"))
    _settled(residency)
    assert isinstance(_drawn(residency)[-1], Finished), "what was mended on the disk can be loaded"


def test_who_was_asked_for_longest_ago_goes_when_memory_is_short(
    residency: ModelPool, disk: Disk, room: list[float]
) -> None:
    disk.gate.set()
    residency.ask(_info("second"))
    _settled(residency)
    residency.submit(_command("a", NAME))
    _drawn(residency)
    room[0] = 0.5
    original = residency.engine.drop_pack
    dropped = []

    def drop(key: PackKey) -> bool:
        dropped.append(key.name)
        room[0] += 1.0
        return original(key)

    residency.engine.drop_pack = drop  # type: ignore[method-assign]
    residency.ask(_info("third"))
    _settled(residency)
    assert dropped == ["second"]
    assert residency.states["second"].status == "available"
    assert residency.states["third"].status == "resident"


def test_a_recipe_in_another_precision_loads_its_pack_once_more(residency: ModelPool, disk: Disk) -> None:
    """The studio's own stays, and whoever asks for none in particular is drawn with it meanwhile."""
    command = _command("again", NAME)
    residency.submit(replace(command, request=replace(command.request, precision=FAST)))
    residency.submit(_command("own", NAME))
    own = [event for event in _drawn(residency) if isinstance(event, Drawn)]
    assert [event.request.precision for event in own] == [EXACT]
    assert (residency.states[NAME].status, residency.states[f"{NAME} ({FAST})"].status) == ("resident", "loading")
    disk.gate.set()
    _settled(residency)
    again = [event for event in _drawn(residency) if isinstance(event, Drawn)]
    assert [event.request.precision for event in again] == [FAST]
    assert disk.loads == [(NAME, FAST)]


def test_a_pack_that_is_being_drawn_with_stays(residency: ModelPool, disk: Disk, room: list[float]) -> None:
    room[0] = 0.5
    disk.gate.set()
    residency.submit(_command("a", NAME))
    residency.submit(_command("b", "other"))
    (failure,) = _settled(residency)
    assert isinstance(failure, Failed)
    assert "needs 1.0 GB, and 0.5 GB are free" in str(failure.error)
    assert isinstance(_drawn(residency)[-1], Finished)
