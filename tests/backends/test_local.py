"""The engine in its own process: jobs outlive whoever asked, and a process that dies is a clear failure, not a hang."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from studio.backends.local import LocalClient
from studio.backends.messages import Cancel, LoadPack, Submit
from studio.engine.scheduler import Limits
from studio.errors import EngineStopped, InvalidRequest, PackError, UnknownJob
from studio.events import Cancelled, Drawn, Event, Failed, Finished, Previewed, Queued, Started
from studio.requests.text_to_image import TextToImage
from studio.settings import Settings

pytestmark = pytest.mark.slow


def _ask(seed: int = 1, steps: int = 4, **changes: object) -> TextToImage:
    values: dict[str, object] = {"pack": "toybook", "width": 64, "height": 64, "seed": seed, "steps": steps}
    return TextToImage(prompt="a red house", **{**values, **changes})  # type: ignore[arg-type]


def _settings(pack: Path) -> Settings:
    return Settings(pack=str(pack), device="cpu", batch=16)  # calibrating takes seconds


def _all(client: LocalClient, job: str) -> list[Event]:
    return list(chain.from_iterable(client.events(job)))


def _engine_of(client: LocalClient) -> int:
    assert client._process is not None
    assert client._process.pid is not None
    return client._process.pid


def _drawing(client: LocalClient, job: str) -> None:
    """Waits until the job's first preview."""
    next(news for news in client.events(job) if any(isinstance(event, Previewed) for event in news))


LONG = {"steps": 150, "sampler": "Heun", "count": 16}


@pytest.fixture(scope="module")
def client(toy_pack: Path) -> Iterator[LocalClient]:
    with LocalClient(_settings(toy_pack)) as client:
        yield client


def test_of_a_job_that_is_not_kept_nothing_is_written_down(toy_pack: Path) -> None:
    recorded, accepted = [], []

    def record(event: Event) -> Event:
        recorded.append(event)
        return event

    with LocalClient(_settings(toy_pack), record, lambda *job: accepted.append(job)) as client:
        job = client.submit(_ask(), keep=False)
        drawn = [event for event in _all(client, job) if isinstance(event, Drawn)]
        assert drawn[0].pixels is not None
        client.cancel(job)
        with pytest.raises(UnknownJob):
            client.events(job)
        assert not recorded
        assert not accepted
        _all(client, client.submit(_ask()))
        assert any(isinstance(event, Drawn) for event in recorded)
        assert len(accepted) == 1


def test_a_request_comes_back_as_a_picture(client: LocalClient) -> None:
    events = _all(client, client.submit(_ask()))
    kinds = [type(event) for event in events]
    assert kinds[-1] is Finished
    assert Started in kinds
    assert Previewed in kinds
    (drawn,) = [event for event in events if isinstance(event, Drawn)]
    assert drawn.pixels is not None
    assert len(drawn.pixels.rgb) == 64 * 64 * 3


def test_whoever_comes_later_hears_the_story_so_far_without_stale_previews(client: LocalClient) -> None:
    job = client.submit(_ask(steps=30))
    first = _all(client, job)
    again = _all(client, job)
    assert Previewed in {type(event) for event in first}
    assert [type(event) for event in again] == [Queued, Started, Drawn, Finished]
    assert again[2] == next(event for event in first if isinstance(event, Drawn))


def test_many_may_follow_one_job_at_once(client: LocalClient) -> None:
    job, ends = client.submit(_ask(steps=20)), []
    followers = [threading.Thread(target=lambda: ends.append(_all(client, job)[-1])) for _ in range(5)]
    for follower in followers:
        follower.start()
    for follower in followers:
        follower.join(60)
    assert ends == [Finished(job)] * 5


def test_two_jobs_share_the_engine_and_each_hears_of_itself_only(client: LocalClient) -> None:
    jobs = [client.submit(_ask(seed, steps=10)) for seed in range(2)]
    for job in jobs:
        assert {event.job for event in _all(client, job)} == {job}


def test_a_heartbeat_tells_a_follower_that_nothing_has_happened(client: LocalClient) -> None:
    job = client.submit(_ask(steps=150, sampler="Heun", count=4))
    assert [] in client.events(job, heartbeat=0.0005)
    client.cancel(job)


def test_a_cancelled_job_ends_as_cancelled(client: LocalClient) -> None:
    job = client.submit(_ask(steps=150, sampler="Heun"))
    for news in client.events(job):
        if any(isinstance(event, Previewed) for event in news):
            client.cancel(job, keep=True)
    events = _all(client, job)
    assert isinstance(events[-1], Cancelled)
    assert [event.stopped_at is not None for event in events if isinstance(event, Drawn)] == [True]


