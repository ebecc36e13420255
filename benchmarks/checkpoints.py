"""Small checkpoints of random weights: of every family that the studio serves one in the layout that its publisher
chose, written by the classes of diffusers and transformers that read the real ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers.models.embeddings import (
    ImageProjection,
    IPAdapterFullImageProjection,
    IPAdapterPlusImageProjection,
)
from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertConfig, LDMBertModel
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, processors
from torch import nn
from transformers import CLIPTextConfig, CLIPVisionConfig

from studio.models.adapters.clip import PREPROCESSING
from studio.models.adapters.ip_adapter import ImageAttention, add_image_attention, published
from studio.models.catalogue import IMAGE_PROMPT
from studio.models.text.tokenizers import clip_tokenizer

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
WIDTH, SECOND_WIDTH = 32, 48  # of text encoders; in a single file the two are told apart by it
END = 49407
FLOW_WIDTH = 96  # what transformers attend to
LETTERS = "abcdefghijklmnopqrstuvwxyz ,.▁"
FLUX_DEV = {
    "use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256,
    "max_image_seq_len": 4096, "shift": 3.0,
}  # fmt: skip
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def _random(model: nn.Module, seed: int = 0) -> Any:
    """Every weight, those that begin as zeros included."""
    generator = torch.Generator().manual_seed(seed)
    model.eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def _unet(**options: Any) -> Any:
    torch.manual_seed(0)
    usual = {
        "block_out_channels": (32, 64), "layers_per_block": 1, "sample_size": 8, "in_channels": 4, "out_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "cross_attention_dim": WIDTH,
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "attention_head_dim": 4,
    }  # fmt: skip
    return _random(diffusers.UNet2DConditionModel(**{**usual, **options}))


def _plain_unet(channels: int, out: int) -> Any:
    torch.manual_seed(0)
    return _random(diffusers.UNet2DModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=16, in_channels=channels, out_channels=out,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    ))  # fmt: skip


def _autoencoder(blocks: int = 4, **options: Any) -> Any:
    """With a factor of 8, or less for fewer ``blocks``."""
    torch.manual_seed(1)
    return _random(diffusers.AutoencoderKL(
        block_out_channels=(32,) * blocks, latent_channels=4, down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks, **options,
    ))  # fmt: skip


def _vq() -> Any:
    torch.manual_seed(1)
    return _random(diffusers.VQModel(
        block_out_channels=(32, 32, 32), latent_channels=3, num_vq_embeddings=64,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
    ))  # fmt: skip


def _text(width: int = WIDTH, kind: Any = transformers.CLIPTextModel, padding: int = END) -> Any:
    torch.manual_seed(2)
    return _random(kind(CLIPTextConfig(
        hidden_size=width, intermediate_size=48, num_attention_heads=4, num_hidden_layers=3, projection_dim=WIDTH,
        vocab_size=END + 1, bos_token_id=END - 1, eos_token_id=END, pad_token_id=padding,
    )))  # fmt: skip


def _vision() -> Any:
    torch.manual_seed(3)
    return _random(transformers.CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=WIDTH, projection_dim=WIDTH, num_hidden_layers=2, num_attention_heads=4, image_size=32,
        intermediate_size=48, patch_size=8,
    )))  # fmt: skip


def _scheduler(kind: str = "DDIMScheduler", **options: Any) -> Any:
    usual = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1} if kind == "DDIMScheduler" else {}
    return getattr(diffusers, kind)(**{**BETAS, **usual, **options})


def _write(folder: Path, parts: Mapping[str, Any], shard: str) -> Path:
    for name, part in parts.items():
        sharded = {"max_shard_size": shard} if isinstance(part, diffusers.ModelMixin) else {}
        part.save_pretrained(folder / name, **sharded)
    return folder


def _stable_diffusion(**unet: Any) -> dict[str, Any]:
    return {
        "unet": _unet(**unet), "vae": _autoencoder(), "text_encoder": _text(), "tokenizer": clip_tokenizer(END),
        "scheduler": _scheduler(),
    }  # fmt: skip


def _sixteen_channels(scale: float, shift: float) -> Any:
    """The autoencoder of models that were trained by flow matching."""
    torch.manual_seed(1)
    return _random(diffusers.AutoencoderKL(
        block_out_channels=(32,) * 4, latent_channels=16, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, use_quant_conv=False, use_post_quant_conv=False,
        scaling_factor=scale, shift_factor=shift,
    ))  # fmt: skip


def _t5() -> Any:
    torch.manual_seed(4)
    return _random(transformers.T5EncoderModel(transformers.T5Config(
        vocab_size=len(LETTERS) + 3, d_model=FLOW_WIDTH, d_kv=8, d_ff=48, num_layers=2, num_heads=4,
    )))  # fmt: skip


def _t5_tokenizer() -> Any:
    """One token a letter, and the end behind them."""
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -1.0) for letter in LETTERS)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=2))
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", model_max_length=512
    )


def _stable_diffusion_3(**transformer: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    usual = {
        "sample_size": 8, "patch_size": 2, "in_channels": 16, "out_channels": 16, "num_layers": 2,
        "attention_head_dim": 8, "num_attention_heads": 4, "joint_attention_dim": FLOW_WIDTH,
        "caption_projection_dim": 32, "pooled_projection_dim": 2 * WIDTH, "pos_embed_max_size": 24,
    }  # fmt: skip
    with_projection = transformers.CLIPTextModelWithProjection
    return {
        "transformer": _random(diffusers.SD3Transformer2DModel(**{**usual, **transformer})),
        "vae": _sixteen_channels(1.5305, 0.0609),
        "text_encoder": _text(kind=with_projection), "tokenizer": clip_tokenizer(END),
        "text_encoder_2": _text(SECOND_WIDTH, with_projection), "tokenizer_2": clip_tokenizer(0),
        "text_encoder_3": _t5(), "tokenizer_3": _t5_tokenizer(),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    }  # fmt: skip


def _flux(scheduler: Mapping[str, Any], *, guidance: bool) -> dict[str, Any]:
    torch.manual_seed(0)
    return {
        "transformer": _random(diffusers.FluxTransformer2DModel(
            in_channels=64, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=FLOW_WIDTH, pooled_projection_dim=WIDTH, guidance_embeds=guidance,
            axes_dims_rope=(4, 4, 8),
        )),
        "vae": _sixteen_channels(0.3611, 0.1159),
        "text_encoder": _text(), "tokenizer": clip_tokenizer(END),
        "text_encoder_2": _t5(), "tokenizer_2": _t5_tokenizer(),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(**scheduler),
    }  # fmt: skip


def _stable_diffusion_xl(**unet: Any) -> dict[str, Any]:
    """The width that the U-Net reads is that of both text encoders together."""
    usual = {
        "cross_attention_dim": WIDTH + SECOND_WIDTH, "addition_embed_type": "text_time", "addition_time_embed_dim": 8,
        "transformer_layers_per_block": (1, 2), "projection_class_embeddings_input_dim": 6 * 8 + WIDTH,
        "use_linear_projection": True, "attention_head_dim": (2, 4),
    }  # fmt: skip
    return {
        "unet": _unet(**{**usual, **unet}), "vae": _autoencoder(scaling_factor=0.13025), "text_encoder": _text(),
        "text_encoder_2": _text(SECOND_WIDTH, transformers.CLIPTextModelWithProjection, padding=0),
        "tokenizer": clip_tokenizer(END), "tokenizer_2": clip_tokenizer(0),
        "scheduler": _scheduler("EulerDiscreteScheduler"),
    }  # fmt: skip


def _latent_diffusion() -> dict[str, Any]:
    torch.manual_seed(2)
    bert = _random(LDMBertModel(LDMBertConfig(
        vocab_size=31, encoder_layers=2, encoder_ffn_dim=64, encoder_attention_heads=4, head_dim=8, d_model=WIDTH,
        pad_token_id=0,
    )))  # fmt: skip
    words = {word: number for number, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"))}
    words |= {letter: len(words) + number for number, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
    tokenizer = transformers.BertTokenizer(vocab=words, model_max_length=77)
    return {
        "unet": _unet(), "vqvae": _autoencoder(), "bert": bert, "tokenizer": tokenizer, "scheduler": _scheduler()
    }  # fmt: skip


def _noised_upscaler() -> dict[str, Any]:
    return {
        "unet": _unet(in_channels=7, num_class_embeds=1000), "vae": _autoencoder(3, scaling_factor=0.08333),
        "text_encoder": _text(), "tokenizer": clip_tokenizer(END),
        "scheduler": _scheduler(prediction_type="v_prediction"),
        "low_res_scheduler": _scheduler("DDPMScheduler", beta_start=0.0001, beta_end=0.02, beta_schedule="linear"),
    }  # fmt: skip


def _image_variation() -> dict[str, Any]:
    return {"unet": _unet(), "vae": _autoencoder(), "image_encoder": _vision(), "scheduler": _scheduler()}


LINEAR = {"beta_start": 0.0015, "beta_end": 0.0155, "beta_schedule": "scaled_linear"}
FAMILIES: dict[str, Callable[[], dict[str, Any]]] = {
    "Stable Diffusion": _stable_diffusion,
    "Stable Diffusion, inpainting": lambda: _stable_diffusion(in_channels=9),
    "GLIGEN": lambda: _stable_diffusion(attention_type="gated", use_linear_projection=True),
    "IP-Adapter": _stable_diffusion,
    "IP-Adapter Plus": _stable_diffusion,
    "IP-Adapter Full": _stable_diffusion,
    "LCM": lambda: {**_stable_diffusion(time_cond_proj_dim=16), "scheduler": _scheduler("LCMScheduler")},
    "SDXL": _stable_diffusion_xl,
    "SDXL, inpainting": lambda: _stable_diffusion_xl(in_channels=9),
    "SDXL, IP-Adapter": _stable_diffusion_xl,
    "x4 upscaler": _noised_upscaler,
    "image variation": _image_variation,
    "LDM": _latent_diffusion,
    "LDM, unconditional": lambda: {
        "unet": _plain_unet(3, 3), "vqvae": _vq(), "scheduler": _scheduler(**LINEAR)
    },
    "Stable Diffusion 3": _stable_diffusion_3,
    "Stable Diffusion 3.5": lambda: _stable_diffusion_3(qk_norm="rms_norm", dual_attention_layers=(0,)),
    "FLUX.1 dev": lambda: _flux(FLUX_DEV, guidance=True),
    "FLUX.1 schnell": lambda: _flux({"shift": 1.0}, guidance=False),
    "LDM-SR": lambda: {"unet": _plain_unet(6, 3), "vqvae": _vq(), "scheduler": _scheduler(**LINEAR)},
}  # fmt: skip


def write(family: str, folder: Path, *, shard: str = "5GB") -> Path:
    """A checkpoint of ``family`` in ``folder``; with a small ``shard``, its models lie in several files each."""
    parts = FAMILIES[family]()
    _write(folder, parts, shard)
    if "xl" in family.lower():
        (folder / "model_index.json").write_text(json.dumps({"force_zeros_for_empty_prompt": True}))
    if "IP-Adapter" in family:
        _write_image_prompt(folder, parts["unet"], family)
    if (folder / "image_encoder").is_dir():
        statistics = {"image_mean": CLIP_MEAN, "image_std": CLIP_STD}
        (folder / "image_encoder" / PREPROCESSING).write_text(json.dumps(statistics))
    return folder


def write_original(family: str, file: Path, *, configured: bool = True) -> Path:
    """A checkpoint of ``family``, Stable Diffusion or SDXL, in the original layout: one ``file``, with a folder of the
    same name beside it that holds the configuration of models so small, if it is ``configured``."""
    parts, is_xl = FAMILIES[family](), family == "SDXL"
    tensors = {f"model.diffusion_model.{name}": value for name, value in original_unet(parts["unet"]).items()}
    tensors |= {f"first_stage_model.{name}": value for name, value in _original_autoencoder(parts["vae"]).items()}
    first = "conditioner.embedders.0.transformer" if is_xl else "cond_stage_model.transformer"
    tensors |= {f"{first}.text_model.{name}": value for name, value in parts["text_encoder"].state_dict().items()}
    if is_xl:
        second = _open_clip(parts["text_encoder_2"]).items()
        tensors |= {f"conditioner.embedders.1.model.{name}": value for name, value in second}
    save_file({name: value.contiguous() for name, value in tensors.items()}, file)
    if configured:
        write(family, file.with_suffix(""))
        for weights in file.with_suffix("").rglob("*.safetensors"):
            weights.unlink()
    return file


def original_unet(unet: Any) -> dict[str, torch.Tensor]:
    """The weights of a U-Net under the names that CompVis and Stability AI gave them."""
    layers, kinds = unet.config.layers_per_block, unet.config.down_block_types
    names = {
        "conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2", "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2", "conv_norm_out": "out.0", "conv_out": "out.2",
        "mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1",
        "mid_block.resnets.1": "middle_block.2",
    }  # fmt: skip
    place = 0
    for level in range(len(kinds)):
        for layer in range(layers):
            place += 1
            names[f"down_blocks.{level}.resnets.{layer}"] = f"input_blocks.{place}.0"
            names[f"down_blocks.{level}.attentions.{layer}"] = f"input_blocks.{place}.1"
        place += 1
        names[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{place}.0.op"
    for level, kind in enumerate(unet.config.up_block_types):
        for layer in range(layers + 1):
            place = level * (layers + 1) + layer
            names[f"up_blocks.{level}.resnets.{layer}"] = f"output_blocks.{place}.0"
            names[f"up_blocks.{level}.attentions.{layer}"] = f"output_blocks.{place}.1"
        names[f"up_blocks.{level}.upsamplers.0"] = f"output_blocks.{place}.{2 if 'CrossAttn' in kind else 1}"
    inside = {
        "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
        "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
    }  # fmt: skip
    return _renamed(unet, names, inside)


def _original_autoencoder(autoencoder: Any) -> dict[str, torch.Tensor]:
    levels = len(autoencoder.config.block_out_channels)
    names = {"conv_norm_out": "norm_out", "mid_block.attentions.0": "mid.attn_1"}
    names |= {f"mid_block.resnets.{number}": f"mid.block_{number + 1}" for number in range(2)}
    for level in range(levels):
        names[f"down_blocks.{level}.downsamplers.0"] = f"down.{level}.downsample"
        names[f"up_blocks.{level}.upsamplers.0"] = f"up.{levels - 1 - level}.upsample"
        for layer in range(autoencoder.config.layers_per_block + 1):
            names[f"down_blocks.{level}.resnets.{layer}"] = f"down.{level}.block.{layer}"
            names[f"up_blocks.{level}.resnets.{layer}"] = f"up.{levels - 1 - level}.block.{layer}"
    names = {f"{side}.{name}": f"{side}.{other}" for side in ("encoder", "decoder") for name, other in names.items()}
    inside = {
        "conv_shortcut": "nin_shortcut", "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v",
        "to_out.0": "proj_out",
    }  # fmt: skip
    weights = _renamed(autoencoder, names, inside)
    return {
        name: value[:, :, None, None] if ".attn_1." in name and value.ndim == 2 else value
        for name, value in weights.items()
    }


def _renamed(model: nn.Module, modules: Mapping[str, str], inside: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """``modules`` by the beginnings of their names, then the parts ``inside`` them."""
    renamed = {}
    for name, value in model.state_dict().items():
        begin = max((each for each in modules if name.startswith(f"{each}.")), key=len, default=None)
        rest = name if begin is None else name.removeprefix(f"{begin}.")
        part = max((each for each in inside if rest.startswith(f"{each}.")), key=len, default=None)
        rest = rest if part is None else inside[part] + rest.removeprefix(part)
        renamed[rest if begin is None else f"{modules[begin]}.{rest}"] = value
    return renamed


def _open_clip(model: Any) -> dict[str, torch.Tensor]:
    """The weights of a text encoder under the names that OpenCLIP gives them."""
    weights = {name.removeprefix("text_model."): value for name, value in model.state_dict().items()}
    renamed = {
        "token_embedding.weight": weights["embeddings.token_embedding.weight"],
        "positional_embedding": weights["embeddings.position_embedding.weight"],
        "ln_final.weight": weights["final_layer_norm.weight"], "ln_final.bias": weights["final_layer_norm.bias"],
        "text_projection": weights["text_projection.weight"].T,
    }  # fmt: skip
    parts = {
        "ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    }  # fmt: skip
    for layer in range(model.config.num_hidden_layers):
        here, there = f"transformer.resblocks.{layer}", f"encoder.layers.{layer}"
        for kind in ("weight", "bias"):
            renamed |= {f"{here}.{one}.{kind}": weights[f"{there}.{other}.{kind}"] for one, other in parts.items()}
            stacked = [weights[f"{there}.self_attn.{each}_proj.{kind}"] for each in "qkv"]
            renamed[f"{here}.attn.in_proj_{kind}"] = torch.cat(stacked)
    return renamed


def _write_image_prompt(folder: Path, unet: Any, family: str) -> None:
    vision, width = _vision(), unet.config.cross_attention_dim
    vision.save_pretrained(folder / "image_encoder")
    torch.manual_seed(4)
    seen = vision.config.hidden_size
    if family.endswith("Plus"):  # of the depth and ratio that diffusers' loader takes
        projection: Any = IPAdapterPlusImageProjection(seen, width, hidden_dims=64, heads=1, num_queries=6)
    elif family.endswith("Full"):
        projection = IPAdapterFullImageProjection(seen, width)
    else:
        projection = ImageProjection(WIDTH, width, 4)
    layers = add_image_attention(unet)
    assert all(isinstance(layer, ImageAttention) for layer in layers.values())
    path = folder / IMAGE_PROMPT
    path.parent.mkdir(parents=True)
    weights = published(_random(projection, 5), _random(layers, 6))
    save_file({name: value.float() for name, value in weights.items()}, path)
