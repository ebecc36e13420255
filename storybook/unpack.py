"""Makes checkpoints of the shipped pack, so that training goes on from it where the run's own folder is gone.

    python -m storybook.unpack --preset small
    python -m storybook.denoiser --preset small --steps 24000     # more than training.json says it has had

What a pack does not hold starts anew: the optimisers' states, the towers' classifiers, the scale of CLIP's logits, and
what the average knows beyond the weights themselves. Checkpoints that are there already are left alone.

Where the pack was trained on another world (its tokenizer has other words), only what knows no words goes on from where
it was: both first stages and the upscaler. The text encoder is trained anew, and the denoiser and its layers begin
their first step with the pack's weights: they can draw already, and learn new words faster than from nothing. Where the
preset's first stage has more latent channels than the pack's, it begins with the pack's as the first of them.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel, UNet2DModel, VQModel
from safetensors.torch import load_file
from torch import nn
from transformers import CLIPTextModel, CLIPVisionModelWithProjection, PreTrainedTokenizerFast

from storybook import autoencoder, clip, decoder, denoiser, few_steps, image_prompt, layout, reader, text_encoder
from storybook.pack import STEPS_FILE
from storybook.presets import Stage
from storybook.run import CHECKPOINT, START, Options, Run, options
from storybook.tokenizer import make_tokenizer, stored_tokenizer
from studio.packs.catalogue import (
    ASSETS,
    FEW_STEPS,
    IMAGE_ENCODER,
    IMAGE_PROMPT,
    STORYBOOK,
    SUPER_RESOLUTION,
    read_json,
)
from studio.packs.clip import TEXT_PROJECTION
from studio.packs.image_prompt import load_published

READER = "reader.safetensors"  # among what is kept of an unfinished run; a pack has none
SMALL = 0.2  # of the usual first weights, for channels that the pack does not have


def unpack(pack: Path, options: Options) -> None:
    """Writes the checkpoints of all stages into ``options.folder``.

    Raises ``ValueError`` where the pack was made with another preset.
    """
    made = json.loads((pack / STEPS_FILE).read_text())
    if made["preset"] != options.preset.name:
        raise ValueError(f"{pack} was made with the preset {made['preset']!r}, not {options.preset.name!r}.")
    for name, (model, stage) in _first_stages(pack, options).items():
        _write_checkpoint(name, model, stage, made["steps"], options)
    has_other_latents = (pack / "vae").is_dir() and _latent_channels(pack) != options.preset.latent_channels
    if has_other_latents and "autoencoder" in made["steps"]:
        _write_start("autoencoder", _widened(pack, options), options)
    if (pack / READER).is_file():
        _write_checkpoint("reader", reader.load(pack / READER), options.preset.reader, made["steps"], options)
    if not (pack / "tokenizer").is_dir():
        return
    is_same_world = not has_other_latents and _words(pack / "tokenizer") == make_tokenizer().get_vocab()
    print("the same world: all goes on" if is_same_world else "another world: what reads words begins anew")
    tokenizer = stored_tokenizer(text_encoder.tokenizer_folder(options))
    models: dict[str, tuple[nn.Module, Stage]] = {}
    text = None
    if is_same_world and (pack / "text_encoder").is_dir():
        text = CLIPTextModel.from_pretrained(pack / "text_encoder")
        captions = text_encoder.build(options, tokenizer)
        captions.encoder.load_state_dict(text.state_dict())
        models["text_encoder"] = captions, options.preset.text
    if is_same_world and (pack / IMAGE_ENCODER).is_dir():
        models["clip"] = _clip(pack, options), options.preset.clip
    if (pack / "unet").is_dir():
        models |= _denoisers(pack, text, options)
    for name, (model, stage) in models.items():
        if is_same_world:
            _write_checkpoint(name, model, stage, made["steps"], options)
        elif name in made["steps"]:
            _write_start(name, model.state_dict(), options)


def _denoisers(pack: Path, text: CLIPTextModel | None, options: Options) -> dict[str, tuple[nn.Module, Stage]]:
    """The denoiser, with its text encoder where it reads the words of this world, and the layers in it."""
    unet = UNet2DConditionModel.from_pretrained(pack / "unet")
    base = UNet2DConditionModel.from_config({**unet.config, "attention_type": "default"})
    base.load_state_dict({key: value for key, value in unet.state_dict().items() if key in base.state_dict()})
    if unet.config.out_channels != options.preset.latent_channels:
        base = _with_more_channels(base, options)
    models: dict[str, tuple[nn.Module, Stage]] = {
        "denoiser": (nn.ModuleDict({"unet": base}) if text is None else denoiser.Storybook(base, text),
                     options.preset.denoiser),
        "layout": (layout.GatedLayers(layout.gated(unet)), options.preset.layout),
    }  # fmt: skip
    if (pack / FEW_STEPS).is_file():
        student = few_steps.FewSteps(copy.deepcopy(base))
        student.load_lora(load_file(pack / FEW_STEPS))
        models["few_steps"] = student, options.preset.few_steps
    if (pack / IMAGE_PROMPT).is_file():
        prompting = image_prompt.ImagePrompt(copy.deepcopy(base), options.preset.vision_width)
        weights = load_file(pack / IMAGE_PROMPT)
        if "image_proj.latents" in weights:  # the first packs had one embedding of the whole picture
            load_published(prompting.image_proj, prompting.ip_adapter, weights)
            models["image_prompt"] = prompting, options.preset.image_prompt
    return models


def _write_start(name: str, weights: Mapping[str, torch.Tensor], options: Options) -> None:
    (options.folder / name).mkdir(parents=True, exist_ok=True)
    torch.save({key: value.float() for key, value in weights.items()}, options.folder / name / START)
    print(f"{name}: begins with weights of the pack")


def _latent_channels(pack: Path) -> int:
    return int(read_json(pack / "vae" / "config.json")["latent_channels"])


def _widened(pack: Path, options: Options) -> dict[str, torch.Tensor]:
    """The pack's first stage with the preset's latent channels: its own come first, and do what they did."""
    old = AutoencoderKL.from_pretrained(pack / "vae").state_dict()
    few, many = _latent_channels(pack), options.preset.latent_channels
    weights = autoencoder.build(options).state_dict()
    for key, value in weights.items():
        if value.shape == old[key].shape:
            weights[key] = old[key]
            continue
        # Means come first, then the logarithms of variances; a convolution of one pixel begins as the identity.
        rows = [*range(few), *range(many, many + few)] if "quant_conv" in key or "encoder" in key else [*range(few)]
        rows = [*range(few)] if key.startswith("post_quant") else rows
        columns = rows if key.startswith("quant_conv") else [*range(few)]
        wide = torch.eye(len(value)).reshape(value.shape) if value.shape[2:] == (1, 1) else SMALL * value
        wide = torch.zeros_like(value) if value.dim() == 1 else wide
        if key.startswith("decoder"):
            wide[:, :few] = old[key]
        elif key.startswith("encoder") or value.dim() == 1:
            wide[rows] = old[key]
        else:
            wide[torch.tensor(rows)[:, None], torch.tensor(columns)] = old[key]
        weights[key] = wide
    return weights


def _with_more_channels(old: UNet2DConditionModel, options: Options) -> UNet2DConditionModel:
    """``old`` for the preset's latent channels: its own come first, and do what they did."""
    torch.manual_seed(2)
    unet = UNet2DConditionModel(**options.preset.denoiser_config())
    few, many = old.config.out_channels, options.preset.latent_channels
    weights = {**old.state_dict()}
    into = SMALL * unet.conv_in.weight.detach()  # of latent, mask and masked latent
    into[:, [*range(few), many, *range(many + 1, many + 1 + few)]] = weights["conv_in.weight"]
    out, bias = SMALL * unet.conv_out.weight.detach(), torch.zeros(many)
    out[:few], bias[:few] = weights["conv_out.weight"], weights["conv_out.bias"]
    unet.load_state_dict(weights | {"conv_in.weight": into, "conv_out.weight": out, "conv_out.bias": bias})
    return unet