def test_a_job_is_stopped_at_once_while_the_engine_is_still_starting(toy_pack: Path) -> None:
    """It takes seconds to load its first pack, and minutes to download one, in which nothing answered to Stop."""
    with LocalClient(_settings(toy_pack)) as client:
        stopped, other = client.submit(_ask()), client.submit(_ask())
        client.cancel(stopped, keep=True)
        assert _all(client, stopped) == [Cancelled(stopped)]
        assert not client.device, "there was no engine yet"
        assert isinstance(_all(client, other)[-1], Finished)
        assert client.device
        assert _all(client, stopped) == [Cancelled(stopped)]


def test_what_would_end_in_noise_is_refused_before_it_is_drawn(client: LocalClient) -> None:
    (event,) = _all(client, client.submit(_ask(steps=1, sampler="DDIM")))
    assert isinstance(event, Failed)
    assert str(event.error) == "steps is 1; expected 2 to 150 with DDIM."


def test_an_unknown_job_is_an_error_and_cancelling_it_is_none(client: LocalClient) -> None:
    client.cancel("nobody")
    with pytest.raises(UnknownJob):
        client.events("nobody")


def test_the_recorder_sees_each_event_before_any_follower(toy_pack: Path) -> None:
    recorded: list[Event] = []

    def record(event: Event) -> Event:
        recorded.append(event)
        return event

    with LocalClient(_settings(toy_pack), record) as client:
        for news in client.events(client.submit(_ask())):
            assert all(event in recorded for event in news)


def test_a_recorder_that_breaks_fails_the_job_and_not_the_client(toy_pack: Path) -> None:
    """An exception in the thread that reads events would leave everybody waiting for ever."""
    broken = iter([True])

    def record(event: Event) -> Event:
        if isinstance(event, Drawn) and next(broken, False):
            raise MemoryError
        return event

    with LocalClient(_settings(toy_pack), record) as client:
        assert isinstance(_all(client, client.submit(_ask()))[-1], Failed)
        assert isinstance(_all(client, client.submit(_ask()))[-1], Finished)


def test_a_killed_engine_fails_its_jobs_and_is_started_again(toy_pack: Path) -> None:
    """As when the kernel ends a process that took too much memory."""
    with LocalClient(_settings(toy_pack)) as client:
        job = client.submit(_ask(steps=150, sampler="Heun", count=16))
        for news in client.events(job):
            if any(isinstance(event, Previewed) for event in news):
                os.kill(_engine_of(client), signal.SIGKILL)
        (failure,) = [event for event in _all(client, job) if isinstance(event, Failed)]
        assert isinstance(failure.error, EngineStopped)
        assert isinstance(_all(client, client.submit(_ask()))[-1], Finished)


def test_an_engine_that_is_frozen_is_noticed_and_replaced(toy_pack: Path) -> None:
    """As when a driver holds the whole process: no thread of it can say so, so its silence must."""
    with LocalClient(replace(_settings(toy_pack), patience=2)) as client:
        job = client.submit(_ask(**LONG))
        _drawing(client, job)
        os.kill(_engine_of(client), signal.SIGSTOP)
        assert isinstance(_all(client, job)[-1], Failed)
        assert isinstance(_all(client, client.submit(_ask()))[-1], Finished)


def test_an_engine_that_has_nothing_to_do_is_not_taken_for_frozen(toy_pack: Path) -> None:
    with LocalClient(replace(_settings(toy_pack), patience=4)) as client:
        _all(client, client.submit(_ask()))
        engine = _engine_of(client)
        assert client._process is not None
        client._process._process.join(8)  # twice its patience
        assert _engine_of(client) == engine
        assert isinstance(_all(client, client.submit(_ask()))[-1], Finished)


def test_jobs_that_wait_outlive_the_engine(toy_pack: Path) -> None:
    """Only what was being drawn can have ended it; whoever was still in the queue need not ask again."""
    with LocalClient(replace(_settings(toy_pack), rows=16)) as client:
        drawn, waiting = client.submit(_ask(**LONG), "one"), client.submit(_ask(), "other")
        _drawing(client, drawn)
        os.kill(_engine_of(client), signal.SIGKILL)
        assert isinstance(_all(client, drawn)[-1], Failed)
        assert isinstance(_all(client, waiting)[-1], Finished)


