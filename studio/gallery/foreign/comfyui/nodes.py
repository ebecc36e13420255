"""What is known of ComfyUI's node classes. A class that is not here is read by the names of its inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# Which input an output hands on, by its slot, for classes with several outputs.
PAIR: Mapping[int, str] = {0: "positive", 1: "negative"}
HANDED_ON: Mapping[str, Mapping[int, str]] = {
    "ControlNetApplyAdvanced": PAIR, "ControlNetApplySD3": PAIR, "ControlNetInpaintingAliMamaApply": PAIR,
    "InpaintModelConditioning": {**PAIR, 2: "pixels"}, "InstructPixToPixConditioning": {**PAIR, 2: "pixels"},
    "SD_4XUpscale_Conditioning": PAIR, "ConditioningSetProperties": {0: "cond_NEW"}, "PairConditioningSetProperties":
    {0: "positive_NEW", 1: "negative_NEW"}, "PairConditioningSetDefaultCombine": PAIR,
    "ApplyInstantID": {0: "model", 1: "positive", 2: "negative"},
    "LoraLoader": {0: "model", 1: "clip"}, "SplitSigmas": {0: "sigmas", 1: "sigmas"},
    "SplitSigmasDenoise": {0: "sigmas", 1: "sigmas"},
}  # fmt: skip

# Whose texts are one text, by slot, and by what they are joined where it does not say so itself.
COMBINED: Mapping[str, Mapping[int, Sequence[str]]] = {
    "ConditioningConcat": {0: ("conditioning_to", "conditioning_from")},
    "ConditioningAverage": {0: ("conditioning_to", "conditioning_from")},
    "PairConditioningCombine": {0: ("positive_A", "positive_B"), 1: ("negative_A", "negative_B")},
    "CLIPTextEncodeSDXL": {0: ("text_g", "text_l")},
    "CLIPTextEncodeSD3": {0: ("clip_g", "clip_l", "t5xxl")},
    "CLIPTextEncodeFlux": {0: ("t5xxl", "clip_l")},
    "CLIPTextEncodeHunyuanDiT": {0: ("bert", "mt5xl")},
}
NUMBERED = re.compile(r"(?:text|string|str|prompt|conditioning|cond)_?(?:[a-h]|\d{1,2})")
SEPARATORS = ("delimiter", "separator")
COMMA = ", "
REROUTE = "Reroute"  # and what other packages call so: one input, handed on
ZEROED = ("ConditioningZeroOut",)
SWITCHES: Mapping[str, tuple[str, str]] = {"ComfySwitchNode": ("on_false", "on_true")}  # by its input "switch"

# Where a value comes from, the first that there is.
TEXTS = (
    "conditioning", "conditioning_to", "cond", "populated_text", "text", "string", "prompt", "value", "str", "positive",
    "negative", "source", "any", "",
)  # fmt: skip
VALUES = ("value", "Value", "seed", "noise_seed", "int", "float", "number", "Number", "string", "text", "any", "")
POSITIVE, SEEDS = ("positive", "conditioning", "cond1", "cond"), ("seed", "noise_seed")
MODELS, CHECKPOINTS = ("model", ""), ("ckpt_name", "unet_name", "model_name", "base_ckpt_name")
NO_LATENTS = frozenset({
    "model", "clip", "vae", "positive", "negative", "conditioning", "guider", "sampler", "sigmas", "noise", "mask",
    "control_net", "clip_vision", "clip_vision_output", "seed", "noise_seed", "steps", "cfg", "text", "upscale_model",
})  # fmt: skip

SAMPLERS: Mapping[str, str] = {
    "SamplerDPMPP_3M_SDE": "dpmpp_3m_sde", "SamplerDPMPP_2M_SDE": "dpmpp_2m_sde", "SamplerDPMPP_SDE": "dpmpp_sde",
    "SamplerDPMPP_2S_Ancestral": "dpmpp_2s_ancestral", "SamplerEulerAncestral": "euler_ancestral",
    "SamplerEulerAncestralCFGPP": "euler_ancestral_cfg_pp", "SamplerLMS": "lms", "SamplerSASolver": "sa_solver",
    "SamplerDPMAdaptative": "dpm_adaptive", "SamplerER_SDE": "er_sde",
}  # fmt: skip
SCHEDULES: Mapping[str, str] = {
    "KarrasScheduler": "karras", "ExponentialScheduler": "exponential", "BetaSamplingScheduler": "beta",
    "PolyexponentialScheduler": "polyexponential", "AlignYourStepsScheduler": "align_your_steps",
}  # fmt: skip

# What need not be named: classes that every graph has, and values that change nothing.
PLUMBING = frozenset({
    "", "VAEDecode", "VAEDecodeTiled", "VAEEncode", "SaveImage", "PreviewImage", "ConditioningZeroOut",
    "CLIPTextEncode", "BasicGuider", "CFGGuider", "DualCFGGuider", "ComfySwitchNode",
})  # fmt: skip
OF_NO_WEIGHT = ("filename_prefix", "control_after_generate", "switch")
USUAL: Mapping[str, Sequence[object]] = {
    "denoise": (1,), "add_noise": ("enable", True), "return_with_leftover_noise": ("disable", False),
    "start_at_step": (0,), "batch_size": (1,), "device": ("default",), "weight_dtype": ("default",),
    "stop_at_clip_layer": (-1,),
}  # fmt: skip
