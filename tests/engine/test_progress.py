"""How far a job is: never less than before, at its end only at the end, and in time rather than in steps.

With steps alone the bar stood at its end for half of the time, while large pictures were decoded and written down.
"""

from __future__ import annotations

import numpy as np
import pytest

from studio.engine import drawn as drawn_module
from studio.engine import row as rows_module
from studio.engine.engine import Engine
from studio.engine.progress import SECONDS_A_PIXEL
from studio.engine.scheduler import Limits, ThroughputEstimate
from studio.events import Drawn, Event, Finished, Previewed, Progressed, Started
from studio.images.pixels import Image, Mask, Pixels
from studio.models.model import Pack
from studio.requests.forward_process import ForwardProcess
from studio.requests.inpaint import Inpaint
from studio.requests.request import Request
from studio.requests.super_resolve import SuperResolve
from tests.engine.test_engine import _engine
from tests.miniature import NAME, OTHER, SIDE, SOURCE, ask, ask_interpolate, ask_layout, ask_vary

MASK = Mask.of(np.pad(np.full((20, 20), 255, np.uint8), ((10, SIDE - 30), (10, SOURCE.width - 30))))
IMAGES: dict[str, Image] = {image.digest: image for image in (SOURCE, OTHER, MASK)}
LARGE = {"width": 4 * SIDE, "height": 4 * SIDE, "cascade": True}
REQUESTS: dict[str, Request] = {
    "text": ask(),
    "several that do not share a call": ask(count=5, width=2 * SIDE, height=2 * SIDE),
    "second order": ask(sampler="Heun"),
    "in two stages": ask(count=2, **LARGE),
    "by tiles": ask(width=4 * SIDE, height=SIDE),
    "layout": ask_layout(),
    "variation": ask_vary(strength=0.5),
    "interpolation": ask_interpolate(count=3),
    "inpainting": Inpaint(
        pack=NAME, prompt="", image=SOURCE.digest, mask=MASK.digest, width=SOURCE.width, height=SOURCE.height, steps=3
    ),
    "super-resolution": SuperResolve(
        pack=NAME, image=SOURCE.digest, width=4 * SOURCE.width, height=4 * SOURCE.height, steps=3, count=2
    ),
    "forward process": ForwardProcess(pack=NAME, prompt="", image=SOURCE.digest, width=2 * SIDE, height=SIDE, count=2),
    "with its trajectory": ask(trajectory=True),
}


