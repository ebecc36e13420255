"""Distillation into few steps: its formulas are diffusers' own, and what it writes is a LoRA as any other."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import DDIMScheduler, LCMScheduler
from safetensors.torch import load_file

from storybook import denoiser, few_steps
from storybook.denoiser import NOISE
from storybook.run import options
from storybook.unpack import unpack
from studio.models.adapters.lora import Loras
from studio.models.catalogue import FEW_STEPS
from studio.prompts import Lora

TIMES = (999, 519, 39)


def _drawn() -> tuple[few_steps.Trajectory, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    latents, v = torch.randn(2, 1, 4, 8, 8, generator=generator)
    return few_steps.Trajectory(DDIMScheduler(**NOISE).alphas_cumprod), latents, v


def test_the_teacher_steps_as_ddim_does() -> None:
    scheduler = DDIMScheduler(**NOISE, prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False)
    scheduler.set_timesteps(few_steps.TEACHER_STEPS)
    trajectory, latents, v = _drawn()
    for at in TIMES:
        expected = scheduler.step(v, at, latents).prev_sample
        assert torch.allclose(
            trajectory.step(latents, v, torch.tensor([at]), torch.tensor([at - 20])), expected, atol=1e-5
        )


def test_where_a_trajectory_ends_is_what_lcm_takes_it_for() -> None:
    scheduler = LCMScheduler(**NOISE, prediction_type="v_prediction", clip_sample=False)
    scheduler.set_timesteps(few_steps.STEPS)
    trajectory, latents, v = _drawn()
    for at in scheduler.timesteps:
        expected = scheduler.step(v, at, latents, return_dict=False)[1]
        assert torch.allclose(trajectory.end(latents, v, at[None]), expected, atol=1e-5)


def test_what_is_learned_is_a_lora_and_who_draws_without_it_draws_as_before(toy_pack: Path, tmp_path: Path) -> None:
    given = ["--preset", "toy", "--folder", str(tmp_path / "run"), "--device", "cpu"]
    chosen = options("few_steps", given)
    unpack(toy_pack, chosen)
    unet = denoiser.trained(chosen).unet.eval()
    inputs, words = torch.randn(1, 9, 8, 8), torch.randn(1, 5, chosen.preset.text_width)
    with torch.no_grad():
        base = unet(inputs, 500, words).sample
        untrained = few_steps.build(chosen)
        assert torch.equal(untrained(inputs, torch.tensor(500), words), base), (
            "what has learned nothing changes nothing"
        )
    shipped = load_file(toy_pack / FEW_STEPS)
    unpacked = few_steps.trained(chosen).as_lora()
    assert all(torch.equal(unpacked[name], shipped[name]) for name in shipped | unpacked), "training can go on"
    few_steps.train(options("few_steps", [*given, "--steps", "8"]))
    few_steps.write(chosen, tmp_path / "loras" / "few.safetensors")
    student, loras = few_steps.trained(chosen), Loras(tmp_path / "loras", unet, [])
    with torch.no_grad():
        assert torch.equal(student.teacher(inputs, torch.tensor(500), words), base)
        expected = student(inputs, torch.tensor(500), words)
        loras.set_adapters((Lora("few"),))
        learned = (expected - base).abs().max()
        assert learned > 0.01
        assert (unet(inputs, 500, words).sample - expected).abs().max() < 0.01 * learned, "in float16"
        loras.set_adapters(())
        assert torch.equal(unet(inputs, 500, words).sample, base)
