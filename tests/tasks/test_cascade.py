"""Pictures that are drawn in two stages: each stage as it would be drawn by itself, and one job from first to last."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from studio.engine import drawn as drawn_module
from studio.engine import row as rows_module
from studio.engine.effort import cost_left
from studio.engine.engine import Engine
from studio.engine.scheduler import Limits
from studio.errors import InvalidRequest, JobFailed, PackError
from studio.events import Cancelled, Drawn, Event, Failed, Finished, Previewed, Started
from studio.images.animation import decoded
from studio.images.pixels import Image, Pixels
from studio.models.model import Pack
from studio.requests import from_mapping, to_mapping
from studio.requests.limits import EXACT
from studio.requests.request import Request
from studio.requests.super_resolve import SuperResolve
from studio.requests.text_to_image import TextToImage
from studio.tasks import cascade as stages
from studio.tasks.cascade import SECOND_SAMPLER, SECOND_STEPS, inputs_of
from studio.tasks.super_resolve import another_seed
from tests.engine.test_engine import _difference, _engine, _pixels
from tests.miniature import NAME, SIDE, SOURCE, ask, ask_layout, ask_vary

LARGE = {"width": 4 * SIDE, "height": 4 * SIDE, "cascade": True}


def _run(engine: Engine, requests: dict[str, Request], images: dict[str, Image] | None = None) -> list[Event]:
    events = [event for job, each in requests.items() for event in engine.submit(job, each, images=images or {})]
    while engine.has_work:
        events += engine.step()
    return events


def _drawn(pack: Pack, request: Request, images: dict[str, Image] | None = None) -> Pixels:
    [pixels] = _pixels(_run(_engine(pack), {"a": request}, images), "a")
    return pixels


@pytest.mark.parametrize("request_", [ask(seed=5, **LARGE), ask_layout(seed=5, **LARGE), ask_vary(seed=5, **LARGE)])
def test_a_cascade_is_its_two_stages_one_after_the_other(pack: Pack, request_: TextToImage) -> None:
    small = _drawn(pack, request_.base, {SOURCE.digest: SOURCE})
    second = SuperResolve(
        pack=NAME, image=small.digest, width=4 * SIDE, height=4 * SIDE, steps=SECOND_STEPS, sampler=SECOND_SAMPLER,
        seed=another_seed(5),
    )  # fmt: skip
    expected = _drawn(pack, second, {small.digest: small})
    drawn = _drawn(pack, request_, {SOURCE.digest: SOURCE})
    assert (drawn.width, drawn.height) == (request_.width, request_.height)
    other = _drawn(pack, replace(request_, seed=6), {SOURCE.digest: SOURCE})
    gap, far = (np.abs(each.array.astype(int) - expected.array).mean() for each in (drawn, other))
    assert gap < 3, "by hand, the first is rounded to whole levels"
    assert far > 10 * gap


def test_its_recipe_draws_it_again_alone(pack: Pack) -> None:
    events = _run(_engine(pack), {"a": ask(seed=7, count=3, **LARGE)})
    for event in events:
        if isinstance(event, Drawn):
            assert event.request == ask(seed=7 + event.index, precision=EXACT, **LARGE)
            again = from_mapping(to_mapping(event.request))
            assert event.pixels is not None
            assert _difference(_drawn(pack, again), event.pixels) <= 1


def test_previews_count_the_steps_of_both_stages_and_what_is_left_of_both(pack: Pack) -> None:
    events = _run(_engine(pack), {"a": ask(steps=3, **LARGE)})
    previews = [event for event in events if isinstance(event, Previewed)]
    steps = 3 + SECOND_STEPS
    assert [(event.step, event.steps) for event in previews] == [(step, steps) for step in range(1, steps + 1)]
    left = [event.seconds_left for event in previews]
    assert all(seconds is not None and seconds > 0 for seconds in left), "it is still to be decoded and written down"
    assert isinstance(events[-1], Finished)
    assert len([event for event in events if isinstance(event, Drawn)]) == 1


def test_what_is_expected_of_it_is_what_it_takes(pack: Pack) -> None:
    request = ask(count=2, **LARGE)
    rows = stages.prepare("a", request, pack, {})
    assert inputs_of(request, pack) == pytest.approx(sum(map(cost_left, rows)))
    assert inputs_of(request, pack) > inputs_of(request.base, pack)
    assert inputs_of(request.base, pack) == pytest.approx(
        sum(cost_left(row) for row in stages.prepare("a", request.base, pack, {}))
    )


def test_small_and_large_pictures_share_calls_and_come_out_as_alone(pack: Pack) -> None:
    requests: dict[str, Request] = {"plain": ask(seed=1), "large": ask(seed=2, **LARGE), "other": ask(seed=3, **LARGE)}
    alone = {job: _drawn(pack, request) for job, request in requests.items()}
    engine = _engine(pack, inputs=64)
    events = _run(engine, requests)
    for job, expected in alone.items():
        assert _difference(_pixels(events, job)[0], expected) <= 1, job
    assert engine.calls <= 4 + 2 * SECOND_STEPS * 3, "the first stages of all three are four calls"


@pytest.mark.parametrize("steps_before", [2, 6])
def test_stopped_in_either_stage_what_there_is_can_be_kept(pack: Pack, steps_before: int) -> None:
    engine = _engine(pack)
    engine.submit("a", ask(**LARGE))
    step = 0
    while step < steps_before:
        step = max([step, *(event.step for event in engine.step() if isinstance(event, Previewed))])
    events = engine.cancel("a", keep=True)
    [kept] = [event for event in events if isinstance(event, Drawn)]
    assert kept.stopped_at == steps_before
    assert kept.pixels is not None
    assert kept.pixels.width == (SIDE if steps_before < 4 else 4 * SIDE)
    assert isinstance(events[1], Cancelled)
    assert not engine.has_work


def test_whenever_it_is_stopped_once_there_is_something_to_see_that_is_kept(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the second stage began, it had predicted nothing yet, and nothing was kept of a picture that was all there."""
    assert pack.upscaler is not None
    monkeypatch.setattr(drawn_module, "SLICE_SECONDS", 0.0)  # pieces are decoded one by one
    monkeypatch.setattr(rows_module, "TILES_A_CALL", 4)  # and a step of the second stage takes three calls
    monkeypatch.setattr(pack.upscaler.first_stage, "piece", 40)
    request = ask(seed=5, steps=3, **LARGE)
    first, whole = _drawn(pack, request.base), _drawn(pack, request)
    found, most = [], 100
    for calls in range(most):
        engine = _engine(pack)
        events = engine.submit("a", request)
        for _ in range(calls):
            events += engine.step()
        if isinstance(events[-1], Finished):
            break
        seen = [event for event in events if isinstance(event, Previewed)]
        kept = [event for event in engine.cancel("a", keep=True) if isinstance(event, Drawn)]
        assert len(kept) == (1 if seen else 0), f"after {calls} calls of the engine"
        found += [(event.stopped_at, event.pixels) for event in kept]
        assert [event.stopped_at for event in kept] in ([], [None], [seen[-1].step if seen else 0])
        assert not engine.has_work
    assert len(found) < most - 1
    between = [pixels for stopped_at, pixels in found if stopped_at == 3]
    assert len(between) > 2, "before the second stage, and while its first step is half done"
    for pixels in between:
        assert pixels is not None
        assert (pixels.width, _difference(pixels, first)) == (SIDE, 0)
    last = [pixels for stopped_at, pixels in found if stopped_at is None]
    assert len(last) > 2, "while it is decoded; what has taken all its steps is whole"
    assert all(pixels is not None and _difference(pixels, whole) == 0 for pixels in last)


