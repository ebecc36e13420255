"""Boxes steer their own rows, as diffusers' GLIGEN pipeline would have it, and nobody else's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionGLIGENPipeline

from studio.engine.engine import Engine
from studio.engine.row import Row
from studio.engine.scheduler import Limits
from studio.engine.step import StepResult, step_rows
from studio.errors import PackError
from studio.events import Drawn, Event
from studio.images.pixels import Mask, Pixels
from studio.models.conditioning import ConditioningBatch
from studio.models.model import Denoiser, Pack
from studio.requests.inpaint import Inpaint
from studio.requests.request import Request
from studio.tasks import find_task
from studio.tasks.layout_to_image import prepare
from tests.miniature import (
    BOAT,
    HOUSE,
    NAME,
    OTHER,
    SIDE,
    SOURCE,
    ask,
    ask_interpolate,
    ask_layout,
    ask_vary,
    make_pack,
    make_unet,
)

PHOTO = Pixels.of(np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
MASK = Mask.of(np.pad(np.full((30, 30), 255, np.uint8), ((10, 24), (20, 14))))
IMAGES = {PHOTO.digest: PHOTO, MASK.digest: MASK, SOURCE.digest: SOURCE, OTHER.digest: OTHER}


def _run(row: Row) -> torch.Tensor:
    while not row.is_done:
        (move,) = step_rows([row])
        assert isinstance(move, StepResult)
        row.move(move.state, move.x0)
    return row.latent


SCENE = "a house, a tree and 蓝船"  # says all that is in the boxes, so that nothing is added to it


def _relative(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_a_layout_is_drawn_as_diffusers_draws_it(share: float, guidance: float) -> None:
    """The reference loads the same weights in its own way: all rows' gates open at once, tokens made anew each time."""
    pack = make_pack("epsilon", sees_masks=False)
    schedule = pack.denoiser.tables.process
    scheduler = DDIMScheduler(
        beta_start=schedule.beta_start, beta_end=schedule.beta_end, beta_schedule=schedule.beta_schedule,
        clip_sample=False, set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip
    reference = StableDiffusionGLIGENPipeline(
        pack.first_stage.model, pack.tower.model, pack.tower.tokenizer, make_unet(sees_masks=False), scheduler, None, None,
        requires_safety_checker=False,
    )  # fmt: skip
    reference.set_progress_bar_config(disable=True)
    expected = reference(
        SCENE, height=SIDE, width=SIDE, num_inference_steps=6, guidance_scale=guidance,
        gligen_phrases=[HOUSE["phrase"], BOAT["phrase"]], gligen_boxes=[HOUSE["box"], BOAT["box"]],
        gligen_scheduled_sampling_beta=share, generator=torch.Generator().manual_seed(3), output_type="latent",
    ).images[0]  # fmt: skip
    request = ask_layout(SCENE, steps=6, guidance=guidance, grounding=share, sampler="DDIM", seed=3)
    (row,) = prepare("job", request, pack, {})
    assert _relative(_run(row), expected) <= 1e-4


def test_boxes_phrases_and_grounding_all_matter_and_none_is_text_alone(pack: Pack) -> None:
    def drawn(request: Request) -> torch.Tensor:
        return _run(find_task(request).prepare("job", request, pack, {})[0])

    whole = drawn(ask_layout(SCENE))
    elsewhere = drawn(ask_layout(SCENE, boxes=(HOUSE, {**BOAT, "box": [0.1, 0.1, 0.4, 0.3]})))
    other = drawn(ask_layout(SCENE, boxes=(HOUSE, {**BOAT, "phrase": "a green tree"})))
    half = drawn(ask_layout(SCENE, grounding=0.5))
    plain = drawn(ask(SCENE))
    for changed in (elsewhere, other, half, plain):
        assert _relative(changed, whole) > 1e-3
    assert torch.equal(drawn(ask_layout(SCENE, grounding=0.0)), plain)
    assert _relative(drawn(ask_layout(SCENE, boxes=(BOAT, HOUSE))), whole) < 1e-4, "their order is of no account"


def test_an_empty_prompt_is_made_of_the_phrases_from_left_to_right(pack: Pack) -> None:
    (row,) = prepare("job", ask_layout(boxes=(BOAT, HOUSE, HOUSE)), pack, {})
    assert torch.equal(row.guidance.conditional.text, pack.text.encode("a red house, 蓝船").text)
    (row,) = prepare("job", ask_layout(SCENE), pack, {})
    assert torch.equal(row.guidance.conditional.text, pack.text.encode(SCENE).text)


def _requests() -> dict[str, Request]:
    """Layouts, one with its gates shut halfway and one without guidance; inpainting; variations, one that begins from its
    source; pictures on the way from one to another; and words alone."""
    inpaint = Inpaint(
        prompt="a red house", pack=NAME, image=PHOTO.digest, mask=MASK.digest, width=SIDE, height=SIDE, steps=6,
        sampler="UniPC Karras", seed=5,
    )  # fmt: skip
    return {
        "plain": ask("the sea", steps=6, sampler="Euler a", seed=1),
        "layout": ask_layout("two things", steps=6, seed=2),
        "inpaint": inpaint,
        "half": ask_layout(steps=6, seed=3, grounding=0.5, sampler="DDIM", guidance=7.0),
        "unguided": ask_layout("one thing", steps=6, seed=4, guidance=1.0, boxes=(BOAT,), sampler="LCM"),
        "variation": ask_vary(steps=6, seed=6, likeness=0.7, prompt="the sea", sampler="DPM++ 2M Karras"),
        "from its source": ask_vary(steps=10, strength=0.6, seed=7, guidance=1.0, sampler="DDIM"),
        "on the way": ask_interpolate(steps=6, seed=8, begin=0.3),
    }


def _pictures(engine: Engine, requests: dict[str, Request]) -> dict[str, np.ndarray]:
    events: list[Event] = []
    for name, request in requests.items():
        events += engine.submit(name, request, owner=name, images=IMAGES)
    while engine.has_work:
        events += engine.step()
    return {event.job: event.pixels.array for event in events if isinstance(event, Drawn) and event.pixels}


def test_rows_of_text_layout_inpainting_and_variations_share_calls_and_come_out_as_alone(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The U-Net is called once a step for all eight people, with boxes for the layouts' inputs only, and pictures that
    act on those of the variations."""
    requests = _requests()
    alone = {name: _pictures(Engine({NAME: pack}), {name: request})[name] for name, request in requests.items()}
    calls: list[tuple[int, int, int]] = []
    call = Denoiser.__call__

    def counted(self: Denoiser, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch,
                *rest: Any) -> torch.Tensor:  # fmt: skip
        assert conditioning.layout is not None
        assert conditioning.image is not None
        steered = int((conditioning.image.scale > 0).sum())
        calls.append((len(latents), len(conditioning.layout.tokens), steered))
        return call(self, latents, timesteps, conditioning, *rest)

    monkeypatch.setattr(Denoiser, "__call__", counted)
    together = _pictures(Engine({NAME: pack}, Limits(inputs=16)), requests)
    assert calls == [(14, 5, 5)] * 3 + [(14, 3, 5)] * 3
    for name, picture in together.items():
        assert np.abs(picture.astype(int) - alone[name]).max() <= 1, name


def test_in_strict_mode_boxes_of_others_do_not_change_a_bit(pack: Pack) -> None:
    requests = _requests()
    limits = Limits(inputs=16, strict=True)
    alone = {name: _pictures(Engine({NAME: pack}, limits), {name: request})[name] for name, request in requests.items()}
    together = _pictures(Engine({NAME: pack}, limits), requests)
    for name, picture in together.items():
        assert np.array_equal(picture, alone[name]), name


def test_a_pack_that_takes_no_boxes_says_so() -> None:
    with pytest.raises(PackError, match="cannot be steered by boxes"):
        prepare("job", ask_layout(), make_pack(takes_boxes=False), {})
