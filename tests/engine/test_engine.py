"""The engine as its driver sees it: requests in, events out, whoever else is in the batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from studio.engine import engine as engine_module
from studio.engine import scheduler as batching
from studio.engine.engine import Engine
from studio.engine.scheduler import NOTICEABLE, REPORTED_AT_ONCE, Limits, ThroughputEstimate, wait_of
from studio.errors import JobFailed, NotFinite, OutOfMemory, PackError, QueueFull
from studio.events import Cancelled, Drawn, Event, Failed, Finished, Previewed, Queued, Started
from studio.images.pixels import Pixels
from studio.models.model import Denoiser, Pack
from studio.requests.text_to_image import TextToImage
from tests.engine.test_step import _mixed_requests
from tests.miniature import NAME, SIDE, ask


def _engine(pack: Pack, **limits: int) -> Engine:
    return Engine({NAME: pack}, Limits(**limits))  # type: ignore[arg-type]


def _run(engine: Engine, requests: dict[str, TextToImage]) -> list[Event]:
    events = [event for job, request in requests.items() for event in engine.submit(job, request)]
    while engine.has_work:
        events += engine.step()
    return events


def _pixels(events: list[Event], job: str) -> list[Pixels]:
    drawn = sorted((event for event in events if isinstance(event, Drawn) and event.job == job), key=lambda e: e.index)
    return [event.pixels for event in drawn if event.pixels is not None]


def _difference(one: Pixels, other: Pixels) -> int:
    a, b = (torch.frombuffer(bytearray(each.rgb), dtype=torch.uint8).int() for each in (one, other))
    return int((a - b).abs().max())


def _kinds(events: list[Event], job: str) -> list[type]:
    return [type(event) for event in events if event.job == job]


def test_a_job_reports_its_whole_life_in_order(pack: Pack) -> None:
    events = _run(_engine(pack), {"a": ask(steps=3)})
    assert _kinds(events, "a") == [Queued, Started, Previewed, Previewed, Previewed, Drawn, Finished]
    previews = [event for event in events if isinstance(event, Previewed)]
    assert [(event.step, event.steps) for event in previews] == [(1, 3), (2, 3), (3, 3)]
    assert all(event.jpeg[:2] == b"\xff\xd8" for event in previews)
    left = [event.seconds_left for event in previews]
    assert all(seconds is not None and seconds > 0 for seconds in left), "the last is still to be decoded"


def test_twelve_requests_that_arrive_one_after_the_other_come_out_as_alone_in_far_fewer_calls(pack: Pack) -> None:
    requests = {f"job {i}": request for i, request in enumerate(_mixed_requests())}
    alone = {job: _pixels(_run(_engine(pack), {job: request}), job)[0] for job, request in requests.items()}
    engine, events = _engine(pack, inputs=32), []
    for job, request in requests.items():
        events += engine.submit(job, request)
        events += engine.step()
        events += engine.step()
    while engine.has_work:
        events += engine.step()
    for job in requests:
        assert _kinds(events, job)[-1] is Finished
        assert _difference(_pixels(events, job)[0], alone[job]) <= 1, job
    one_by_one = sum(_calls(pack, request) for request in requests.values())
    assert engine.calls <= one_by_one / 3


def _calls(pack: Pack, request: TextToImage) -> int:
    engine = _engine(pack)
    _run(engine, {"a": request})
    return engine.calls


def test_the_others_are_the_same_when_one_is_cancelled_and_one_is_poisoned(pack: Pack) -> None:
    requests = {f"job {i}": request for i, request in enumerate(_mixed_requests())}
    alone = {job: _pixels(_run(_engine(pack), {job: request}), job)[0] for job, request in requests.items()}
    engine = _engine(pack, inputs=32)
    events = [event for job, request in requests.items() for event in engine.submit(job, request)]
    for _ in range(3):
        events += engine.step()
    events += engine.cancel("job 4")
    poisoned = next(row for row in engine._running["job 7"].rows)
    poisoned.state[0, 1, 2, 3] = float("nan")
    while engine.has_work:
        events += engine.step()
    assert _kinds(events, "job 4")[-1] is Cancelled
    (failure,) = [event for event in events if isinstance(event, Failed)]
    assert failure.job == "job 7"
    assert isinstance(failure.error, NotFinite)
    for job in requests.keys() - {"job 4", "job 7"}:
        assert _difference(_pixels(events, job)[0], alone[job]) <= 1, job


def test_several_pictures_differ_and_each_is_its_own_seed_alone(pack: Pack) -> None:
    events = _run(_engine(pack), {"a": ask(count=3, seed=5)})
    pictures = _pixels(events, "a")
    assert len({picture.rgb for picture in pictures}) == 3
    drawn = [event for event in events if isinstance(event, Drawn)]
    assert sorted(event.request.seed for event in drawn) == [5, 6, 7]
    for event in drawn:
        alone = _pixels(_run(_engine(pack), {"b": event.request}), "b")[0]
        assert event.pixels is not None
        assert _difference(alone, event.pixels) <= 1


@pytest.mark.parametrize(("width", "height"), [(64, 64), (96, 64), (64, 72), (136, 200)])
def test_any_size_comes_out_as_asked(pack: Pack, width: int, height: int) -> None:
    (picture,) = _pixels(_run(_engine(pack), {"a": ask(width=width, height=height, steps=2)}), "a")
    assert (picture.width, picture.height, len(picture.rgb)) == (width, height, width * height * 3)


def test_rows_of_different_sizes_take_turns(pack: Pack) -> None:
    engine = _engine(pack)
    engine.submit("wide", ask(width=96, steps=4))
    engine.submit("square", ask(steps=4))
    ran = [[event.job for event in engine.step() if isinstance(event, Previewed)] for _ in range(4)]
    assert ran == [["wide"], ["square"], ["wide"], ["square"]]


def test_a_cancelled_job_takes_no_further_step_and_its_room_is_free(pack: Pack) -> None:
    engine = _engine(pack, rows=1)
    engine.submit("a", ask(steps=50))
    engine.submit("b", ask(steps=2))
    engine.step()
    ended, queued = engine.cancel("a")
    assert ended == Cancelled("a")
    assert (queued.job, queued.ahead) == ("b", 0)
    events = engine.step()
    assert {event.job for event in events} == {"b"}
    assert any(isinstance(event, Started) for event in events)


def test_stopping_can_keep_the_picture_as_it_is(pack: Pack) -> None:
    engine = _engine(pack)
    engine.submit("a", ask(steps=10, count=2))
    for _ in range(4):
        engine.step()
    *drawn, end = engine.cancel("a", keep=True)
    assert end == Cancelled("a")
    assert [event.stopped_at for event in drawn if isinstance(event, Drawn)] == [4, 4]
    assert not engine.has_work


def test_cancelling_what_waits_or_is_unknown_or_over_is_safe(pack: Pack) -> None:
    engine = _engine(pack, rows=1)
    engine.submit("a", ask(steps=2))
    engine.step()
    engine.submit("b", ask())
    engine.submit("c", ask())
    ended, queued = engine.cancel("b", keep=True)
    assert ended == Cancelled("b")
    assert (queued.job, queued.ahead) == ("c", 1)
    assert engine.cancel("b") == []
    assert engine.cancel("nobody") == []


def test_the_queue_tells_everybody_their_place_whenever_it_changes(pack: Pack) -> None:
    engine = _engine(pack, rows=1)
    events = [event for job in "abc" for event in engine.submit(job, ask(steps=2))]
    assert events == [Queued("a", 0), Queued("b", 1), Queued("c", 2)], "nobody can know yet how long it takes"
    while engine.has_work:
        events += engine.step()
    assert [event.ahead for event in events if isinstance(event, Queued) and event.job == "c"] == [2, 1, 0]


def test_in_a_long_queue_a_newcomer_hears_at_once_and_the_others_now_and_then(pack: Pack) -> None:
    """Telling ten thousand at each step that they have moved on by one would take as long as the step."""
    engine = Engine({NAME: pack}, Limits(rows=1, waiting=1000, each=1000))
    for number in range(REPORTED_AT_ONCE + 200):
        told = engine.submit(str(number), ask(steps=1), owner=str(number))
        assert [event.ahead for event in told if isinstance(event, Queued) and event.job == str(number)] == [number]
    events: list[Event] = []
    for _ in range(8):
        events += engine.step()
    heard = [event for event in events if isinstance(event, Queued)]
    assert len(heard) < 4 * engine.waiting, "most hear nothing of most steps"
    positions, queue = engine._waiting._positions, engine._waiting._queue
    positions._again = 0.0
    engine._news()
    places = [positions._reported[job.name] for job in queue.order()]
    expected = range(len(engine._running), len(engine._running) + len(places))
    for place, true in zip(places, expected, strict=True):
        assert abs(place - true) <= NOTICEABLE * true


def test_a_full_queue_refuses_at_once(pack: Pack) -> None:
    engine = _engine(pack, rows=1, waiting=2)
    engine.submit("a", ask())
    engine.submit("b", ask())
    (event,) = engine.submit("c", ask())
    assert isinstance(event, Failed)
    assert isinstance(event.error, QueueFull)
    engine.step()  # "a" is let in
    assert isinstance(engine.submit("d", ask())[0], Queued)


def test_the_refusal_says_how_much_work_is_ahead(pack: Pack) -> None:
    engine = Engine({NAME: pack}, Limits(rows=1, waiting=2), ThroughputEstimate(0.5))
    engine.submit("a", ask(steps=20))  # 20 steps of 2 inputs, half a second each
    (event,) = engine.submit("b", ask(steps=20, sampler="Heun"))  # two calls a step
    assert event == Queued("b", 1, pytest.approx(20.0))
    (refusal,) = engine.submit("c", ask())
    assert isinstance(refusal, Failed)
    assert isinstance(refusal.error, QueueFull)
    assert refusal.error.seconds == pytest.approx(60)
    assert "about 60 s" in str(refusal.error)
    assert str(wait_of(150)) == " The engine needs about 2 min for them."


def test_what_is_left_of_running_jobs_counts_into_the_wait(pack: Pack) -> None:
    engine = Engine({NAME: pack}, Limits(rows=1), ThroughputEstimate(1.0))
    engine._residents[engine.packs[0]].throughput.RECENT = 0.0  # so that this machine's speed does not enter
    engine.submit("a", ask(steps=10, guidance=1.0))
    for _ in range(4):
        engine.step()
    (event,) = engine.submit("b", ask())
    assert event == Queued("b", 1, pytest.approx(6.0))


def test_one_owner_cannot_fill_the_queue_for_all(pack: Pack) -> None:
    engine = _engine(pack, waiting=10, each=2)
    for job in "ab":
        assert isinstance(engine.submit(job, ask(), "greedy")[0], Queued)
    (refusal,) = engine.submit("c", ask(), "greedy")
    assert isinstance(refusal, Failed)
    assert "2 of your jobs" in str(refusal.error)
    assert isinstance(engine.submit("d", ask(), "modest")[0], Queued)


def test_owners_are_let_in_by_turns(pack: Pack) -> None:
    """The second browser's first job goes before the first browser's second."""
    engine = _engine(pack, rows=1)
    events = [event for name in ("a1", "a2", "a3") for event in engine.submit(name, ask(steps=1), "a")]
    events += engine.submit("b1", ask(steps=1), "b")
    assert [event.ahead for event in events if isinstance(event, Queued)] == [0, 1, 2, 1, 2, 3], "b1 pushes back a2, a3"
    while engine.has_work:
        events += engine.step()
    assert [event.job for event in events if isinstance(event, Started)] == ["a1", "b1", "a2", "a3"]


def test_a_small_owner_is_not_slowed_down_to_the_pace_of_a_large_one(pack: Pack) -> None:
    """Room for two rows in a call, eight rows of one browser: the other's single row still runs in every call."""
    engine = _engine(pack, inputs=4)
    engine.submit("many", ask(count=8, steps=8), "a")
    engine.step()
    engine.submit("one", ask(steps=4), "b")
    ran = [[event.job for event in engine.step() if isinstance(event, Previewed)] for _ in range(4)]
    assert all("one" in jobs for jobs in ran)