@pytest.fixture
def in_pieces(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything large takes many calls, one after the other, as pictures of many megapixels do."""
    assert pack.upscaler is not None
    monkeypatch.setattr(drawn_module, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(rows_module, "TILES_A_CALL", 4)
    monkeypatch.setattr(pack.upscaler.first_stage, "piece", 24)


def _run(engine: Engine, request: Request) -> list[Event]:
    events = engine.submit("a", request, images=IMAGES)
    while engine.has_work:
        events += engine.step()
    return events


def _timed(pack: Pack, **limits: int) -> Engine:
    """One whose model inputs take a second, and whose decoded pixels a millisecond, whatever this machine can do."""
    engine = Engine({NAME: pack}, Limits(**limits), ThroughputEstimate(1.0))  # type: ignore[arg-type]
    resident = engine._residents[engine.packs[0]]
    resident.tempo.decoding.took(1e-3, 1)
    for pace in (resident.throughput, resident.tempo.decoding):
        pace.RECENT = 0.0
    return engine


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_it_never_falls_and_is_at_its_end_only_at_the_end(pack: Pack, in_pieces: None, request_: Request) -> None:
    events = _run(_engine(pack, inputs=4), request_)
    assert isinstance(events[-1], Finished), events[-1]
    shares = [event.share for event in events if isinstance(event, (Previewed, Progressed))]
    assert shares == sorted(shares)
    assert len(set(shares)) > 1 or len(shares) < 3
    assert shares[0] > 0
    assert shares[-1] < 1, "the last picture is still to be written down"
    left = [event.seconds_left for event in events if isinstance(event, Previewed)]
    assert all(seconds is not None and seconds > 0 for seconds in left)


def test_decoding_counts_and_is_told_piece_by_piece(pack: Pack, in_pieces: None) -> None:
    request = REQUESTS["super-resolution"]
    events = [event for event in _run(_engine(pack), request) if getattr(event, "index", 1) == 0]
    last = max(at for at, event in enumerate(events) if isinstance(event, Previewed))
    decoded = [event for event in events[last:] if isinstance(event, Progressed)]
    assert [event.tiles for event in decoded] == list(range(1, decoded[0].all_tiles))
    assert len(decoded) > 5


def test_others_go_on_while_a_large_picture_is_decoded(pack: Pack, in_pieces: None) -> None:
    engine = _engine(pack)
    events = engine.submit("large", REQUESTS["super-resolution"], images=IMAGES)
    while not any(isinstance(event, Progressed) and event.share > 0.5 for event in events):
        events = engine.step()
    events = engine.submit("small", ask(steps=2), "somebody else")
    while engine.has_work:
        events += engine.step()
    ends = [event.job for event in events if isinstance(event, Finished)]
    assert ends == ["small", "large"]


def test_in_pieces_over_several_steps_it_is_the_same_picture(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pack.upscaler is not None
    monkeypatch.setattr(pack.upscaler.first_stage, "piece", 24)
    pictures = []
    for seconds in (0.0, 1000.0):
        monkeypatch.setattr(drawn_module, "SLICE_SECONDS", seconds)
        events = _run(_engine(pack), REQUESTS["super-resolution"])
        pictures.append([event.pixels for event in events if isinstance(event, Drawn)])
    assert pictures[0] == pictures[1]


def test_it_is_the_share_of_the_time(pack: Pack) -> None:
    """Of a pack whose model input takes a second and each of whose pixels takes a millisecond to decode, four guided
    steps are eight seconds, the picture four more, and what is prepared or written next to nothing."""
    events = _run(_timed(pack), ask(steps=4))
    decoding = SIDE * SIDE * (1e-3 + SECONDS_A_PIXEL)
    shares = [event.share for event in events if isinstance(event, Previewed)]
    assert shares == pytest.approx([2 * step / (8 + decoding) for step in (1, 2, 3, 4)], abs=0.02)
    [started] = [event for event in events if isinstance(event, Started)]
    assert started.seconds == pytest.approx(8 + decoding)


def test_of_several_pictures_those_that_are_drawn_count(pack: Pack) -> None:
    """By the step of the picture that is furthest behind, three of four could be done and the bar at its beginning."""
    engine = _timed(pack, inputs=8)
    events = _run(engine, ask(count=4, width=2 * SIDE, height=2 * SIDE))
    assert sum(isinstance(event, Drawn) for event in events) == 4
    shares = [event.share for event in events if isinstance(event, Previewed)]
    assert len(set(shares)) == len(shares), "each step of each picture brings it on"
    drawn = [at for at, event in enumerate(events) if isinstance(event, Drawn)]
    after = [event.share for event in events[drawn[0] :] if isinstance(event, Previewed)]
    assert after == [] or min(after) > 0.25


def test_what_a_pixel_takes_is_learned(pack: Pack) -> None:
    engine = _engine(pack)
    _run(engine, ask())
    resident = engine._residents[engine.packs[0]]
    assert resident.tempo.decoding.seconds_per_input is not None


def test_a_picture_of_many_megapixels_is_not_nearly_done_when_its_steps_are(pack: Pack) -> None:
    """Inpainting works at the model's own size; what takes long is the picture around it."""
    side = 3000
    picture = Pixels.of(np.zeros((side, side, 3), np.uint8))
    mask = np.zeros((side, side), np.uint8)
    mask[100:200, 100:200] = 255
    whole = {image.digest: image for image in (picture, Mask.of(mask))}
    image, painted = whole
    request = Inpaint(
        pack=NAME, prompt="", image=image, mask=painted, width=side, height=side, steps=2, only_masked=True
    )
    engine = Engine({NAME: pack}, throughput=ThroughputEstimate(1e-3))
    events = engine.submit("a", request, images=whole)
    while engine.has_work:
        events += engine.step()
    *_, last = (event for event in events if isinstance(event, Previewed))
    assert last.step == last.steps
    assert last.share < 0.9
