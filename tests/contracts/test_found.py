"""Contracts over everything that is found: a new file is tested without an edit here."""

from __future__ import annotations

import inspect

import pytest

from studio.engine.effort import cost_left
from studio.events import Finished
from studio.images.pixels import Mask, Pixels
from studio.models.catalogue import PACKS
from studio.models.model import Pack
from studio.requests import kinds
from studio.requests.request import Request
from studio.requests.text_to_image import TextToImage
from studio.tasks import find_task
from tabs.locale.catalogue import ENGLISH, read_catalogue
from tabs.page import find_tabs
from tests.engine.test_engine import _engine
from tests.miniature import NAME, SIDE, own_fields


@pytest.mark.parametrize("tab", find_tabs(), ids=lambda tab: tab.TITLE)
def test_a_tab_says_what_it_is_and_can_be_built(tab) -> None:
    assert inspect.getdoc(tab)
    assert f"tab_{tab.TITLE}" in read_catalogue(ENGLISH)
    assert f"tab_{tab.TITLE}_about" in read_catalogue(ENGLISH)
    assert list(inspect.signature(tab.build).parameters) == ["client", "sessions", "browser", "picker"]


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.TASK)
def test_a_request_has_a_task_that_draws_it(kind: type[Request], pack: Pack) -> None:
    picture, mask = Pixels(SIDE, SIDE, bytes(SIDE * SIDE * 3)), Mask(SIDE, SIDE, b"\xff" * SIDE * SIDE)
    by_digest = {image.digest: image for image in (picture, mask)}
    named = {name: (mask if name == "mask" else picture).digest for name in kind.images()} | own_fields(kind)
    request = kind(pack=NAME, steps=2, **named)
    rows = find_task(request).prepare("job", request, pack, by_digest)
    assert len(rows) == request.count
    assert find_task(request).cost(request, pack) == pytest.approx(cost_left(rows[0]) / rows[0].table.calls)
    engine = _engine(pack)
    events = engine.submit("job", request, images=by_digest)
    while engine.has_work:
        events += engine.step()
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize("info", PACKS.values(), ids=lambda info: info.name)
def test_a_pack_of_the_catalogue_has_values_that_a_request_allows(info) -> None:
    TextToImage(prompt="", pack=info.name, width=info.size, height=info.size, steps=info.steps, guidance=info.guidance)
    assert info.source.startswith("/") or info.revision, "a pack from the Hub is pinned to one commit"
