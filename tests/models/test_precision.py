"""What `fast` costs in exactness, and that both precisions live beside each other: a recipe names the one that it was
drawn in, and is drawn again in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from studio.engine.engine import Engine
from studio.engine.residents import PackKey
from studio.errors import PackError
from studio.events import Drawn, Event, Failed
from studio.models.acceleration import precision
from studio.models.acceleration.precision import bfloat16_pays, make_fast, pick_dtype, pick_precision
from studio.models.catalogue import STORYBOOK
from studio.models.loading import load_pack
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.limits import EXACT, FAST
from studio.requests.request import Request
from studio.requests.text_to_image import TextToImage
from tests.miniature import NAME, SOURCE, ask, ask_layout, ask_vary, make_pack

pytestmark = pytest.mark.slow

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
MOST_DISTANCE = 2.0  # levels of 0..255, in the mean


@pytest.fixture(scope="module")
def both() -> dict[str, Pack]:
    """The shipped pack in both precisions."""
    return {name: load_pack(find_pack(STORYBOOK), CPU, precision=name) for name in (EXACT, FAST)}


def _drawn(engine: Engine, *requests: Request) -> list[Drawn]:
    events: list[Event] = []
    for number, request in enumerate(requests):
        events += engine.submit(str(number), request, images={SOURCE.digest: SOURCE})
    while engine.has_work:
        events += engine.step()
    assert not [event for event in events if isinstance(event, Failed)]
    return sorted((event for event in events if isinstance(event, Drawn)), key=lambda event: event.job)


def _distance(one: Drawn, other: Drawn) -> float:
    assert one.pixels is not None
    assert other.pixels is not None
    return float(np.abs(one.pixels.array.astype(float) - other.pixels.array).mean())


@pytest.mark.parametrize("sampler", ["DPM++ 2M Karras", "Euler a", "DDIM", "UniPC Karras"])
def test_what_is_drawn_fast_is_the_same_picture(both: dict[str, Pack], sampler: str) -> None:
    request = TextToImage(
        prompt="a red house by the sea at night",
        pack=STORYBOOK,
        width=128,
        height=128,
        steps=12,
        seed=3,
        sampler=sampler,
    )
    engine = Engine()
    for pack in both.values():
        engine.add_pack(STORYBOOK, pack)
    exact, fast = _drawn(engine, replace(request, precision=EXACT), replace(request, precision=FAST))
    assert 0 < _distance(exact, fast) <= MOST_DISTANCE
    assert (exact.request.precision, fast.request.precision) == (EXACT, FAST), "the recipe names it"


def test_the_second_stage_is_drawn_fast_as_well(both: dict[str, Pack]) -> None:
    request = TextToImage(prompt="a blue boat", pack=STORYBOOK, width=256, height=256, steps=6, cascade=True)
    exact, fast = (_drawn(Engine({STORYBOOK: pack}), request)[0] for pack in both.values())
    assert 0 < _distance(exact, fast) <= 2 * MOST_DISTANCE


def test_a_recipe_is_drawn_again_in_its_own_precision() -> None:
    """To the bit, whatever the studio is set to."""
    engine = Engine()
    for name in (FAST, EXACT):
        engine.add_pack(NAME, _miniature(name))
    [first] = _drawn(engine, ask(seed=5, precision=FAST))
    [again] = _drawn(engine, first.request)
    [other] = _drawn(engine, replace(first.request, precision=EXACT))
    assert again.pixels == first.pixels
    assert other.request.precision == EXACT
    assert _distance(first, other) > 0


def test_both_precisions_never_share_a_call() -> None:
    engine = Engine()
    for name in (FAST, EXACT):
        engine.add_pack(NAME, _miniature(name))
    for number, name in enumerate((FAST, EXACT, FAST, EXACT)):
        engine.submit(str(number), ask(precision=name, seed=number))
    engine.step()
    assert engine.inputs == 4, "two guided pictures of one precision"


def test_every_kind_of_request_can_be_drawn_fast() -> None:
    """Boxes, pictures as prompts and super-resolution reach the U-Nets in types of their own."""
    engine = Engine({NAME: _miniature(FAST)})
    pictures = _drawn(engine, ask(), ask_layout("two things"), ask_vary(), ask(width=256, height=256, cascade=True))
    assert len(pictures) == 4
    assert all(picture.pixels is not None and picture.pixels.array.std() > 0 for picture in pictures)


def test_a_precision_that_is_not_there_is_refused() -> None:
    [failed] = Engine({NAME: make_pack()}).submit("a", ask(precision=FAST))
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, PackError)
    assert str(failed.error) == f"The pack {NAME!r} is not loaded; there is {NAME} in precision {EXACT}."


def test_auto_is_fast_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick_precision("auto", CUDA) == FAST
    assert [pick_precision(name, CPU) for name in (EXACT, FAST)] == [EXACT, FAST]
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    for seconds, expected in ((0.5, FAST), (0.9, EXACT), (3.0, EXACT)):  # emulated, bfloat16 is slower
        monkeypatch.setattr(
            precision, "_seconds_of_convolution", lambda dtype, fast=seconds: fast if dtype == torch.bfloat16 else 1.0
        )
        assert pick_precision("auto", CPU) == expected
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert not bfloat16_pays(), "a CPU that cannot multiply it is not asked"


def test_packs_are_loaded_in_float32_on_the_cpu_and_where_exactness_is_asked_for() -> None:
    assert {pick_dtype(CPU, name) for name in (EXACT, FAST)} == {torch.float32}
    assert pick_dtype(CUDA, EXACT) == torch.float32


def test_only_the_denoisers_are_in_bfloat16() -> None:
    pack = _miniature(FAST)
    assert pack.upscaler is not None
    assert {pack.denoiser.network.dtype, pack.upscaler.network.dtype} == {torch.bfloat16}
    assert {pack.first_stage.model.dtype, pack.tower.model.dtype} == {torch.float32}
    assert pack.denoiser.grounding is not None
    assert next(pack.denoiser.grounding.net.parameters()).dtype == torch.float32


def test_the_engine_names_what_is_there() -> None:
    engine = Engine({NAME: make_pack()})
    assert engine.packs == (PackKey(NAME, EXACT),)


def _miniature(name: str) -> Pack:
    pack = replace(make_pack(), precision=name)
    if name == FAST:
        make_fast(pack)
    return pack
