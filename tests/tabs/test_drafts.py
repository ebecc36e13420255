"""What is drawn while one types: small, quick, and gone again."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from studio.backends.scripted import ScriptedClient
from studio.errors import QueueFull
from studio.events import Drawn, Event, Failed, Finished, Previewed, Queued, Started
from studio.images.pixels import Pixels
from studio.models.catalogue import QUICK_STEPS, PackInfo
from studio.requests.text_to_image import TextToImage
from tabs.components import drafts
from tabs.components.drafts import ENOUGH, PATIENCE_SECONDS, STEPS, draft_of, drawn
from tests.miniature import ask

PACK = PackInfo("storybook", "Storybook", "", size=128)
REQUEST = ask()


def _at(step: int, steps: int = STEPS) -> Previewed:
    return Previewed("job", 0, step, steps, b"step %d" % step, None)


@pytest.mark.parametrize(
    ("asked", "drafted"),
    [((512, 512), (128, 128)), ((768, 512), (160, 96)), ((2048, 512), (256, 64)), ((256, 256), (128, 128))],
)
def test_a_draft_has_the_shape_of_the_picture_and_no_more_pixels_than_the_model_draws_best(
    asked: tuple[int, int], drafted: tuple[int, int]
) -> None:
    request = TextToImage(
        prompt="a house", pack="storybook", width=asked[0], height=asked[1], steps=100, count=4, seed=7, cascade=True,
        variation=0.5, variation_seed=3,
    )  # fmt: skip
    draft = draft_of(request, PACK)
    assert (draft.width, draft.height) == drafted
    assert (draft.steps, draft.count, draft.cascade, draft.variation) == (STEPS, 1, False, 0.0)
    assert (draft.prompt, draft.seed, draft.sampler) == ("a house", 7, request.sampler)


def test_a_sampler_that_needs_more_steps_gets_them_for_a_draft() -> None:
    request = ask(sampler="SA-Solver", schedule="Beta", steps=40)
    draft_of(request, PACK).check_sampling()


def test_a_model_with_layers_for_few_steps_drafts_by_them_to_the_end() -> None:
    request = ask(schedule="Karras", guidance=7.0)
    draft = draft_of(request, replace(PACK, few_steps=True))
    assert (draft.sampler, draft.schedule, draft.steps, draft.guidance) == ("LCM", "", QUICK_STEPS, 1.0)
    client = ScriptedClient([_at(QUICK_STEPS - 1, QUICK_STEPS)], [_at(QUICK_STEPS, QUICK_STEPS)])
    assert drawn(client, draft, "me", "") == b"step %d" % QUICK_STEPS


def test_it_is_shown_as_soon_as_one_can_see_where_it_is_heading_and_stopped() -> None:
    client = ScriptedClient([_at(1)], [_at(ENOUGH - 1)], [_at(ENOUGH)], [_at(ENOUGH + 1)])
    assert drawn(client, REQUEST, "me", "") == b"step %d" % ENOUGH
    assert client.cancelled == ["job"]


def test_what_is_drawn_before_anybody_looked_is_shown() -> None:
    """On a busy machine all steps may pass between two looks, and what is drawn has no previews any more."""
    grey = Pixels.of(np.full((16, 16, 3), 128, np.uint8))
    client = ScriptedClient([_at(1)], [Drawn("job", 0, REQUEST, "", 1.0, pixels=grey), Finished("job")])
    draft = drawn(client, REQUEST, "me", "")
    assert draft is not None
    assert np.abs(np.asarray(Image.open(io.BytesIO(draft))).astype(int) - grey.array).max() <= 1


@pytest.mark.parametrize("end", [Failed("job", QueueFull("Many are waiting.")), Finished("job")])
def test_who_cannot_have_one_is_not_troubled(end: Event) -> None:
    client = ScriptedClient([end])
    assert drawn(client, REQUEST, "me", "") is None
    assert client.cancelled == ["job"]


def test_nobody_waits_long_for_a_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "PATIENCE_SECONDS", 0.0)
    client = ScriptedClient([Queued("job", 3)], [], [_at(ENOUGH)])
    assert drawn(client, REQUEST, "me", "") is None
    assert client.cancelled == ["job"]


def test_the_first_of_all_waits_for_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever writes the first words of a studio's day and waits would never see a draft of them."""
    monkeypatch.setattr(drafts, "time", SimpleNamespace(monotonic=itertools.count(0.0, PATIENCE_SECONDS).__next__))
    client = ScriptedClient([], [], [], [Started("job"), _at(ENOUGH)])
    assert drawn(client, REQUEST, "me", "") == b"step %d" % ENOUGH
    assert drawn(ScriptedClient([Started("job")], [], [_at(ENOUGH)]), REQUEST, "me", "") is None, "the clock goes on"
