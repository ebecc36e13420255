"""The stage that teaches the finished denoiser to draw in four steps, without guidance's second prediction.

    python -m storybook.few_steps --preset small

Latent consistency distillation into a LoRA (Luo et al. 2023, "LCM-LoRA"): from wherever on a trajectory, the student
says where it ends, and is to say the same one DDIM step of the teacher further on. The teacher is the denoiser itself
with the pack's guidance, which thereby becomes part of the student. Only the LoRA's layers are trained; who draws
without them draws as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler, LCMScheduler, UNet2DConditionModel
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import save_file
from torch import nn

from storybook import autoencoder, dataset, denoiser, grids, text_encoder
from storybook.caption_tokens import caption_tokens
from storybook.prompts import SHEET
from storybook.run import Options, Run, options, pick_autocast, pick_layout
from storybook.tokenizer import stored_tokenizer, tokenise
from storybook.world import LANGUAGES

RANK = 32
LAYERS = (
    "to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2",
    "conv_shortcut", "time_emb_proj",
)  # fmt: skip
GUIDANCE = 4.0  # of the teacher
TEACHER_STEPS = 50  # of DDIM, from noise to picture
TIMESTEP_SCALE, DATA_DEVIATION = 10.0, 0.5  # of the boundary condition, as LCMScheduler has them
HUBER = 1e-3
STEPS = 4


class FewSteps(nn.Module):
    """The trained part: the LoRA's layers. The U-Net that they stand in is frozen and not among its parameters."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        unet.requires_grad_(False)
        unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, init_lora_weights="gaussian", target_modules=[*LAYERS]))
        self.layers = nn.ParameterList(value for name, value in unet.named_parameters() if "lora_" in name)
        self._unet = [unet]  # in a list, so that it is not registered

    @property
    def unet(self) -> UNet2DConditionModel:
        return self._unet[0]

    def forward(self, inputs: torch.Tensor, timesteps: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """inputs [B, 2 C + 1, h, w], timesteps [B], text [B, L, width] -> v [B, C, h, w]."""
        return self.unet(inputs, timesteps, text).sample

    def teacher(self, inputs: torch.Tensor, timesteps: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Likewise, as the denoiser draws without the LoRA."""
        self.unet.disable_adapters()
        try:
            return self.unet(inputs, timesteps, text).sample
        finally:
            self.unet.enable_adapters()

    def as_lora(self) -> dict[str, torch.Tensor]:
        """What `load_lora_weights` of a diffusers pipeline takes."""
        state = get_peft_model_state_dict(self.unet)
        return {f"unet.{name}": value.half().contiguous() for name, value in state.items()}

    def load_lora(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Takes on what `as_lora` gave."""
        set_peft_model_state_dict(self.unet, {name.removeprefix("unet."): value for name, value in weights.items()})


def build(options: Options) -> FewSteps:
    unet = denoiser.trained(options).unet
    torch.manual_seed(12)
    return FewSteps(unet.to(options.device, memory_format=pick_layout(options.device)))


def trained(options: Options) -> FewSteps:
    """The averaged weights of this stage's run, in their U-Net."""
    return Run("few_steps", build(options), options.preset.few_steps, options).averaged(build(options))


def write(options: Options, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(trained(options).as_lora(), file)


class Trajectory:
    """The noise schedule at each timestep, [T] each: what shares of picture and noise there are, and how much of what
    the student says at one timestep is its input (Luo et al. 2023, equation 9)."""

    def __init__(self, alphas: torch.Tensor) -> None:
        self.picture, self.noise = alphas.sqrt(), (1 - alphas).sqrt()
        scaled = TIMESTEP_SCALE * torch.arange(len(alphas))
        self.skip = DATA_DEVIATION**2 / (scaled**2 + DATA_DEVIATION**2)
        self.out = scaled / (scaled**2 + DATA_DEVIATION**2).sqrt()

    def end(self, latents: torch.Tensor, v: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Where a trajectory ends that is at ``latents`` [B, C, h, w], for a prediction ``v`` at ``timesteps`` [B]."""
        clean = _each(self.picture, timesteps) * latents - _each(self.noise, timesteps) * v
        return _each(self.skip, timesteps) * latents + _each(self.out, timesteps) * clean

    def step(self, latents: torch.Tensor, v: torch.Tensor, at: torch.Tensor, to: torch.Tensor) -> torch.Tensor:
        """DDIM's step from the timesteps ``at`` to those of ``to`` [B] each."""
        picture, noise = _each(self.picture, at), _each(self.noise, at)
        clean, rest = picture * latents - noise * v, noise * latents + picture * v
        return _each(self.picture, to) * clean + _each(self.noise, to) * rest


def _each(values: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
    return values.to(timesteps.device)[timesteps][:, None, None, None]


def huber(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Pseudo-Huber distance (Song and Dhariwal 2023), the mean over all."""
    return (((output - target).square() + HUBER**2).sqrt() - HUBER).mean()


def train(options: Options) -> None:
    preset, folder = options.preset, text_encoder.tokenizer_folder(options)
    first_stage = autoencoder.trained(options)
    latents = denoiser.encode(options, first_stage)
    tokenizer = stored_tokenizer(folder)
    captions, empty = caption_tokens(preset, options.folder, folder), tokenise(tokenizer, [""])[0]
    text = denoiser.trained(options).text.requires_grad_(False)
    model = build(options)
    run = Run("few_steps", model, preset.few_steps, options)
    noising = DDPMScheduler(**denoiser.NOISE, prediction_type="v_prediction")
    trajectory = Trajectory(noising.alphas_cumprod)
    stride = noising.config.num_train_timesteps // TEACHER_STEPS
    autocast = pick_autocast(options.device)
    samples = dataset.batches(preset.scenes, preset.few_steps.batch, run.step)
    with torch.no_grad():
        wordless = text(empty[None].to(options.device)).last_hidden_state

    def loss_of(step: int) -> torch.Tensor:
        indices, rng = next(samples), np.random.default_rng([step, 107])
        generator = torch.Generator().manual_seed(step)
        clean = latents.picture[indices].float()
        noise = torch.randn(clean.shape, generator=generator)
        at = stride * torch.randint(1, TEACHER_STEPS + 1, (len(clean),), generator=generator) - 1
        to = (at - stride).clamp(min=0)
        mask, masked = denoiser.conditioning(latents, indices, rng)
        which = rng.integers(captions.shape[1], size=len(indices))
        tokens = torch.from_numpy(captions[indices, which].astype(np.int64)).to(options.device)
        noisy, rest = noising.add_noise(clean, noise, at).to(options.device), torch.cat([mask, masked], dim=1)
        rest = rest.to(options.device)
        at, to = at.to(options.device), to.to(options.device)

        def inputs(latents: torch.Tensor) -> torch.Tensor:
            return torch.cat([latents, rest], dim=1).to(memory_format=pick_layout(options.device))

        with torch.no_grad(), autocast:
            words = text(tokens).last_hidden_state
            both = torch.cat([words, wordless.expand_as(words)])
            guided = model.teacher(inputs(noisy).repeat(2, 1, 1, 1), at.repeat(2), both).float()
            conditional, unconditional = guided.chunk(2)
            v = unconditional + GUIDANCE * (conditional - unconditional)
            further = trajectory.step(noisy, v, at, to)
            target = trajectory.end(further, model(inputs(further), to, words).float(), to)
        with autocast:  # anew: it keeps the weights that it has cast, and those above have no gradients
            output = trajectory.end(noisy, model(inputs(noisy), at, words).float(), at)
        return huber(output, target)

    def show() -> None:
        average = run.averaged(build(options))
        prompts = [SHEET[language][row] for row in range(8) for language in LANGUAGES]
        with torch.no_grad(), autocast:
            words = text(tokenise(tokenizer, prompts).to(options.device)).last_hidden_state
            drawn = sample(average, words, latents.grey.float().to(options.device))
            pictures = first_stage.decode(drawn.float() / first_stage.config.scaling_factor).sample
        grids.save(run.folder / "grid.png", [pictures.float()[column::3] for column in range(3)])

    run.train(loss_of, show, show_every=500)


@torch.no_grad()
def sample(model: FewSteps, words: torch.Tensor, grey: torch.Tensor) -> torch.Tensor:
    """A few pictures with diffusers' own LCM, to see how training goes; words [B, L, width] -> latents [B, C, h, w]."""
    scheduler = LCMScheduler(**denoiser.NOISE, prediction_type="v_prediction", clip_sample=False)
    scheduler.set_timesteps(STEPS)
    generator = torch.Generator().manual_seed(5)
    latents = torch.randn((len(words), *grey.shape), generator=generator).to(grey.device)
    rest = torch.cat([torch.ones_like(latents[:, :1]), grey.expand_as(latents)], dim=1)
    for timestep in scheduler.timesteps:
        v = model(torch.cat([latents, rest], dim=1), timestep.to(grey.device), words).float()
        latents, clean = scheduler.step(v, timestep, latents, generator=generator, return_dict=False)
    return clean


if __name__ == "__main__":
    train(options("few_steps"))