def _hold_at_most(inputs: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From now on a model call with more inputs asks torch's allocator for more than any machine has, and gets its
    real answer. Returns the sizes of the calls made."""
    sizes: list[int] = []
    call = Denoiser.__call__

    def hungry(self: Denoiser, latents: torch.Tensor, *given: Any) -> torch.Tensor:
        sizes.append(len(latents))
        if len(latents) > inputs:
            torch.empty(2**58, dtype=torch.uint8)
        return call(self, latents, *given)

    monkeypatch.setattr(Denoiser, "__call__", hungry)
    return sizes


def test_a_batch_too_large_for_memory_is_halved_until_it_fits_and_stays_small(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [_pixels(_run(_engine(pack), {"a": ask(seed=seed)}), "a")[0] for seed in range(6)]
    sizes = _hold_at_most(4, monkeypatch)
    engine = _engine(pack, inputs=16)
    events = _run(engine, {"a": ask(count=6, seed=0)})
    assert sizes[0] == 12
    assert sizes.count(12) == 1, "what did not fit is not tried again"
    assert [size for size in sizes if size > 4] == [12, 6, 6], "each half once"
    assert isinstance(events[-1], Finished)
    pictures = _pixels(events, "a")
    assert all(_difference(picture, expected) <= 1 for picture, expected in zip(pictures, alone, strict=True))


def test_room_comes_back_when_memory_does(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as tight:
        _hold_at_most(4, tight)
        engine = _engine(pack, inputs=8)
        engine.submit("a", ask(count=4, steps=150))
        engine.step()
    monkeypatch.setattr(batching, "CALLS_BEFORE_GROWING", 3)
    sizes = _hold_at_most(64, monkeypatch)
    for _ in range(20):
        engine.step()
    assert sizes[0] == 4
    assert sizes[-1] == 8


def test_a_row_too_large_for_memory_fails_alone_with_what_to_do(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    _hold_at_most(1, monkeypatch)
    engine = _engine(pack)
    events = _run(engine, {"guided": ask(), "plain": ask(guidance=1.0)})
    (failure,) = [event for event in events if isinstance(event, Failed)]
    assert failure.job == "guided"
    assert isinstance(failure.error, OutOfMemory)
    assert "smaller size" in str(failure.error)
    assert _kinds(events, "plain")[-1] is Finished


def test_in_strict_mode_a_seed_gives_the_same_bytes_whoever_else_is_there(pack: Pack) -> None:
    requests = {f"job {i}": request for i, request in enumerate(_mixed_requests())}
    limits = Limits(inputs=8, strict=True)
    alone = {job: _pixels(_run(Engine({NAME: pack}, limits), {job: request}), job) for job, request in requests.items()}
    engine, events = Engine({NAME: pack}, limits), []
    for job, request in requests.items():
        events += engine.submit(job, request, owner=job)
        events += engine.step()
    events += engine.cancel("job 3")
    while engine.has_work:
        events += engine.step()
    for job in requests.keys() - {"job 3"}:
        assert _pixels(events, job) == alone[job], job


def test_large_pictures_take_as_much_room_in_a_call_as_they_need(pack: Pack) -> None:
    """Sixteen huge pictures in one call would end the engine for want of memory."""
    engine = _engine(pack, inputs=16)
    engine.submit("a", ask(width=SIDE * 2, height=SIDE * 2, count=6))
    assert len([event for event in engine.step() if isinstance(event, Previewed)]) == 2  # of 2 inputs times 4 each


def test_pictures_that_end_together_are_handed_out_one_by_one(pack: Pack) -> None:
    """What is drawn must be on its way to the disk before the next is decoded."""
    engine = _engine(pack)
    engine.submit("a", ask(count=3, steps=2))
    drawn = [[event.index for event in engine.step() if isinstance(event, Drawn)] for _ in range(5)]
    assert drawn == [[], [], [0], [1], [2]]


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("an illegal memory access was encountered"),
        RuntimeError("could not create a primitive"),  # oneDNN, once it could not get memory for its code, never can
    ],
)
def test_a_lost_device_ends_the_engine_so_that_it_is_started_again(
    error: Exception, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*given: object) -> None:
        raise error

    monkeypatch.setattr(engine_module, "step_rows", lost)
    engine = _engine(pack)
    engine.submit("a", ask())
    with pytest.raises(type(error)):
        engine.step()


def test_a_picture_whose_decoding_overflows_fails_instead_of_being_black(pack: Pack) -> None:
    engine = _engine(pack)
    engine.submit("a", ask(steps=1))
    events = engine.step()
    engine._running["a"].rows[0].state[:] = 1e38
    while engine.has_work:
        events += engine.step()
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, NotFinite)


def test_a_job_larger_than_the_room_still_runs(pack: Pack) -> None:
    events = _run(_engine(pack, rows=2, inputs=4), {"a": ask(count=5, steps=2)})
    assert len(_pixels(events, "a")) == 5


def test_a_pack_that_is_not_there_is_a_clear_failure(pack: Pack) -> None:
    (event,) = _engine(pack).submit("a", ask(pack="elsewhere"))
    assert isinstance(event, Failed)
    assert isinstance(event.error, PackError)


def test_a_call_that_fails_is_split_until_only_the_guilty_row_fails(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault is injected where memory runs out in earnest: at the model call."""
    honest = engine_module.step_rows

    def fails_for_job_b(rows, padded_to):
        if any(row.job == "b" for row in rows):
            raise RuntimeError("out of something")
        return honest(rows, padded_to)

    monkeypatch.setattr(engine_module, "step_rows", fails_for_job_b)
    events = _run(_engine(pack), {name: ask(seed=at) for at, name in enumerate("abcd")})
    assert [kind for job in "acd" for kind in _kinds(events, job) if kind is Finished] == [Finished] * 3
    (failure,) = [event for event in events if isinstance(event, Failed)]
    assert failure.job == "b"
    assert isinstance(failure.error, JobFailed)


def test_of_a_job_with_one_bad_row_the_good_pictures_are_kept(pack: Pack) -> None:
    engine = _engine(pack)
    events = engine.submit("a", ask(count=3, steps=4)) + engine.step()
    engine._running["a"].rows[1].state[:] = float("inf")
    while engine.has_work:
        events += engine.step()
    assert len(_pixels(events, "a")) == 2
    assert isinstance(events[-1], Failed)
    assert "Picture 2" in str(events[-1].error)


@pytest.mark.parametrize(
    ("prompt", "is_empty"),
    [("", True), (" \n\u3000", True), ("BREAK", True), ("a red house", False), ("房子", False), ("🏠", False)],
)
def test_an_empty_prompt_is_drawn_and_said_to_be_empty(pack: Pack, prompt: str, is_empty: bool) -> None:
    """Whoever pressed Generate too soon got a picture of nothing in particular, without a word."""
    events = _run(_engine(pack), {"a": ask(prompt, steps=1)})
    assert Started("a", lacks_words=is_empty) in events
    assert isinstance(events[-1], Finished)


def test_a_prompt_that_is_too_long_is_drawn_and_said_to_be_cut(pack: Pack) -> None:
    for prompt, is_cut in (("a red house", False), ("red " * 400, True), ("🏠" * 500, True)):
        events = _run(_engine(pack), {"a": ask(prompt, steps=1)})
        assert Started("a", is_cut) in events
        assert isinstance(events[-1], Finished)


def test_a_picture_that_cannot_be_decoded_fails_alone(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding needs more memory than a step, so it is where memory ends first."""
    honest, calls = pack.first_stage.decode_piece, iter([False, True, False])

    def sometimes(latents: torch.Tensor) -> torch.Tensor:
        if next(calls):
            raise MemoryError
        return honest(latents)

    monkeypatch.setattr(pack.first_stage, "decode_piece", sometimes)
    events = _run(_engine(pack), {"a": ask(count=3)})
    assert len(_pixels(events, "a")) == 2
    assert isinstance(events[-1], Failed)


def test_a_cold_engine_has_nothing_to_do(pack: Pack) -> None:
    engine = _engine(pack)
    assert not engine.has_work
    assert engine.step() == []
