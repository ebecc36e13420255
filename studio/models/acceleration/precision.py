"""The type that models compute in: float32, in which pictures can be drawn again anywhere, or a faster one.

On CUDA devices, fast is bfloat16 throughout (float16 where there is none of it). On CPUs that multiply bfloat16, only
the denoisers are in it, which take nearly all of the time; text and pictures are encoded and decoded in float32, and
samplers compute in float32 everywhere.
"""

from __future__ import annotations

import time

import torch
from torch.nn import functional as F

from studio.models.model import Pack
from studio.requests.limits import EXACT, FAST

PAYS = 0.8  # of float32's time; a faster type that needs more of it is not worth its errors
TRIED = (16, 192, 16)  # pictures, channels and side of the convolution that decides
REPEATS = 3


def pick_precision(setting: str, device: torch.device) -> str:
    """EXACT or FAST; "auto" is FAST on CUDA devices, and on CPUs where a convolution shows that it pays."""
    if setting in (EXACT, FAST):
        return setting
    return FAST if device.type == "cuda" or bfloat16_pays() else EXACT


def pick_dtype(device: torch.device, precision: str) -> torch.dtype:
    """What a pack is loaded in: float32 on the CPU and in EXACT."""
    if device.type != "cuda" or precision == EXACT:
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def bfloat16_pays() -> bool:
    """Whether this CPU multiplies in bfloat16, and is much faster at it; found in about a tenth of a second."""
    has_instructions = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if not has_instructions or not torch.backends.mkldnn.is_available():
        return False
    return _seconds_of_convolution(torch.bfloat16) <= PAYS * _seconds_of_convolution(torch.float32)


@torch.inference_mode()
def _seconds_of_convolution(dtype: torch.dtype) -> float:
    """The best of a few, after one that warms up."""
    pictures, channels, side = TRIED
    inputs = torch.ones(pictures, channels, side, side, dtype=dtype)
    weight = torch.ones(channels, channels, 3, 3, dtype=dtype).to(memory_format=torch.channels_last)
    taken = []
    for _ in range(1 + REPEATS):
        begun = time.perf_counter()
        F.conv2d(inputs, weight, padding=1)
        taken.append(time.perf_counter() - begun)
    return min(taken[1:])


def make_fast(pack: Pack) -> None:
    """Brings the denoisers of a pack that was loaded in float32 on the CPU to bfloat16, in place."""
    for denoiser in {pack.denoiser, *([pack.upscaler] if pack.upscaler is not None else [])}:
        denoiser.network.to(torch.bfloat16)
