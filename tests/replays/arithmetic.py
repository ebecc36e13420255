"""What decides the last bits of a picture: the version of torch, and how this machine multiplies and adds.

Processors differ in how many numbers an instruction takes, and the libraries in which order they add for a processor;
float32 keeps the order. So bits can be asked for only where both are as they were when the pictures were written.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from pathlib import Path

import diffusers
import numpy as np
import torch
import transformers
from torch.nn import functional as F

CPUINFO = Path("/proc/cpuinfo")
SAID = ("vendor_id", "cpu family", "model", "model name", "flags")  # of a processor, by Linux


def conditions() -> dict[str, str]:
    """By name. Where two of them are equal, the same recipe is asked for the same bits."""
    return {
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "processor": _digest(_processor().encode()),
        "results": _digest(b"".join(_results())),
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _processor() -> str:
    try:
        lines = [line.partition(":") for line in CPUINFO.read_text().partition("\n\n")[0].splitlines()]
    except OSError:
        return platform.processor()
    return "\n".join(f"{name.strip()}:{value}" for name, _, value in lines if name.strip() in SAID)


@torch.inference_mode()
def _results() -> Iterator[bytes]:
    """What a U-Net's and an autoencoder's operations give, at the shipped pack's sizes, in both precisions."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)

    def made(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.random(shape, np.float32) - 0.5)

    latents, kernels, many_kernels = made(2, 192, 16, 16), made(96, 192, 3, 3), made(192, 192, 3, 3)
    tokens, matrix, picture = made(2, 256, 192), made(1536, 192), made(1, 96, 128, 128)
    for precision in (torch.float32, torch.bfloat16):
        x, y, t = (
            latents.to(precision),
            tokens.to(precision),
            tokens.unflatten(2, (4, 48)).transpose(1, 2).to(precision),
        )
        for result in (
            F.conv2d(x, kernels.to(precision), padding=1),
            F.conv2d(x.to(memory_format=torch.channels_last), many_kernels.to(precision), padding=1, stride=2),
            F.linear(y, matrix.to(precision)),
            F.scaled_dot_product_attention(t, t, t),
            F.group_norm(x, 16),
            F.layer_norm(y, (192,)),
            F.silu(x),
            F.gelu(y),
        ):
            yield result.contiguous().float().numpy().tobytes()
    yield F.conv2d(picture, made(96, 96, 3, 3), padding=1).numpy().tobytes()
    torch.set_num_threads(threads)
