"""One step of a published model's size, at 512 pixels, by our engine and by the stock pipeline: seconds and memory.

    python -m benchmarks.full_size                 # both families, each arm in a process of its own
    python -m benchmarks.full_size --model sd15

The weights are random, as time and memory do not depend on their values; both arms have the same, and the same noise.
The first step warms up; the second is the one that counts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

import diffusers
import torch

from benchmarks.models import FAMILIES, random_pack
from studio.engine.engine import Engine
from studio.errors import StudioError
from studio.events import Failed, Previewed
from studio.models.model import Pack
from studio.models.text.encoders import TextEncoders
from studio.requests.text_to_image import TextToImage
from studio.sampling.catalogue import find_sampler

SIDE, STEPS, SAMPLER, GUIDANCE, PROMPT = 512, 2, "Euler", 7.5, "a red house by the sea"
ARMS = ("ours", "diffusers")


def _ours(pack: Pack) -> tuple[float, torch.Tensor]:
    request = TextToImage(
        prompt=PROMPT, pack=pack.info.name, width=SIDE, height=SIDE, steps=STEPS, sampler=SAMPLER, guidance=GUIDANCE
    )
    engine = Engine({pack.info.name: pack})
    events = engine.submit("job", request)
    times = []
    while not events or not isinstance(events[-1], Previewed) or len(times) < STEPS:
        begun = time.perf_counter()
        events = engine.step()
        times.append(time.perf_counter() - begun)
        for event in events:
            if isinstance(event, Failed):
                raise StudioError(str(event.error))
    (row,) = engine._running["job"].rows
    return times[-1], row.latent


def _stock(pack: Pack) -> tuple[float, torch.Tensor]:
    scheduler, _ = pack.denoiser.tables.process.make_scheduler(find_sampler(SAMPLER), STEPS)
    parts: dict[str, Any] = {
        "vae": pack.first_stage.model, "unet": pack.denoiser.network, "scheduler": scheduler,
        "text_encoder": pack.tower.model, "tokenizer": pack.tower.tokenizer,
    }  # fmt: skip
    if pack.denoiser.knows_sizes:
        assert isinstance(pack.text, TextEncoders)
        second = pack.text.towers[1]
        pipeline: Any = diffusers.StableDiffusionXLPipeline(
            **parts, text_encoder_2=second.model, tokenizer_2=second.tokenizer, add_watermarker=False
        )
    else:
        pipeline = diffusers.StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    ends = [time.perf_counter()]

    def note(pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        ends.append(time.perf_counter())
        return tensors

    latents = pipeline(
        PROMPT, height=SIDE, width=SIDE, num_inference_steps=STEPS, guidance_scale=GUIDANCE, output_type="latent",
        generator=torch.Generator().manual_seed(0), callback_on_step_end=note,
    ).images[0]  # fmt: skip
    return ends[-1] - ends[-2], latents


def measure(model: str, arm: str) -> dict[str, float]:
    """Seconds of the second step, peak memory of the process in GB, and the norm of the latents."""
    pack = random_pack(model, torch.device("cpu"))
    seconds, latents = (_ours if arm == "ours" else _stock)(pack)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "peak": peak, "norm": float(latents.norm())}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=FAMILIES)
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(measure(options.model, options.arm)))
        return 0
    print(f"{'model':6} {'arm':10} {'s a step':>9} {'peak GB':>8} {'latents':>12}")
    for model in [options.model] if options.model else FAMILIES:
        for arm in ARMS:
            command = [sys.executable, "-m", "benchmarks.full_size", "--model", model, "--arm", arm]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            print(f"{model:6} {arm:10} {found['seconds']:9.1f} {found['peak']:8.1f} {found['norm']:12.5g}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