def test_a_request_that_ends_the_engine_twice_is_not_taken_again_and_others_are(
    toy_pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One person's request must not keep everybody else out, however often it is sent."""
    with LocalClient(_settings(toy_pack)) as client:
        for seed in range(2):
            job = client.submit(_ask(seed, **LONG), "them", address="192.0.2.7")
            _drawing(client, job)
            if seed:  # whoever stops it in time is suspected all the same
                os.kill(_engine_of(client), signal.SIGSTOP)
                client.cancel(job)
            os.kill(_engine_of(client), signal.SIGKILL)
            assert isinstance(_all(client, job)[-1], Cancelled if seed else Failed)
        (failure,) = _all(client, client.submit(_ask(5, **LONG), "by another name", address="192.0.2.7"))
        assert isinstance(failure, Failed)
        assert "not tried again" in str(failure.error)
        assert isinstance(_all(client, client.submit(_ask(), "them", address="192.0.2.7"))[-1], Finished)
        job = client.submit(_ask(**LONG), "us", address="192.0.2.8")
        _drawing(client, job)
        client.cancel(job)
        monkeypatch.setattr("studio.backends.quarantine.SUSPECTED_SECONDS", 0.0)  # later, it may be tried again
        job = client.submit(_ask(**LONG), "them", address="192.0.2.7")
        _drawing(client, job)
        client.cancel(job)


def test_a_job_that_was_cancelled_in_a_frozen_engine_is_not_drawn_by_the_next_one(toy_pack: Path) -> None:
    with LocalClient(_settings(toy_pack)) as client:
        running = client.submit(_ask(**LONG))
        _drawing(client, running)
        os.kill(_engine_of(client), signal.SIGSTOP)
        waiting = client.submit(_ask(2))
        for job in (running, waiting):
            client.cancel(job)
        os.kill(_engine_of(client), signal.SIGKILL)
        assert [type(_all(client, job)[-1]) for job in (running, waiting)] == [Cancelled, Cancelled]


@pytest.mark.parametrize("owner", [["list"], {"a": 1}, None, 7, "x" * 1000], ids=repr)
def test_an_owner_that_is_no_name_never_reaches_the_engine(client: LocalClient, owner: object) -> None:
    """A list as a browser's name once ended the engine for everybody."""
    with pytest.raises(InvalidRequest):
        client.submit(_ask(), owner)  # type: ignore[arg-type]


def test_a_command_that_raises_is_its_own_job_s_failure(toy_pack: Path) -> None:
    """Whatever slips past the checks at the door must not end the process."""
    with LocalClient(_settings(toy_pack)) as client:
        _all(client, client.submit(_ask()))
        engine, broken, info = _engine_of(client), _ask(), client.packs()[0].info
        object.__setattr__(broken, "count", "many")
        for command in (
            Submit("a", broken, info, "", {}),
            Submit("b", _ask(), info, ["unhashable"], {}),  # type: ignore[arg-type]
            Submit("c", None, info, "", {}),  # type: ignore[arg-type]
            Submit("d", _ask(), None, "", {}),  # type: ignore[arg-type]
            LoadPack(None),  # type: ignore[arg-type]
            Cancel(["no name"], keep=True),  # type: ignore[arg-type]
        ):
            client._send(command)
        assert isinstance(_all(client, client.submit(_ask()))[-1], Finished)
        assert _engine_of(client) == engine


def test_a_step_that_is_stuck_ends_the_engine_which_is_started_again(toy_pack: Path) -> None:
    """As when a driver hangs. What is stuck here is a step that takes longer than the engine's patience."""
    settings = Settings(pack=str(toy_pack), device="cpu", batch=64)
    with LocalClient(replace(settings, patience=1)) as client:
        events = _all(client, client.submit(_ask(width=2048, height=2048, count=4)))
        assert isinstance(events[-1], Failed)
        assert isinstance(events[-1].error, EngineStopped)
        assert "stuck" in str(events[-1].error)
        assert isinstance(_all(client, client.submit(_ask(steps=1)))[-1], Finished), "with so little patience"


def test_the_engine_begins_with_a_calibrated_batch_unless_one_is_given(toy_pack: Path) -> None:
    """A given size, and strict mode, whose bits depend on it, are never changed."""
    for settings, is_given in (
        (replace(_settings(toy_pack), batch=None), False),
        (replace(_settings(toy_pack), batch=6), True),
        (replace(_settings(toy_pack), batch=None, strict=True), True),
    ):
        with LocalClient(settings) as client:
            _all(client, client.submit(_ask()))
            assert client.inputs is not None
            assert (client.inputs == (settings.batch or Limits.inputs)) or not is_given


def test_a_pack_that_cannot_be_loaded_fails_every_job_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text('{"sample_size": 8}')
    with LocalClient(_settings(tmp_path)) as client:
        for _ in range(2):
            (*_, end) = _all(client, client.submit(_ask(pack=tmp_path.name)))
            assert isinstance(end, Failed)
            assert isinstance(end.error, PackError)


def test_closing_ends_the_process(toy_pack: Path) -> None:
    client = LocalClient(_settings(toy_pack))
    process = client._process
    client.submit(_ask(steps=150))
    client.close()
    assert process is not None
    assert not process.is_alive
