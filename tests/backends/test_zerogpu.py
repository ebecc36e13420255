"""On ZeroGPU every tab draws through one lent call, and what outlives the call stays. The real package, without a GPU."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from gradio_client import Client
from gradio_client.client import Job

from studio.backends import zerogpu
from studio.backends.messages import Embed, Submit, WorkerOptions
from studio.backends.worker import begin
from studio.backends.zerogpu import AT_ONCE, ZeroGpuBackend, driven
from studio.events import Cancelled, Drawn, Event, Previewed, Queued, Started
from studio.models.registry import find_pack
from studio.requests.text_to_image import TextToImage
from studio.settings import Settings
from tests.backends.lending import PROGRAM, Scheduler, scheduler
from tests.running import Studio, running_studio
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SETTINGS = Settings(device="cpu", batch=16, patience=0)
SMALL = {"width": 64, "height": 64, "steps": 2}


@pytest.fixture(scope="module")
def lender() -> Iterator[Scheduler]:
    with scheduler() as running:
        yield running


@pytest.fixture(scope="module")
def lent(lender: Scheduler, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    data = tmp_path_factory.mktemp("lent") / "data"
    with running_studio(data, program=PROGRAM, **lender.settings) as studio:
        yield studio


@pytest.fixture
def client(lent: Studio) -> Iterator[Client]:
    client = Client(lent.url, verbose=False)
    yield client
    client.close()


def _processes_of(studio: Studio) -> set[int]:
    children = Path(f"/proc/{studio.pid}/task").glob("*/children")
    return {int(pid) for each in children for pid in each.read_text().split()}


def test_all_tabs_draw_in_one_process_that_stays(lent: Studio, lender: Scheduler, client: Client) -> None:
    drawn: dict[str, Any] = client.predict("a red house by the sea", **SMALL, api_name="/text_to_image")
    [picture] = drawn["pictures"]
    assert (lent.data / "pictures" / picture["name"]).exists(), "it is safe here, whatever becomes of the fork"
    first = _processes_of(lent)
    boxes = [{"phrase": "a green tree", "box": [0.1, 0.2, 0.6, 0.9]}]
    for name, values in (
        ("/layout_to_image", {"boxes": boxes, **SMALL}),
        ("/vary", {"image": picture["name"], "steps": 2}),
        ("/super_resolve", {"image": picture["name"], "scale": 2, "steps": 1}),
    ):
        done = client.predict(**values, api_name=name)
        assert done["state"] == "done", name
        assert done["pictures"]
    assert _processes_of(lent) == first
    assert len({values["taskId"] for values in lender.of("/schedule")}) == 1, "one function for all tabs"
    lent_and_back = [values["allowToken"] for values in lender.of("/release")]
    assert len(lent_and_back) == len(lender.of("/schedule")) >= 4


def test_more_work_asks_for_more_seconds(lender: Scheduler, client: Client) -> None:
    for count, steps in ((1, 2), (4, 20)):
        client.predict("a tree", width=64, height=64, steps=steps, count=count, api_name="/text_to_image")
    little, much = (int(values["durationSeconds"]) for values in lender.of("/schedule")[-2:])
    assert 10 <= little <= much <= 300


def test_the_same_seed_gives_the_same_picture_on_and_off_zerogpu(lent: Studio, client: Client, studio: Studio) -> None:
    wanted = {"seed": 7, **SMALL, "api_name": "/text_to_image"}
    here = client.predict("a red house", **wanted)["pictures"][0]
    elsewhere = Client(studio.url, verbose=False)
    there = elsewhere.predict("a red house", **wanted)["pictures"][0]
    elsewhere.close()
    assert here["request"] == there["request"]
    pixels = [PIL.Image.open(each.data / "pictures" / name["name"]) for each, name in ((lent, here), (studio, there))]
    difference = np.subtract(*(np.asarray(each.convert("RGB"), np.int16) for each in pixels))
    assert np.abs(difference).max() <= 1, "threads add up in another order"


def test_stopping_ends_the_call_soon_and_the_next_is_drawn(lent: Studio, lender: Scheduler, client: Client) -> None:
    job = client.submit("a long one", width=256, height=256, steps=100, count=4, api_name="/text_to_image")
    wait_until(lambda: _is_drawing(job))
    job.cancel()
    returned = len(lender.of("/schedule"))
    wait_until(lambda: len(lender.of("/release")) >= returned, "the GPU is given back")
    assert client.predict("a tree", **SMALL, api_name="/text_to_image")["state"] == "done"


def test_what_waits_for_a_gpu_can_be_given_up(lender: Scheduler, client: Client) -> None:
    before = len(lender.of("/schedule"))
    wanted = {"width": 128, "height": 128, "steps": 150, "count": 8, "api_name": "/text_to_image"}
    jobs = [client.submit("a long one", **wanted) for _ in range(AT_ONCE + 3)]
    # gradio's client can't take back what the studio has not yet given a name.
    wait_until(lambda: all(job.communicator.event_id for job in jobs))
    wait_until(lambda: sum(map(_is_drawing, jobs)) == AT_ONCE)
    waiting = [job for job in jobs if not _is_drawing(job)]
    for job in waiting:
        job.cancel()
    wait_until(lambda: all(job.done() for job in waiting))  # before those end that they wait for
    for job in set(jobs) - set(waiting):
        job.cancel()
    assert client.predict("a tree", **SMALL, api_name="/text_to_image")["state"] == "done"
    assert len(lender.of("/schedule")) == before + AT_ONCE + 1, "nobody's seconds were spent on what had not begun"


def _is_drawing(job: Job) -> bool:
    return any(isinstance(each, dict) and each["step"] >= 1 for each in job.outputs())


def test_no_fork_is_made_while_the_gallery_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork would find the locks taken that another thread's matrix product held, and wait for ever."""
    is_looking, goes_on, has_forked = threading.Event(), threading.Event(), threading.Event()

    class Embedder:
        name = "slow"

        def look(self, items: object) -> tuple[bytes, ...]:
            is_looking.set()
            goes_on.wait(30)
            return ()

    def fork() -> None:
        with warnings.catch_warnings():  # Python 3.12 warns of forks beside threads
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        has_forked.set()

    monkeypatch.setattr(zerogpu, "_import_engine", Embedder)
    options = WorkerOptions(find_pack("storybook"), SETTINGS)
    gpu = ZeroGpuBackend(options, lambda message: None, lambda: None)
    try:
        gpu.send(Embed("sky", ("sky",)))
        assert is_looking.wait(30)
        threading.Thread(target=fork, daemon=True).start()
        assert not has_forked.wait(0.5)
        goes_on.set()
        assert has_forked.wait(30)
    finally:
        goes_on.set()
        gpu.close()


