"""A trace must give what the model gives, to the bit, however a call is conditioned and whatever its size: else a
picture would depend on how many were drawn before it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from studio.models.acceleration.tracing import MOST_PARAMETERS, Traced, as_tensors, from_tensors, is_worth_tracing
from studio.models.adapters.gligen import Layout
from studio.models.adapters.ip_adapter import ImagePrompts
from studio.models.architecture import Architecture
from studio.models.catalogue import STORYBOOK
from studio.models.conditioning import ConditioningBatch
from studio.models.loading import load_pack
from studio.models.model import Denoiser, Pack
from studio.models.registry import find_pack
from studio.prompts import Lora
from studio.requests.limits import EXACT, FAST

TOKENS = 8
SHAPES = (  # inputs, height, width, tokens of the prompt, and for how many inputs gates are open
    (4, 16, 16, 24, 2), (4, 16, 16, 24, 3), (1, 16, 16, 24, 1), (7, 8, 24, 48, 1), (2, 32, 20, 24, 2), (3, 17, 16, 24, 2),
)  # fmt: skip


@pytest.fixture(scope="module", params=[EXACT, FAST])
def pack(request: pytest.FixtureRequest) -> Pack:
    """The one that ships: its layers for boxes and pictures are in the trace, too."""
    return load_pack(find_pack(STORYBOOK), torch.device("cpu"), precision=request.param)


def _calls(denoiser: Denoiser, *, boxes: bool, pictures: bool) -> Iterator[tuple[Any, ...]]:
    width = denoiser.network.config.cross_attention_dim
    for inputs, height, across, tokens, opened in SHAPES:
        layout = Layout(torch.randn(min(inputs, opened + 1), TOKENS, width), opened) if boxes else None
        prompts = torch.randn(inputs, TOKENS, width), torch.rand(inputs, 1, 1)
        extra = denoiser.network.config.in_channels - denoiser.channels
        conditioning = ConditioningBatch(
            torch.randn(inputs, tokens, width),
            layout=layout,
            image=ImagePrompts(*prompts) if pictures else None,
            concat=torch.randn(inputs, extra, height, across),
        )
        yield torch.randn(inputs, denoiser.channels, height, across), 999 * torch.rand(inputs), conditioning


@pytest.mark.parametrize("boxes", [False, True])
@pytest.mark.parametrize("pictures", [False, True])
def test_every_call_gives_the_bits_of_the_model_itself(pack: Pack, boxes: bool, pictures: bool) -> None:
    torch.manual_seed(0)
    denoiser = pack.denoiser
    traced = Traced(denoiser.architecture.predict)
    for given in _calls(denoiser, boxes=boxes, pictures=pictures):
        with torch.inference_mode():
            expected = denoiser.architecture.predict(denoiser.network, *given)
            assert torch.equal(traced(denoiser.network, *given), expected), given[0].shape
    (made,) = traced._traces.values()
    assert isinstance(made, torch.jit.ScriptModule), "else the model was compared with itself"


def test_the_upscaler_is_traced_as_well(pack: Pack) -> None:
    assert pack.upscaler is not None
    for inputs in (1, 2, 5):
        conditioning = ConditioningBatch(torch.zeros(inputs, 0, 0), concat=torch.randn(inputs, 3, 32, 32))
        given = torch.randn(inputs, 3, 32, 32), torch.rand(inputs), conditioning
        plain = replace(pack.upscaler, traces=False)
        assert torch.equal(pack.upscaler(*given), plain(*given))


def test_who_draws_with_a_lora_gets_the_model_itself(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace knows the base alone."""
    (given, *_) = _calls(pack.denoiser, boxes=False, pictures=False)
    for _ in range(3):
        pack.denoiser(*given)
    seen: list[str] = []

    def noted(*given: Any) -> torch.Tensor:
        seen.append("itself")
        return pack.denoiser.architecture.predict(*given)

    denoiser = replace(pack.denoiser, architecture=Architecture(noted))
    monkeypatch.setattr(Denoiser, "set_adapters", lambda self, loras: None)
    for _ in range(3):
        denoiser(*given, (Lora("soft", 1.0),))
    assert len(seen) == 3


def test_a_model_that_cannot_be_traced_is_called_as_it_is(caplog: pytest.LogCaptureFixture, pack: Pack) -> None:
    def torn(model: Any, latents: torch.Tensor, timesteps: torch.Tensor, rest: ConditioningBatch) -> torch.Tensor:
        if torch._C._get_tracing_state():
            raise RuntimeError("no traces here")
        return latents + 1

    denoiser = replace(pack.denoiser, architecture=Architecture(torn))
    (given, *_) = _calls(denoiser, boxes=False, pictures=False)
    with caplog.at_level(logging.ERROR):
        for _ in range(4):
            assert torch.equal(denoiser(*given), given[0] + 1)
    assert len([record for record in caplog.records if "cannot be traced" in record.message]) == 1


def test_a_failed_call_raises_what_the_model_raises(pack: Pack) -> None:
    """The engine tells by it whether memory was short (`test_engine.py`)."""

    def hungry(model: Any, latents: torch.Tensor, timesteps: torch.Tensor, rest: ConditioningBatch) -> torch.Tensor:
        return latents.new_zeros([latents.shape[0] * 2**50])  # len() would be a constant of the trace

    denoiser = replace(pack.denoiser, architecture=Architecture(hungry))
    given = torch.zeros(0, 4, 8, 8), torch.zeros(0), ConditioningBatch(torch.zeros(0, 1, 1))
    for _ in range(3):
        denoiser(*given)
    many = torch.zeros(8, 4, 8, 8), torch.zeros(8), ConditioningBatch(torch.zeros(8, 1, 1))
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        denoiser(*many)


def test_all_parts_survive_the_way_through_tensors() -> None:
    numbers = {name: torch.rand(2, 3) for name in ("text", "pooled", "time_ids", "concat", "guidance", "level")}
    whole = ConditioningBatch(
        **numbers, layout=Layout(torch.rand(2, 3), 1), image=ImagePrompts(torch.rand(2, 3), torch.rand(2, 1, 1))
    )
    back = as_tensors(whole)
    assert back.keys() == {*numbers, "boxes", "opened", "image", "image_scale"}
    again = from_tensors(back)
    assert all(torch.equal(getattr(again, name), value) for name, value in numbers.items())
    assert again.layout is not None
    assert (again.layout.tokens is back["boxes"], int(again.layout.opened)) == (True, 1)
    assert again.image == ImagePrompts(back["image"], back["image_scale"])


def test_large_models_other_devices_and_other_things_are_left_alone() -> None:
    assert is_worth_tracing(nn.Linear(2, 2))
    assert not is_worth_tracing(nn.Linear(MOST_PARAMETERS, 2, device="meta"))
    assert not is_worth_tracing(nn.Linear(2, 2, device="meta"))
    assert not is_worth_tracing(lambda latents: latents)
