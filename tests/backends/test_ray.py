"""Engines on a real Ray on this machine: all that a client asks works, and no death of one loses or doubles a picture."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import ray
import torch

from studio.backends.local import LocalClient
from studio.backends.placing import Scale
from studio.backends.ray import RayEngines
from studio.engine.engine import Engine
from studio.events import ENDS, Cancelled, Drawn, Event, Failed, Finished, Previewed, Started
from studio.models.loading import load_pack
from studio.models.registry import find_pack
from studio.requests.text_to_image import TextToImage
from studio.settings import Settings
from tests.miniature import write_pack
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

PEOPLE = 32


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def recorded() -> list[Event]:
    """What the studio would have written down."""
    return []


@pytest.fixture(scope="module")
def client(pack: Path, recorded: list[Event]) -> Iterator[LocalClient]:
    settings = Settings(
        pack=str(pack), models=pack.parent, device="cpu", batch=8, queue=200, each=200, precision="exact", patience=20
    )

    def record(event: Event) -> Event:
        recorded.append(event)
        return event

    with LocalClient(settings, record, engine=partial(RayEngines, scale=Scale(2, 2))) as client:
        wait_until(lambda: client.inputs is not None and client.device.endswith("2 x cpu"), "both replicas")
        yield client


def _ask(pack: Path, seed: int, steps: int = 4, count: int = 1) -> TextToImage:
    return TextToImage(
        prompt="a red house", pack=find_pack(str(pack)).name, width=64, height=64, seed=seed, steps=steps, count=count
    )


def _all(client: LocalClient, job: str) -> list[Event]:
    return [event for news in client.events(job) for event in news]


def _replicas(client: LocalClient) -> dict[str, int]:
    """The processes of the replicas that are ready."""
    engines = client._process
    assert isinstance(engines, RayEngines)
    return {
        name: ray.get(engine.actor.process.remote()) for name, engine in [*engines._engines.items()] if engine.is_ready
    }


def test_what_is_drawn_on_ray_is_what_is_drawn_here(client: LocalClient, pack: Path) -> None:
    jobs = [client.submit(_ask(pack, seed), owner=str(seed)) for seed in range(6)]
    engine, info = Engine(), find_pack(str(pack))
    engine.add_pack(info.name, load_pack(info, torch.device("cpu")))
    for seed, job in enumerate(jobs):
        events = _all(client, job)
        assert isinstance(events[-1], Finished)
        [there] = [event for event in events if isinstance(event, Drawn)]
        engine.submit("here", _ask(pack, seed))
        here = next(event for _ in range(6) for event in engine.step() if isinstance(event, Drawn))
        assert there.pixels is not None
        assert here.pixels is not None
        assert there.request == here.request
        assert np.abs(there.pixels.array.astype(int) - here.pixels.array).max() <= 1, "threads add up in another order"


def test_both_replicas_draw(client: LocalClient, pack: Path) -> None:
    jobs = [client.submit(_ask(pack, seed, steps=30, count=4), owner=str(seed)) for seed in range(4)]
    engines = client._process
    assert isinstance(engines, RayEngines)
    busy = set[str]()

    def are_both_busy() -> bool:
        busy.update(job.site for job in [*engines._jobs.values()] if job.site)
        return len(busy) == 2

    wait_until(are_both_busy)
    for job in jobs:
        assert isinstance(_all(client, job)[-1], Finished)


def test_a_job_can_be_stopped_and_its_picture_kept(client: LocalClient, pack: Path) -> None:
    job = client.submit(_ask(pack, 1, steps=150, count=2))
    for news in client.events(job):
        if any(isinstance(event, Previewed) for event in news):
            client.cancel(job, keep=True)
            break
    events = _all(client, job)
    assert isinstance(events[-1], Cancelled)
    assert any(isinstance(event, Drawn) and event.stopped_at is not None for event in events)


def test_what_waits_can_be_given_up(client: LocalClient, pack: Path) -> None:
    jobs = [client.submit(_ask(pack, seed, steps=100, count=16)) for seed in range(6)]
    for job in reversed(jobs):
        client.cancel(job)
    ends = [_all(client, job)[-1] for job in jobs]
    assert all(isinstance(end, Cancelled) for end in ends), ends


def test_the_packs_of_all_replicas_are_shown(client: LocalClient, pack: Path) -> None:
    states = {state.info.name: state.status for state in client.packs()}
    assert states[find_pack(str(pack)).name] == "resident"


def test_no_picture_is_lost_or_doubled_when_replicas_are_killed(
    client: LocalClient, pack: Path, recorded: list[Event]
) -> None:
    """While 32 people draw, twice a replica is killed in the middle of its work."""
    chance = random.Random(0)
    jobs: list[str] = []

    def come() -> None:
        for seed in range(PEOPLE):
            jobs.append(client.submit(_ask(pack, seed, steps=40, count=2), owner=str(seed)))
            time.sleep(0.05)

    coming = threading.Thread(target=come)
    coming.start()
    for _ in range(2):
        before = len([event for event in recorded if isinstance(event, Drawn)])
        wait_until(lambda before=before: sum(isinstance(event, Drawn) for event in recorded) >= before + 6)  # type: ignore[misc]
        os.kill(chance.choice([*_replicas(client).values()]), signal.SIGKILL)
    coming.join()
    again = 0
    for job in jobs:
        events = _all(client, job)
        assert isinstance(events[-1], Finished), events[-1]
        again += any(isinstance(event, Started) and event.is_again for event in events)
    assert again > 0, "somebody was told that it began anew"
    ours = Counter((event.job, event.index) for event in recorded if isinstance(event, Drawn) and event.job in jobs)
    assert len(ours) == 2 * PEOPLE, "every picture came"
    assert set(ours.values()) == {1}, "and none of them twice"
    ends = Counter(event.job for event in recorded if isinstance(event, ENDS) and event.job in jobs)
    assert set(ends.values()) == {1}


def test_a_replica_that_freezes_is_replaced(client: LocalClient, pack: Path) -> None:
    wait_until(lambda: len(_replicas(client)) == 2)
    jobs = [client.submit(_ask(pack, seed, steps=150, count=4), owner=str(seed)) for seed in range(4)]
    engines = client._process
    assert isinstance(engines, RayEngines)
    wait_until(lambda: any(job.has_started for job in [*engines._jobs.values()]))
    victim = next(job.site for job in [*engines._jobs.values()] if job.has_started)
    assert victim is not None
    os.kill(_replicas(client)[victim], signal.SIGSTOP)
    for job in jobs:
        assert isinstance(_all(client, job)[-1], Finished)
    wait_until(lambda: victim not in engines._engines)


def test_a_request_that_cannot_be_drawn_fails_alone(client: LocalClient, pack: Path) -> None:
    bad = client.submit(TextToImage(prompt="a", pack="nobody has it", width=64, height=64))
    good = client.submit(_ask(pack, 3))
    assert isinstance(_all(client, bad)[-1], Failed)
    assert isinstance(_all(client, good)[-1], Finished)
