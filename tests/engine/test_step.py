"""One call for many rows gives each what it would get alone, and what the diffusers loop would give it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from studio.engine.row import Part, Row
from studio.engine.step import StepResult, step_rows
from studio.models.architecture import classifier_free_guidance
from studio.models.model import Denoiser, Pack
from studio.requests.text_to_image import TextToImage
from studio.sampling.catalogue import find_sampler
from studio.sampling.trace import step_options
from studio.tasks.text_to_image import prepare
from tests.miniature import ask

SAMPLERS = (
    "DDIM", "PLMS", "Euler", "Euler a", "DPM++ 2M Karras", "DPM++ 2M SDE Karras", "UniPC Karras", "DDPM", "Heun", "LCM",
    "DPM2 Karras", "SA-Solver",
)  # fmt: skip


def _mixed_requests() -> list[TextToImage]:
    """Twelve people, twelve samplers, nothing equal but the size."""
    steps, guidance = (8, 12, 5, 9, 10, 7, 6, 11, 5, 4, 6, 8), (1.0, 3.5, 7.5, 5.0, 12.0, 4.0)
    return [
        ask(
            f"a red house number {i}", negative="rain" if i % 2 else "", sampler=name, steps=steps[i],
            guidance=guidance[i % 6], rescale=0.7 if i % 3 == 0 else 0.0, seed=100 + i, eta=0.3,
        )
        for i, name in enumerate(SAMPLERS)
    ]  # fmt: skip


def _row(request: TextToImage, pack: Pack) -> Row:
    return prepare("job", request, pack, {})[0]


def _run(arrivals: list[tuple[int, Row]], padded_to: int | None = None) -> int:
    """Steps rows together, each from its arrival on; returns the number of model calls."""
    calls = clock = 0
    while any(not row.is_done for _, row in arrivals):
        rows = [row for arrival, row in arrivals if arrival <= clock and not row.is_done]
        clock += 1
        if rows:
            stepped = step_rows(rows, padded_to)
            calls += 1
            for row, result in zip(rows, stepped, strict=True):
                if isinstance(result, Part):
                    row.parts.append(result)
                else:
                    row.move(result.state, result.x0)
    return calls


def _moves(rows: list[Row]) -> list[StepResult]:
    return [result for result in step_rows(rows) if isinstance(result, StepResult)]


@torch.no_grad()
def _diffusers_loop(request: TextToImage, pack: Pack) -> torch.Tensor:
    """The same picture through the stock scheduler, one model call after the other."""
    schedule = pack.denoiser.tables.process
    sampler = find_sampler(request.sampler)
    scheduler, timesteps = schedule.make_scheduler(sampler, request.steps)
    options: dict[str, Any] = step_options(sampler, request.eta)
    generator = torch.Generator().manual_seed(request.seed)
    side = request.width // 8
    x = torch.randn((4, side, side), generator=generator)[None] * scheduler.init_noise_sigma
    concat = pack.blank_concat(side, side)
    assert concat is not None
    conditional, unconditional = (
        pack.text.encode(request.prompt).text[None],
        pack.text.encode(request.negative).text[None],
    )
    if "generator" in type(scheduler).step.__code__.co_varnames:
        options["generator"] = generator
    for t in timesteps:
        inputs = torch.cat([scheduler.scale_model_input(x, t), concat[None]], dim=1)
        output = pack.denoiser.network(inputs, t, conditional).sample
        if request.guidance > 1:
            without = pack.denoiser.network(inputs, t, unconditional).sample
            scale, rescale = (torch.full((1, 1, 1, 1), value) for value in (request.guidance, request.rescale))
            output = classifier_free_guidance(output, without, scale, rescale)
        x = scheduler.step(output, t, x, **options).prev_sample
    return x[0]


def test_twelve_samplers_in_one_batch_give_what_each_gives_alone_and_in_diffusers(pack: Pack) -> None:
    requests = _mixed_requests()
    together = [(2 * i, _row(request, pack)) for i, request in enumerate(requests)]
    calls = _run(together)
    for request, (_, row) in zip(requests, together, strict=True):
        alone = _row(request, pack)
        _run([(0, alone)])
        assert _relative(row.latent, alone.latent) <= 1e-4, request.sampler
        assert _relative(row.latent, _diffusers_loop(request, pack)) <= 1e-4, request.sampler
    assert calls <= sum(row.table.calls for _, row in together) / 3


def _relative(one: torch.Tensor, other: torch.Tensor) -> float:
    assert torch.isfinite(other).all()
    return float((one - other).norm() / other.norm())


def test_padded_to_one_size_every_bit_is_the_same_alone_and_together(pack: Pack) -> None:
    """Strict mode. Without padding, rows agree with themselves alone to rounding only."""
    requests = _mixed_requests()
    together = [(2 * i, _row(request, pack)) for i, request in enumerate(requests)]
    _run(together, padded_to=24)
    for request, (_, row) in zip(requests, together, strict=True):
        alone = _row(request, pack)
        _run([(0, alone)], padded_to=24)
        assert torch.equal(row.latent, alone.latent), request.sampler


def test_a_row_without_guidance_costs_one_model_input(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the work for whoever does not guide."""
    seen: list[int] = []
    call = Denoiser.__call__
    monkeypatch.setattr(Denoiser, "__call__", lambda self, *given: (seen.append(len(given[0])), call(self, *given))[1])
    step_rows([_row(ask(guidance=1.0), pack), _row(ask(guidance=4.0), pack), _row(ask(guidance=1.0), pack)])
    assert seen == [4]


def test_a_retried_call_gets_the_same_noise(pack: Pack) -> None:
    """Else a call that failed for lack of memory would change the picture."""
    row = _row(ask(sampler="Euler a"), pack)
    assert torch.equal(_moves([row])[0].state, _moves([row])[0].state)


def test_a_poisoned_row_is_found_and_its_neighbours_are_untouched(pack: Pack) -> None:
    clean, poisoned = _row(ask(seed=1), pack), _row(ask(seed=2), pack)
    expected = _moves([clean, _row(ask(seed=2), pack)])[0].state
    poisoned.state[0, 0, 0, 0] = float("nan")
    moves = _moves([clean, poisoned])
    assert [move.is_finite for move in moves] == [True, False]
    assert torch.equal(moves[0].state, expected)


def test_guidance_is_the_textbooks_formula_and_rescale_restores_the_spread() -> None:
    conditional, unconditional = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    scale = torch.tensor([3.0, 9.0]).reshape(2, 1, 1, 1)
    plain = classifier_free_guidance(conditional, unconditional, scale, torch.zeros(2, 1, 1, 1))
    assert torch.allclose(plain, unconditional + scale * (conditional - unconditional))
    rescaled = classifier_free_guidance(conditional, unconditional, scale, torch.ones(2, 1, 1, 1))
    assert torch.allclose(rescaled.std(dim=(1, 2, 3)), conditional.std(dim=(1, 2, 3)), rtol=1e-4)