def _words(tokenizer: Path) -> dict[str, int]:
    return PreTrainedTokenizerFast.from_pretrained(tokenizer).get_vocab()


def _first_stages(pack: Path, options: Options) -> dict[str, tuple[nn.Module, Stage]]:
    """What reads no words, as far as the pack has it."""
    models: dict[str, tuple[nn.Module, Stage]] = {}
    if (pack / "vae").is_dir() and _latent_channels(pack) == options.preset.latent_channels:
        first_stage = AutoencoderKL.from_pretrained(pack / "vae")
        models["autoencoder"] = first_stage, options.preset.autoencoder
        models["decoder"] = decoder.Decoder(first_stage), options.preset.decoder
    if (fine := pack / SUPER_RESOLUTION).is_dir():
        models["vq_autoencoder"] = VQModel.from_pretrained(fine / "vqvae"), options.preset.vq
        models["upscaler"] = UNet2DModel.from_pretrained(fine / "unet"), options.preset.upscaler
    return models


def _write_checkpoint(name: str, model: nn.Module, stage: Stage, steps: Mapping[str, int], options: Options) -> None:
    if name not in steps:
        return
    if (options.folder / name / CHECKPOINT).exists():
        print(f"{name}: has a checkpoint already, left alone")
        return
    (options.folder / name / START).unlink(missing_ok=True)  # of another pack: it would take this one's place
    run = Run(name, model.float(), stage, options)
    run.step = run.begun = steps[name]
    run.save()
    print(f"{name}: {run.step} steps")


def _clip(pack: Path, options: Options) -> clip.Clip:
    model = clip.build(options)
    model.vision.load_state_dict(CLIPVisionModelWithProjection.from_pretrained(pack / IMAGE_ENCODER).state_dict())
    model.text_projection.load_state_dict(load_file(pack / TEXT_PROJECTION))
    return model


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--pack", type=Path, default=ASSETS / STORYBOOK)
    given, rest = parser.parse_known_args(arguments)
    unpack(given.pack, options("unpack", rest))


if __name__ == "__main__":
    main()
