"""The simulation's engines draw everything once, wait for nobody without reason, and bear being many."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.simulation import CALLS, LOADING_SECONDS, Person, Simulation, capacity, main, people

SECONDS = {2: 0.05, 4: 0.06, 8: 0.08, 16: 0.13}


def test_the_same_seed_brings_the_same_people_and_as_many_as_asked_for() -> None:
    some = people(1000, a_second=5.0, seed=1)
    assert some == people(1000, a_second=5.0, seed=1)
    assert some[-1].at == pytest.approx(200, rel=0.2)
    assert {person.calls for person in some} == set(CALLS)


@pytest.mark.parametrize("in_turn", [False, True])
def test_everybody_is_served_once(in_turn: bool) -> None:
    outcome = Simulation(3, SECONDS, in_turn=in_turn).run(people(400, a_second=4.0, seed=2))
    assert len(outcome.latencies) == len(outcome.waits) == 400
    assert all(
        0 <= wait <= latency for wait, latency in zip(sorted(outcome.waits), sorted(outcome.latencies), strict=True)
    )


def test_one_person_waits_for_the_pack_and_for_nothing_else() -> None:
    outcome = Simulation(1, SECONDS, in_turn=False).run(
        [Person("a", 1.0, 10, "pack 0"), Person("b", 60.0, 10, "pack 0")]
    )
    assert outcome.latencies == pytest.approx([LOADING_SECONDS + 10 * SECONDS[2], 10 * SECONDS[2]])
    assert outcome.hits == 1


def test_an_engine_that_is_asked_for_all_that_it_can_draws_it() -> None:
    """The seconds of full calls add up."""
    crowd = [Person(str(number), 0.0, 12, "pack 0", owner=str(number)) for number in range(160)]
    outcome = Simulation(1, SECONDS, in_turn=False).run(crowd)
    calls = 160 * 12 / 8
    assert outcome.last == pytest.approx(LOADING_SECONDS + calls * SECONDS[16], rel=0.02)
    assert capacity(SECONDS) == pytest.approx(8 / SECONDS[16] / (sum(CALLS) / len(CALLS)))


def test_placing_scales_and_finds_packs_in_memory_more_often_than_turns_do() -> None:
    few, many = (
        Simulation(engines, SECONDS, in_turn=False).run(
            people(600 * engines, 0.8 * engines * capacity(SECONDS), engines)
        )
        for engines in (2, 8)
    )
    in_turn = Simulation(8, SECONDS, in_turn=True).run(people(4800, 0.8 * 8 * capacity(SECONDS), 8))
    assert many.figures()["pictures/s"] >= 0.9 * 4 * few.figures()["pictures/s"]
    assert many.figures()["hits"] > in_turn.figures()["hits"]


def test_one_command_writes_its_table_and_its_plot(tmp_path: Path) -> None:
    main(["--replicas", "1", "2", "--people", "600", "--call", "0.05", "0.06", "0.08", "0.13", "--out", str(tmp_path)])
    assert (tmp_path / "simulation.md").read_text().startswith("Simulated")
    assert (tmp_path / "simulation.png").stat().st_size > 10_000
