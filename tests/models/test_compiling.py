"""Which calls are compiled, what they are filled up with, and that nobody waits for a compiler. With a compiler that
compiles nothing: what the real one makes of a U-Net is measured by ``python -m benchmarks.unet``."""

from __future__ import annotations

import logging
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
import torch
from torch import nn

from studio.models.acceleration import compiling
from studio.models.acceleration.compiling import BUCKETS, Compiled, bucket_of
from studio.models.adapters.gligen import Layout
from studio.models.adapters.ip_adapter import ImagePrompts
from studio.models.catalogue import STORYBOOK
from studio.models.conditioning import ConditioningBatch
from studio.models.loading import load_pack
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.limits import EXACT, FAST

pytestmark = pytest.mark.slow

SECONDS = 60


class Noted:
    """In place of `torch.compile`: notes the shapes that it is asked for, and computes what the model does."""

    def __init__(self, may_begin: bool = True, error: Exception | None = None) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.gate, self.error = Event(), error
        if may_begin:
            self.gate.set()

    def __call__(self, model: Any) -> Any:
        noted = self

        class Program(nn.Module):
            def forward(self, latents: torch.Tensor, *given: Any, **named: Any) -> Any:
                assert noted.gate.wait(SECONDS)
                if noted.error is not None:
                    raise noted.error
                noted.shapes.append(tuple(latents.shape))
                return model(latents, *given, **named)

            def __getattr__(self, name: str) -> Any:
                return getattr(model, name)

            def parameters(self, recurse: bool = True) -> Any:
                return model.parameters(recurse)

        return Program()


def _call(pack: Pack, count: int, **more: Any) -> tuple[torch.Tensor, torch.Tensor, ConditioningBatch]:
    generator, width = torch.Generator().manual_seed(count), pack.denoiser.network.config.cross_attention_dim
    text, concat = torch.randn(count, 8, width, generator=generator), torch.randn(count, 5, 8, 8, generator=generator)
    prompts = ImagePrompts(torch.randn(count, 4, width, generator=generator), torch.rand(count, 1, 1))
    conditioning = ConditioningBatch(text, concat=concat, image=prompts)
    return torch.randn(count, 4, 8, 8, generator=generator), torch.rand(count), replace(conditioning, **more)


def _settle(compiled: Compiled) -> None:
    for shape in [*compiled._shapes.values()]:
        shape.result(SECONDS)


@torch.inference_mode()
def test_calls_are_filled_up_to_few_sizes_and_say_what_the_model_says(pack: Pack) -> None:
    compiler, model = Noted(), pack.denoiser.network
    compiled = Compiled(pack.denoiser.architecture.predict, compiler)
    for _ in range(2):
        for count in range(1, 13):
            given = _call(pack, count)
            said = compiled(model, *given)
            assert torch.allclose(said, pack.denoiser.architecture.predict(model, *given), atol=1e-5), count
            _settle(compiled)
    assert {shape[0] for shape in compiler.shapes} == {1, 2, 4, 8, 12}
    assert len(compiler.shapes) == 5 + 7 + 12, "each size once beside, then whatever finds its size ready"


@torch.inference_mode()
def test_nobody_waits_for_the_compiler(pack: Pack) -> None:
    compiler, model, given = Noted(may_begin=False), pack.denoiser.network, _call(pack, 3)
    compiled = Compiled(pack.denoiser.architecture.predict, compiler)
    wanted = pack.denoiser.architecture.predict(model, *given)
    for _ in range(3):
        assert torch.equal(compiled(model, *given), wanted)
    compiler.gate.set()
    _settle(compiled)
    assert compiler.shapes == [(4, 9, 8, 8)], "asked for once, and filled up"


@torch.inference_mode()
def test_boxes_loras_and_crowds_are_left_to_the_model(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler, model = Noted(), pack.denoiser.network
    compiled = Compiled(pack.denoiser.architecture.predict, compiler)
    boxes = Layout(torch.randn(1, 8, model.config.cross_attention_dim), 1)
    compiled(model, *_call(pack, 2, layout=boxes))
    compiled(model, *_call(pack, BUCKETS[-1] + 1))
    monkeypatch.setattr(model, "had_loras", True, raising=False)
    compiled(model, *_call(pack, 2))
    assert compiled._shapes == {}


@torch.inference_mode()
def test_what_cannot_be_compiled_is_called_as_it_is(pack: Pack, caplog: pytest.LogCaptureFixture) -> None:
    compiled, model, given = (
        Compiled(pack.denoiser.architecture.predict, Noted(error=OSError("no compiler"))),
        pack.denoiser.network,
        _call(pack, 2),
    )
    with caplog.at_level(logging.ERROR):
        for _ in range(4):
            assert torch.equal(compiled(model, *given), pack.denoiser.architecture.predict(model, *given))
            _settle(compiled)
    assert len(caplog.records) == 1


@torch.inference_mode()
def test_there_is_an_end_to_shapes(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of every size would compile for ever."""
    monkeypatch.setattr(compiling, "MOST_SHAPES", 2)
    compiled = Compiled(pack.denoiser.architecture.predict, Noted())
    for count in (1, 2, 4, 8):
        compiled(pack.denoiser.network, *_call(pack, count))
    _settle(compiled)
    assert len(compiled._shapes) == 2


def test_every_number_has_its_bucket() -> None:
    assert [bucket_of(count) for count in (1, 3, 9, 33, 64, 65)] == [1, 4, 12, 48, 64, None]


def test_only_what_is_drawn_fast_is_compiled() -> None:
    """The exact one would differ in its last bits before and after its program is there."""
    info, device = find_pack(STORYBOOK), torch.device("cpu")
    fast, exact = (load_pack(info, device, precision=each, compiles=True) for each in (FAST, EXACT))
    assert fast.upscaler is not None
    assert (fast.denoiser.compiles, fast.upscaler.compiles, exact.denoiser.compiles) == (True, True, False)
    assert isinstance(fast.denoiser._predict_base, Compiled)
