"""Where jobs go among several engines: soonest done, owners in turns, and nobody for ever behind others."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from studio.backends.placing import Demand, Placement, Scale, Site, choose, demand_of, inputs_of
from studio.models.catalogue import STORYBOOK
from studio.models.registry import find_pack
from studio.requests.text_to_image import TextToImage

LOADING = 10.0


@dataclass(frozen=True)
class _Job:
    name: str
    demand: Demand
    owner: str = ""
    address: str = ""


def _demand(inputs: float = 20, pack: str = "a", pictures: int = 1, loras: tuple[str, ...] = ()) -> Demand:
    return Demand(pack, inputs, pictures, loras)


def _site(name: str, *packs: str, pace: float = 0.1, pictures: int = 4, busy: float = 0.0) -> Site:
    site = Site(name, pace, pictures, {*packs})
    if busy:
        site.take("other", _demand(busy, *packs[:1]))
    return site


def test_a_job_goes_where_the_least_is_left_to_do() -> None:
    sites = [_site("one", "a", busy=100), _site("two", "a", busy=10), _site("three", "a", busy=50)]
    chosen = choose(_demand(), sites, LOADING)
    assert chosen is not None
    assert chosen.name == "two"


def test_a_job_goes_where_its_pack_is_unless_loading_it_elsewhere_is_quicker() -> None:
    for busy, expected in ((50.0, "has it"), (150.0, "idle")):  # 5 s and 15 s; loading takes 10
        chosen = choose(_demand(), [_site("has it", "a", busy=busy), _site("idle", "b")], LOADING)
        assert chosen is not None
        assert chosen.name == expected


def test_a_job_waits_a_little_for_the_engine_that_has_its_pack() -> None:
    full = _site("has it", "a", busy=20, pictures=1)
    assert choose(_demand(), [full, _site("idle", "b")], LOADING) is None
    assert choose(_demand(), [full, _site("idle", "b")], loading=0.5) is not None


def test_a_pack_that_many_wait_for_is_loaded_on_more_engines() -> None:
    """Else all of them would wait for the one that had it first, each thinking that this is quicker."""
    full = _site("has it", "a", busy=20, pictures=1)
    assert choose(_demand(), [full, _site("idle", "b")], LOADING, waiting=20) is None
    chosen = choose(_demand(), [full, _site("idle", "b")], LOADING, waiting=200)
    assert chosen is not None
    assert chosen.name == "idle"


def test_an_engine_that_uses_other_loras_is_avoided() -> None:
    with_lora = _site("with", "a", busy=20)
    with_lora.loras = ("soft",)
    chosen = choose(_demand(loras=("soft",)), [_site("without", "a", busy=15), with_lora], LOADING)
    assert chosen is not None
    assert chosen.name == "with"


def test_nothing_goes_to_an_engine_that_is_being_let_go() -> None:
    site = _site("one", "a")
    site.is_draining = True
    assert choose(_demand(), [site], LOADING) is None
    assert not site.has_room_for(_demand())


def test_a_job_of_many_pictures_waits_for_an_empty_engine_and_gets_one() -> None:
    site = _site("one", "a", pictures=4)
    assert site.has_room_for(_demand(pictures=16))
    site.take("other", _demand())
    assert not site.has_room_for(_demand(pictures=16))
    assert site.has_room_for(_demand(pictures=3))


def _placement(*sites: Site) -> Placement[_Job]:
    placement: Placement[_Job] = Placement(LOADING)
    placement.sites = {site.name: site for site in sites}
    return placement


def _finish(site: Site) -> None:
    for job in [*site.jobs]:
        site.release(job)


def test_owners_take_turns_across_all_engines() -> None:
    placement = _placement(_site("one", "a", pictures=1), _site("two", "a", pictures=1))
    for number in range(4):
        placement.add(_Job(f"greedy {number}", _demand(), "greedy"))
    placement.add(_Job("modest", _demand(), "modest"))
    assert [job.name for job, _ in placement.place()] == ["greedy 0", "modest"]
    assert placement.place() == [], "nobody has room"
    _finish(placement.sites["one"])
    assert [job.name for job, _ in placement.place()] == ["greedy 1"]


def test_the_work_is_spread_evenly() -> None:
    placement = _placement(*(_site(str(number), "a", pictures=8) for number in range(4)))
    for number in range(16):
        placement.add(_Job(str(number), _demand()))
    placement.place()
    assert [len(site.jobs) for site in placement.sites.values()] == [4, 4, 4, 4]


def test_whoever_comes_behind_one_that_waits_for_its_pack_goes_first() -> None:
    placement = _placement(_site("has it", "a", busy=20, pictures=1), _site("other", "b"))
    placement.add(_Job("first", _demand(), "x"))
    placement.add(_Job("second", _demand(pack="b"), "y"))
    assert [(job.name, site.name) for job, site in placement.place()] == [("second", "other")]
    _finish(placement.sites["has it"])
    assert [(job.name, site.name) for job, site in placement.place()] == [("first", "has it")]


def test_small_jobs_do_not_keep_a_large_one_out_for_ever() -> None:
    placement = _placement(_site("one", "a", pictures=4))
    placement.add(_Job("small", _demand(), "x"))
    placement.place()
    placement.add(_Job("large", _demand(pictures=4), "y"))
    placement.add(_Job("late", _demand(), "z"))
    assert placement.place() == [], "else the late one would keep the engine from ever being empty"
    _finish(placement.sites["one"])
    assert [job.name for job, _ in placement.place()] == ["large"]


def test_the_seconds_count_what_waits_and_what_is_drawn_on_all_engines_together() -> None:
    placement = _placement(_site("one", "a", busy=100), _site("two", "a"))
    assert placement.seconds == pytest.approx(5.0)
    placement.add(_Job("x", _demand(100)))
    assert placement.seconds == pytest.approx(10.0)
    assert placement.leave("x") is not None
    assert placement.leave("x") is None
    assert placement.seconds == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("now", "queued", "idle", "wanted"),
    [
        (1, 0.0, [], 1), (1, 14.0, [], 1), (1, 20.0, [], 2), (2, 100.0, [], 4), (6, 100.0, [], 8), (8, 100.0, [], 8),
        (4, 0.0, [70.0, 80.0], 2), (4, 0.0, [10.0, 80.0], 3), (1, 0.0, [1000.0], 1),
    ],
)  # fmt: skip
def test_there_are_as_many_engines_as_are_needed(now: int, queued: float, idle: list[float], wanted: int) -> None:
    assert Scale(fewest=1, most=8).wanted(now, queued, idle) == wanted


def test_demands_are_estimated_from_requests() -> None:
    pack = find_pack(STORYBOOK)
    request = TextToImage(prompt="a <lora:soft:0.5> house", pack=STORYBOOK, width=128, height=128, steps=10, count=3)
    assert inputs_of(request, pack) == 60
    assert demand_of(request, pack) == Demand(STORYBOOK, 60, 3, ("soft",))
