"""What a process says of noise levels, and to whom it says no."""

from __future__ import annotations

import diffusers
import pytest
import torch

from studio.errors import InvalidRequest, PackError
from studio.sampling.catalogue import BETAS, FLOW, SAMPLERS, find_sampler, samplers_for
from studio.sampling.process import BetaSchedule, DynamicShift, FlowSchedule, find_prediction
from studio.sampling.trace import Tables, one_step

DEV = {"base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256, "max_image_seq_len": 4096}


@pytest.mark.parametrize("steps", [1, 4, 28])
def test_stable_diffusion_3_has_the_noise_levels_that_its_pipeline_takes(steps: int) -> None:
    """Its scheduler shifts the end of its grid once, and the whole grid again."""
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(steps)
    expected = scheduler.sigmas[:-1].double()
    assert torch.allclose(FlowSchedule(3.0, trained=True).sigmas(steps, 0), expected, atol=1e-6)


@pytest.mark.parametrize("tokens", [256, 1024, 4096, 16384])
@pytest.mark.parametrize("kind", ["exponential", "linear"])
def test_a_shift_that_grows_with_the_picture_is_that_of_flux(tokens: int, kind: str) -> None:
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, time_shift_type=kind, **DEV)
    mu = 0.5 + (1.15 - 0.5) * (tokens - 256) / (4096 - 256)
    scheduler.set_timesteps(sigmas=[1 - place / 8 for place in range(8)], mu=mu)
    process = FlowSchedule(DynamicShift(0.5, 1.15, 256, 4096, linear=kind == "linear"))
    assert torch.allclose(process.sigmas(8, tokens), scheduler.sigmas[:-1].double(), atol=1e-6)


def test_tables_of_pictures_of_other_sizes_are_others_where_the_shift_grows() -> None:
    tables, still = Tables(FlowSchedule(DynamicShift(0.5, 1.15, 256, 4096))), Tables(FlowSchedule(3.0))
    euler = find_sampler("Euler")
    assert tables.table(euler, 8, tokens=1024) is not tables.table(euler, 8, tokens=4096)
    assert tables.table(euler, 8, tokens=1024) is tables.table(euler, 8, tokens=1024)
    assert still.table(euler, 8, tokens=1024) is still.table(euler, 8, tokens=4096)


def test_a_sampler_is_offered_only_where_it_has_a_scheduler() -> None:
    assert set(samplers_for(BETAS)) == set(SAMPLERS)
    assert {"Euler", "Heun", "DPM++ 2M", "UniPC"} < set(samplers_for(FLOW)) < set(SAMPLERS)
    with pytest.raises(InvalidRequest, match=r"sampler is 'DDIM'.*Euler"):
        FlowSchedule().make_scheduler(find_sampler("DDIM"), 8)
    for steps in (0, 151):
        with pytest.raises(InvalidRequest, match="steps"):
            FlowSchedule().make_scheduler(find_sampler("Euler"), steps)


@pytest.mark.parametrize("process", [BetaSchedule(), BetaSchedule("v_prediction"), FlowSchedule(3.0)])
def test_one_step_from_noise_ends_at_what_the_model_takes_it_for(process: BetaSchedule | FlowSchedule) -> None:
    """With a model that knows the picture, that is the picture."""
    picture, noise = torch.randn(2, 1, 4, 8, 8)
    for share in (0.1, 0.5, 0.9):
        table = one_step(process, share)
        a, b = float(table.signal[0]), float(table.noise[0])
        output = {"epsilon": noise, "v_prediction": a * noise - b * picture, "flow_prediction": noise - picture}
        latent, weights = a * picture + b * noise, table.weights[0, 0]
        landed = weights[0] * latent + weights[1] * output[process.prediction]
        assert torch.allclose(landed, picture, atol=1e-3)


def test_what_no_model_predicts_is_refused_and_not_taken_for_something_else() -> None:
    for name in ("samples", "", None, "v"):
        with pytest.raises(PackError, match="predicts"):
            find_prediction(name)
