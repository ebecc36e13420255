"""What batching steps gives: the same mixed requests, one at a time and together, on the shipped pack.

    make bench        or        python -m benchmarks.serving --requests 8 --repeats 3

Three arms take turns in one run, on the same U-Net: the stock diffusers loop one request after the other, our engine
one request after the other, and our engine with all requests at once. Reported is pictures per second, and the ratio
of each arm to the first with its spread over the repeats.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch

from studio.engine.engine import Engine
from studio.packs.catalogue import STORYBOOK, find_pack
from studio.packs.loading import load_pack, pick_device
from studio.packs.pack import Pack
from studio.requests import TextToImage
from studio.samplers.catalogue import find_sampler
from studio.samplers.table import make_scheduler, step_options

SAMPLERS = ("DPM++ 2M Karras", "Euler a", "DDIM", "UniPC Karras", "Heun", "DPM++ 2M SDE Karras", "PLMS", "DEIS")
STEPS = (20, 12, 25, 16, 10, 30, 20, 14)
GUIDANCE = (4.0, 7.5, 1.0, 5.0, 3.0, 6.0, 12.0, 4.0)
Arm = Callable[[Pack, list[TextToImage]], None]


def mixed_requests(count: int, pack: Pack) -> list[TextToImage]:
    """Different samplers, steps, guidance and seeds; one size."""
    side = pack.info.size
    return [
        TextToImage(
            prompt=f"a red house number {i}", pack=pack.info.name, width=side, height=side, seed=i,
            sampler=SAMPLERS[i % 8], steps=STEPS[i % 8], guidance=GUIDANCE[i % 8],
        )
        for i in range(count)
    ]  # fmt: skip


@torch.inference_mode()
def stock_one_at_a_time(pack: Pack, requests: list[TextToImage]) -> None:
    """The loop of diffusers' own pipelines: one scheduler object, guidance as a batch of two, no previews."""
    for request in requests:
        sampler = find_sampler(request.sampler)
        scheduler, timesteps = make_scheduler(sampler, pack.denoiser.tables.schedule, request.steps)
        height, width = request.height // 8, request.width // 8
        told, untold = pack.encode_prompt(request.prompt)[None], pack.encode_prompt("")[None]
        text = torch.cat([untold, told]) if request.guidance > 1 else told
        beside = pack.beside_nothing(height, width)
        latents = torch.randn(1, 4, height, width, device=pack.device) * scheduler.init_noise_sigma
        for timestep in timesteps:
            inputs = scheduler.scale_model_input(latents, timestep)
            if beside is not None:
                inputs = torch.cat([inputs, beside[None]], dim=1)
            inputs = inputs.expand(len(text), *inputs.shape[1:]).to(pack.denoiser.unet.dtype)
            output = pack.denoiser.unet(inputs, timestep, text.to(inputs.dtype)).sample.float()
            if request.guidance > 1:
                output = output[:1] + request.guidance * (output[1:] - output[:1])
            latents = scheduler.step(output, timestep, latents, **step_options(sampler, 0.0)).prev_sample
        pack.decode(latents)


def engine_one_at_a_time(pack: Pack, requests: list[TextToImage]) -> None:
    engine = Engine({pack.info.name: pack})
    for number, request in enumerate(requests):
        engine.submit(str(number), request)
        while engine.has_work:
            engine.step()


def engine_together(pack: Pack, requests: list[TextToImage]) -> None:
    engine = Engine({pack.info.name: pack})
    for number, request in enumerate(requests):
        engine.submit(str(number), request)
    while engine.has_work:
        engine.step()


ARMS: dict[str, Arm] = {
    "stock diffusers, one at a time": stock_one_at_a_time,
    "our engine, one at a time": engine_one_at_a_time,
    "our engine, together": engine_together,
}


def seconds(arm: Arm, pack: Pack, requests: list[TextToImage]) -> float:
    begun = time.perf_counter()
    arm(pack, requests)
    if pack.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving")
    parser.add_argument("--requests", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    pack = load_pack(find_pack(STORYBOOK), pick_device(given.device))
    requests = mixed_requests(given.requests, pack)
    for arm in ARMS.values():  # once without a clock: traces, prompts, and the first call's allocations
        arm(pack, requests)
    measured: dict[str, list[float]] = {name: [] for name in ARMS}
    for _ in range(given.repeats):
        for name, arm in ARMS.items():
            measured[name].append(seconds(arm, pack, requests))
    first = measured[next(iter(ARMS))]
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, {pack.device}")
    print(f"{given.requests} mixed requests, {given.repeats} repeats\n")
    print("| arm | pictures/s | times the first |\n|---|---|---|")
    for name, times in measured.items():
        ratios = [one / other for one, other in zip(first, times, strict=True)]
        rate = given.requests / statistics.median(times)
        print(f"| {name} | {rate:.2f} | {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) |")


if __name__ == "__main__":
    main()
