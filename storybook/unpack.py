"""Makes checkpoints of the shipped pack, so that training goes on from it where the run's own folder is gone.

    python -m storybook.unpack --preset small
    python -m storybook.denoiser --preset small --steps 12000

What a pack does not hold starts anew: the optimisers' states, the towers' classifiers, the scale of CLIP's logits, and
what the average knows beyond the weights themselves. Checkpoints that are there already are left alone.
"""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

from diffusers import AutoencoderKL, UNet2DConditionModel, UNet2DModel, VQModel
from safetensors.torch import load_file
from torch import nn
from transformers import CLIPTextModel, CLIPVisionModelWithProjection

from storybook import clip, decoder, denoiser, image_prompt, layout, text_encoder
from storybook.pack import STEPS_FILE
from storybook.presets import Stage
from storybook.run import CHECKPOINT, Options, Run, options
from storybook.tokenizer import stored_tokenizer
from studio.packs.catalogue import ASSETS, IMAGE_ENCODER, IMAGE_PROMPT, STORYBOOK, SUPER_RESOLUTION
from studio.packs.clip import TEXT_PROJECTION
from studio.packs.image_prompt import load_published


def unpack(pack: Path, options: Options) -> None:
    """Writes the checkpoints of all stages into ``options.folder``.

    Raises ``ValueError`` where the pack was made with another preset.
    """
    made = json.loads((pack / STEPS_FILE).read_text())
    if made["preset"] != options.preset.name:
        raise ValueError(f"{pack} was made with the preset {made['preset']!r}, not {options.preset.name!r}.")
    tokenizer_folder = text_encoder.tokenizer_folder(options)
    shutil.copytree(pack / "tokenizer", tokenizer_folder, dirs_exist_ok=True)
    text = CLIPTextModel.from_pretrained(pack / "text_encoder")
    reader = text_encoder.build(options, stored_tokenizer(tokenizer_folder))
    reader.encoder.load_state_dict(text.state_dict())
    unet = UNet2DConditionModel.from_pretrained(pack / "unet")
    base = UNet2DConditionModel(**options.preset.denoiser_config())
    base.load_state_dict({key: value for key, value in unet.state_dict().items() if key in base.state_dict()})
    autoencoder = AutoencoderKL.from_pretrained(pack / "vae")
    models: dict[str, tuple[nn.Module, Stage]] = {
        "autoencoder": (autoencoder, options.preset.autoencoder),
        "decoder": (decoder.Decoder(autoencoder), options.preset.decoder),
        "text_encoder": (reader, options.preset.text),
        "denoiser": (denoiser.Storybook(base, text), options.preset.denoiser),
        "layout": (layout.GatedLayers(unet), options.preset.layout),
    }
    fine = pack / SUPER_RESOLUTION
    if fine.is_dir():
        models["vq_autoencoder"] = VQModel.from_pretrained(fine / "vqvae"), options.preset.vq
        models["upscaler"] = UNet2DModel.from_pretrained(fine / "unet"), options.preset.upscaler
    if (pack / IMAGE_PROMPT).is_file():
        models["clip"] = _clip(pack, options), options.preset.clip
        prompting = image_prompt.ImagePrompt(copy.deepcopy(base), options.preset.text_width)
        load_published(prompting.image_proj, prompting.ip_adapter, load_file(pack / IMAGE_PROMPT))
        models["image_prompt"] = prompting, options.preset.image_prompt
    for name, (model, stage) in models.items():
        if name not in made["steps"]:
            continue
        if (options.folder / name / CHECKPOINT).exists():
            print(f"{name}: has a checkpoint already, left alone")
            continue
        run = Run(name, model.float(), stage, options)
        run.step = made["steps"][name]
        run.save()
        print(f"{name}: {run.step} steps, from {pack}")


def _clip(pack: Path, options: Options) -> clip.Clip:
    model = clip.build(options)
    model.vision.load_state_dict(CLIPVisionModelWithProjection.from_pretrained(pack / IMAGE_ENCODER).state_dict())
    model.text_projection.load_state_dict(load_file(pack / TEXT_PROJECTION))
    return model


if __name__ == "__main__":
    unpack(ASSETS / STORYBOOK, options("unpack"))
