"""What comes with a picture if it is asked for: frames of its steps, and how well it shows the words."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from studio.engine import job as job_module
from studio.events import Drawn, Event, Previewed
from studio.models.model import Pack
from studio.requests.request import Request
from tests.engine.test_engine import _engine
from tests.miniature import SIDE, ask


def _events(pack: Pack, request: Request) -> list[Event]:
    engine = _engine(pack)
    events = engine.submit("a", request)
    while engine.has_work:
        events += engine.step()
    return events


def _frames(events: list[Event]) -> list[np.ndarray]:
    jpegs = [event.jpeg for event in events if isinstance(event, Previewed) and event.is_frame]
    return [np.asarray(Image.open(io.BytesIO(jpeg))) for jpeg in jpegs]


def _difference(frame: np.ndarray, picture: np.ndarray) -> float:
    return float(np.abs(frame.astype(int) - picture).mean())


def test_each_step_is_decoded_in_full_and_the_last_frame_is_the_picture(pack: Pack) -> None:
    events = _events(pack, ask(steps=5, trajectory=True))
    (drawn,) = [event for event in events if isinstance(event, Drawn)]
    frames = _frames(events)
    assert [frame.shape for frame in frames] == [(SIDE, SIDE, 3)] * 5
    assert drawn.pixels is not None
    assert _difference(frames[-1], drawn.pixels.array) < 6, "but for JPEG"
    assert _difference(frames[0], drawn.pixels.array) > _difference(frames[-1], drawn.pixels.array)


def test_nobody_pays_for_frames_that_were_not_asked_for(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    decode = pack.first_stage.decode_piece
    monkeypatch.setattr(
        pack.first_stage, "decode_piece", lambda latents: (decoded.append(len(latents)), decode(latents))[1]
    )
    assert _frames(_events(pack, ask(steps=5))) == []
    assert len(decoded) == 1


def test_a_film_changes_nothing_of_its_picture(pack: Pack) -> None:
    plain, filmed = (
        next(event.pixels for event in _events(pack, ask(trajectory=film)) if isinstance(event, Drawn))
        for film in (False, True)
    )
    assert plain == filmed


def test_several_pictures_are_compared_with_their_words_and_a_single_one_is_not(pack: Pack) -> None:
    scores = [event.similarity for event in _events(pack, ask(count=3)) if isinstance(event, Drawn)]
    assert len(set(scores)) == 3
    assert all(score is not None and -1 <= score <= 1 for score in scores)
    for request in (ask(count=1), ask("", count=2)):
        assert {event.similarity for event in _events(pack, request) if isinstance(event, Drawn)} == {None}


@torch.no_grad()
def test_a_score_is_the_cosine_of_what_both_towers_say(pack: Pack) -> None:
    """The text tower without any padding, which must not count."""
    assert pack.clip is not None
    assert pack.clip.text_projection is not None
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    small = np.asarray(Image.fromarray(picture).reduce(SIDE // 32))  # averaged, as the vision tower sees it
    pixels = torch.from_numpy(small.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    seen = pack.clip.vision(pixels).image_embeds[0]
    tokens = pack.tower.tokenizer("a red house", return_tensors="pt").input_ids
    read = pack.clip.text_projection @ pack.tower.model(tokens).last_hidden_state[0].mean(0)
    expected = float(torch.nn.functional.cosine_similarity(seen, read, dim=0))
    assert pack.similarity(picture, "a red house") == pytest.approx(expected, abs=1e-2)


def test_a_picture_whose_score_or_frame_cannot_be_made_is_drawn_all_the_same(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: object) -> float:
        raise RuntimeError("no memory for that")

    monkeypatch.setattr(type(pack), "similarity", broken)
    monkeypatch.setattr(job_module, "encode_frame", broken)
    events = _events(pack, ask(count=2, trajectory=True, steps=3))
    assert sum(isinstance(event, Drawn) for event in events) == 2
    assert sum(isinstance(event, Previewed) for event in events) == 6, "the usual previews are there"
    assert _frames(events) == []