def test_previews_of_the_second_stage_have_the_first_ones_colours(pack: Pack) -> None:
    """The stand-in for its decoder is off by a colour at each latent, of which there is one for each pixel of the first
    stage's picture."""
    for width, height in ((4 * SIDE, 4 * SIDE), (16 * SIDE, 8 * SIDE), (8 * SIDE, 4 * SIDE + 32)):
        request = ask(seed=5, steps=2, width=width, height=height, cascade=True)
        small = _drawn(pack, request.base).array
        events = _run(_engine(pack), {"a": request})
        previews = [event for event in events if isinstance(event, Previewed)][2:]
        assert len(previews) == SECOND_STEPS
        for picture in decoded([event.jpeg for event in previews]):
            assert abs(picture.shape[1] / picture.shape[0] - width / height) < 0.05, "nothing of the canvas's margin"
            seen, expected = (cv2.resize(each, (16, 8), interpolation=cv2.INTER_AREA) for each in (picture, small))
            assert np.abs(seen.astype(int) - expected).mean() < 6, "but for JPEG"


def test_a_second_stage_that_cannot_begin_ends_its_picture_alone(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    follow, failed = stages._follow, []

    def fail_first(*given: object) -> object:
        if not failed:
            failed.append(given)
            raise ValueError("broken")
        return follow(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(stages, "_follow", fail_first)
    events = _run(_engine(pack), {"a": ask(**LARGE), "b": ask(seed=9, **LARGE)})
    ends = {event.job: event for event in events if isinstance(event, (Failed, Finished))}
    assert sorted(type(end).__name__ for end in ends.values()) == ["Failed", "Finished"]
    assert all(isinstance(end.error, JobFailed) for end in ends.values() if isinstance(end, Failed))


def test_in_strict_mode_its_bits_are_the_same_in_any_company(pack: Pack) -> None:
    alone, together = (
        _run(Engine({NAME: pack}, Limits(inputs=16, strict=True)), requests)
        for requests in (
            {"a": ask(seed=2, **LARGE)},
            {"b": ask(seed=5), "a": ask(seed=2, **LARGE), "c": ask(seed=6, **LARGE)},
        )
    )
    assert np.array_equal(_pixels(alone, "a")[0].array, _pixels(together, "a")[0].array)


def test_sides_that_no_first_stage_can_have_are_refused() -> None:
    for side in (128, 248, 264, 2080):
        with pytest.raises(InvalidRequest, match=r"(256|64) to 2048"):
            ask(width=side, height=512, cascade=True)
    with pytest.raises(InvalidRequest, match="true or false"):
        ask(width=512, height=512, cascade=1)
    assert ask(width=512, height=256, cascade=True).base == ask(width=128, height=64)


def test_a_pack_that_draws_in_one_stage_says_so_before_the_job_waits(pack: Pack) -> None:
    plain = replace(pack, info=replace(pack.info, cascades=False))
    [failed] = Engine({NAME: plain}).submit("a", ask(**LARGE))
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, PackError)
    assert "draws in one stage" in str(failed.error)


def test_a_trajectory_has_a_frame_of_each_step_of_both_stages_in_one_size(pack: Pack) -> None:
    events = _run(_engine(pack), {"a": ask(steps=3, trajectory=True, **LARGE)})
    frames = [event.jpeg for event in events if isinstance(event, Previewed) and event.is_frame]
    assert {frame.shape for frame in decoded(frames)} == {(4 * SIDE, 4 * SIDE, 3)}
    assert len(frames) == 3 + SECOND_STEPS


def test_the_estimate_at_the_start_is_of_both_stages(pack: Pack) -> None:
    engine = _engine(pack)
    _run(engine, {"a": ask()})
    both, one = (
        next(event.seconds for event in _run(engine, {job: each}) if isinstance(event, Started))
        for job, each in (("both", ask(**LARGE)), ("one", ask()))
    )
    assert both is not None
    assert one is not None
    assert both > one