def test_who_has_no_seconds_left_is_told_so(lender: Scheduler, client: Client) -> None:
    lender.seconds_left = 5
    try:
        with pytest.raises(Exception, match=r"larger than the maximum|GPU limit"):
            client.predict("a tree", **SMALL, api_name="/text_to_image")
    finally:
        lender.seconds_left = None
    assert client.predict("a tree", **SMALL, api_name="/text_to_image")["state"] == "done"


def test_a_fork_that_is_killed_costs_its_job_alone(lent: Studio, client: Client) -> None:
    before = _processes_of(lent)
    job = client.submit("a long one", width=256, height=256, steps=100, count=4, api_name="/text_to_image")
    wait_until(lambda: _is_drawing(job))
    for pid in _processes_of(lent) & before:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(Exception, match="GPU task aborted"):
        job.result(timeout=30)
    assert client.predict("a tree", **SMALL, api_name="/text_to_image")["state"] == "done"


def test_a_note_stops_a_job_and_keeps_what_there_is_and_a_closed_call_leaves_nothing_behind(tmp_path: Path) -> None:
    pack = find_pack("storybook")
    residency, _ = begin(WorkerOptions(pack, SETTINGS))
    assert residency is not None
    request = TextToImage(prompt="a house", pack=pack.name, width=64, height=64, steps=50, count=2)
    keep, stop = tmp_path / "keep", tmp_path / "stop"
    events: list[Event] = []
    for told in driven(residency, Submit("kept", request, pack, "somebody", {}), keep, stop):
        events += told
        if any(isinstance(event, Previewed) for event in told):
            keep.touch()
    assert [type(event) for event in events if not isinstance(event, (Queued, Started, Previewed))] == [
        Drawn, Drawn, Cancelled,
    ]  # fmt: skip
    call = driven(residency, Submit("closed", request, pack, "somebody", {}), tmp_path / "no", stop)
    while not any(isinstance(event, Previewed) for event in next(call)):
        pass
    call.close()
    assert not residency.engine.has_work
