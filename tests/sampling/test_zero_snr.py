"""A noise schedule that ends in noise alone: every sampler gets a table that is finite and begins there, and those of
diffusers that can rescale a schedule themselves do the same."""

from __future__ import annotations

from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from studio.errors import InvalidRequest
from studio.sampling.catalogue import SAMPLERS, Sampler, find_sampler
from studio.sampling.process import BetaSchedule, Coefficients, find_prediction
from studio.sampling.table import SamplerTable
from studio.sampling.trace import Tables, trace
from tests.sampling.test_table import SHAPE, _noises, _table_loop, _toy_model

ZERO = BetaSchedule("v_prediction", zero_snr=True)
EVERY_TABLE = [sampler.on(schedule) for sampler in SAMPLERS.values() for schedule in ("", *sampler.schedules)]
EVERY_TABLE = list({(each.scheduler, *sorted(each.options.items())): each for each in EVERY_TABLE[::-1]}.values())
DPM2_A = "KDPM2AncestralDiscreteScheduler"
STOPS_WITH_NOISE = ("DDIM on Uniform", "PLMS on Uniform")  # more than others that stop there


def _is_finite(table: SamplerTable) -> bool:
    parts = table.weights, table.input_scale, table.signal, table.noise
    return all(bool(torch.isfinite(part).all()) for part in parts)


def test_the_schedule_is_the_published_one() -> None:
    """Lin et al. 2024, algorithm 1, in float64: square roots of the signal are shifted to end at 0 and scaled to begin
    where they did."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    roots = np.sqrt(np.cumprod(1 - betas))
    expected = ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2
    found = np.cumprod(1 - np.array(ZERO.scheduler_config()["trained_betas"]))
    np.testing.assert_allclose(found[:-1], expected[:-1], rtol=2e-4)
    assert found[-1] == pytest.approx(2.0**-24, rel=1e-6), "diffusers' own: most samplers divide by it"


@pytest.mark.parametrize("sampler", EVERY_TABLE, ids=lambda sampler: sampler.name)
def test_every_table_is_finite_and_begins_with_noise_alone(sampler: Sampler) -> None:
    steps = 28
    table = trace(sampler, ZERO, steps)
    assert _is_finite(table)
    assert (table.signal[0] / table.noise[0]) ** 2 < 1e-6
    assert table.timesteps[0] >= 998
    assert table.initial_scale < 5000
    assert _is_finite(trace(sampler, ZERO, steps, first_call=steps // 2 * sampler.calls))


@pytest.mark.parametrize("sampler", EVERY_TABLE, ids=lambda sampler: sampler.name)
def test_few_steps_are_finite_or_refused(sampler: Sampler) -> None:
    """DPM2 a takes the root of a rounding error where one stride goes from 4096 to the lowest noise."""
    for steps in (sampler.fewest_steps, 8):
        found = _traced_or_refused(sampler, steps)
        if isinstance(found, str):
            assert sampler.scheduler == DPM2_A
            assert f"more of them with {sampler.name} and this model" in found
        else:
            assert _is_finite(found)


def _traced_or_refused(sampler: Sampler, steps: int) -> SamplerTable | str:
    try:
        return trace(sampler, ZERO, steps)
    except InvalidRequest as error:
        return str(error)


@pytest.mark.parametrize("sampler", EVERY_TABLE, ids=lambda sampler: sampler.name)
def test_every_sampler_lands_on_the_one_picture_that_a_denoiser_knows(sampler: Sampler) -> None:
    """As it predicts v, from noise alone; float32 of latents that begin at 4096 leaves some thousandths."""
    table = trace(sampler, ZERO, 28)
    generator = torch.Generator().manual_seed(4)
    picture = torch.randn(SHAPE, generator=generator)
    calls, previews = iter(range(table.calls)), []

    def knows_one_picture(x: torch.Tensor, t: float) -> torch.Tensor:
        at = next(calls)
        a, b = table.input_scale[at] * table.signal[at], table.input_scale[at] * table.noise[at]
        v = a * (x - a * picture) / b - b * picture
        coefficients = Coefficients(table.input_scale[at], table.signal[at], table.noise[at])
        previews.append(find_prediction("v_prediction")(x / table.input_scale[at], v, coefficients))
        return v

    start = table.initial_scale * torch.randn(SHAPE, generator=generator)
    landed = _table_loop(table, knows_one_picture, start, _noises(table))
    lowest = 0.3 if sampler.name in STOPS_WITH_NOISE else 0.03 * 4.5 if table.signal[-1] < 1 else 0.02
    assert (landed - picture).abs().max() < lowest
    assert all((preview - picture).abs().max() < 5e-3 for preview in previews)


@pytest.mark.parametrize(
    ("name", "schedule", "options"),
    [
        ("Euler", "SGM Uniform", {"timestep_spacing": "trailing"}),
        ("Euler", "", {"timestep_spacing": "linspace"}),
        ("Euler a", "SGM Uniform", {"timestep_spacing": "trailing"}),
        ("DPM++ 2M", "", {"timestep_spacing": "trailing"}),
        ("DPM++ 2M Karras", "", {"use_karras_sigmas": True}),
        ("UniPC Karras", "", {"use_karras_sigmas": True, "solver_type": "bh2"}),
        ("DDIM", "", {"timestep_spacing": "trailing", "clip_sample": False, "set_alpha_to_one": False}),
    ],
)
def test_tables_equal_the_schedulers_that_rescale_themselves(name: str, schedule: str, options: dict[str, Any]) -> None:
    """DDIM's own spacing would never see the last time, so it is drawn with on trailing steps (section 3.2). There
    diffusers takes a signal of 0 in place of 2^-24, whose root is 2.4e-4."""
    sampler, model = find_sampler(name).on(schedule), _toy_model()
    table = Tables(ZERO).table(sampler, 20)
    plain = BetaSchedule("v_prediction").scheduler_config()
    scheduler = getattr(diffusers, sampler.scheduler)(**plain, rescale_betas_zero_snr=True, **options)
    scheduler.set_timesteps(20)
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3)) * table.initial_scale
    found = _table_loop(table, model, x, _noises(table))
    generator = torch.Generator().manual_seed(2)
    takes_generator = "generator" in type(scheduler).step.__code__.co_varnames
    for t in scheduler.timesteps:
        output = model(scheduler.scale_model_input(x, t), float(t))
        x = scheduler.step(output, t, x, **({"generator": generator} if takes_generator else {})).prev_sample
    assert (found - x).norm() / x.norm() < 3e-4
