"""The first stage of super-resolution: an autoencoder with a codebook, f = 4 (Rombach et al. 2022, section 3.1).

    python -m storybook.vq_autoencoder --preset small

Trained on pieces of scenes at both sizes, and used on pieces of that size, too: its normalisation looks at the whole of
what it sees, so that colours go astray in larger pictures. A codebook that begins at random collapses to a few entries,
so the model first learns without one; then the codebook begins as what the encoder says of the pictures, and entries
that nothing comes near are moved to where something is, until the learning rate cools down.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import VQModel
from numpy.typing import NDArray

from storybook import dataset, grids
from storybook.autoencoder import psnr, reconstruction_loss
from storybook.run import COOL_DOWN, Options, Run, options, pick_autocast
from studio.models.autoencoders.autoencoder import to_pictures

FREE = 0.1  # the share of the steps that have no codebook yet
MOVE_EVERY = 100  # steps
COMMITMENT = 0.5
FINE = 0.5  # the share of crops out of the large pictures


def build(options: Options) -> VQModel:
    torch.manual_seed(6)
    return VQModel(**options.preset.vq_config())


def trained(options: Options) -> VQModel:
    """The averaged weights of this stage's run, made so that latents have unit variance."""
    run = Run("vq_autoencoder", build(options), options.preset.vq, options)
    model = run.averaged(build(options))
    sample = to_pictures(dataset.unseen(64, options.preset.size)).to(options.device)
    return scaled(model, 1 / float(latents_of(model, sample).std()))


@torch.no_grad()
def latents_of(model: VQModel, pictures: torch.Tensor) -> torch.Tensor:
    """[B, 3, H, W] in -1..1 -> [B, 3, H / 4, W / 4], before they are quantised."""
    return model.encode(pictures).latents


@torch.no_grad()
def scaled(model: VQModel, scale: float) -> VQModel:
    """The same autoencoder with latents ``scale`` times as large, codebook and all."""
    for part in (model.quant_conv.weight, model.quant_conv.bias, model.quantize.embedding.weight):
        part.mul_(scale)
    model.post_quant_conv.weight.div_(scale)
    return model


@torch.no_grad()
def spread_codebook(model: VQModel, pictures: torch.Tensor, rng: np.random.Generator) -> int:
    """Moves every entry that none of ``pictures`` comes near to a place that one of them has; returns their number."""
    latents = latents_of(model, pictures).permute(0, 2, 3, 1).reshape(-1, model.quantize.vq_embed_dim)
    codebook = model.quantize.embedding.weight
    used = torch.cdist(latents, codebook).argmin(dim=1).bincount(minlength=len(codebook))
    idle = (used == 0).nonzero()[:, 0]
    chosen = rng.choice(len(latents), size=len(idle), replace=len(idle) > len(latents))
    codebook[idle] = latents[torch.from_numpy(chosen).to(latents.device)]
    return len(idle)


def train(options: Options) -> None:
    """Trains or resumes the stage; prints the PSNR on unseen scenes at each picture grid."""
    preset = options.preset
    small, fine = dataset.pictures(preset, options.folder), dataset.fine_pictures(preset, options.folder)
    model = build(options)
    run = Run("vq_autoencoder", model, preset.vq, options)
    unseen = np.concatenate(
        [dataset.unseen(16, preset.size), _middles(dataset.renders(dataset.UNSEEN, 16, preset.fine_size))]
    )
    probe = to_pictures(unseen).to(options.device)
    autocast = pick_autocast(options.device)
    first, last = int(FREE * run.steps), int((1 - COOL_DOWN) * run.steps)

    def crops(step: int, batch: int) -> torch.Tensor:
        of_fine = round(FINE * batch)
        parts = [
            dataset.crops(small, preset.size, batch - of_fine, step),
            dataset.crops(fine, preset.size, of_fine, step),
        ]
        return torch.cat(parts).to(options.device)

    def loss_of(step: int) -> torch.Tensor:
        if first <= step < last and (step - first) % MOVE_EVERY == 0:
            spread_codebook(model, crops(step, 4 * preset.vq.batch), np.random.default_rng([step, 73]))
        target = crops(step, preset.vq.batch)
        with autocast:
            latents = model.encode(target).latents
            output = model.decode(latents.float(), force_not_quantize=step < first)
        return reconstruction_loss(output.sample.float(), target) + COMMITMENT * output.commit_loss.mean()

    @torch.no_grad()
    def show() -> None:
        average = run.averaged(build(options))
        latents = latents_of(average, probe)
        output, free = (average.decode(latents, force_not_quantize=free).sample for free in (False, True))
        entries = average.quantize(latents)[2][2].unique().numel()
        print(
            f"\nstep {run.step}: PSNR on unseen scenes {psnr(output[:16], probe[:16]):.2f} dB, "
            f"on pieces of large ones {psnr(output[16:], probe[16:]):.2f} dB, "
            f"{psnr(free, probe):.2f} dB without the codebook, of which {entries} entries are used",
            flush=True,
        )
        grids.save(run.folder / "grid.png", [probe[4:12], output[4:12], probe[20:28], output[20:28]])

    run.train(loss_of, show, show_every=500)


def _middles(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle quarter of each side, a little below where the horizon is."""
    side = pictures.shape[1]
    return pictures[:, side // 2 : side * 3 // 4, side * 3 // 8 : side * 5 // 8]


if __name__ == "__main__":
    train(options("vq_autoencoder"))
