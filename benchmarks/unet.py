"""How fast this machine could call the U-Net, how fast we call it, and how fast others would.

    python -m benchmarks.unet --inputs 2 8 16
    pip install openvino onnx onnxruntime onnxscript      # for the arms that need them; without, they are left out

The limit is the same floating-point operations as plain matrix products of the U-Net's own shapes, one after the other
(the roofline). Every arm gives the same output as float32 to within its type, which is checked before it is timed; arms
take turns, and the best of the repeats counts.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.serving import machine
from studio.models.catalogue import STORYBOOK
from studio.models.loading import load_pack
from studio.models.registry import find_pack

Shape = tuple[int, int, int]  # of a matrix product: rows, inner, columns
Call = Callable[[], torch.Tensor]
REPEATS = 5
MOST_ERROR = 0.15  # of the output's deviation; a sign that an arm computes something else


class Plain(nn.Module):
    """The U-Net as a function of tensors alone, which is what compilers and exporters take."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, latents: torch.Tensor, timesteps: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        return self.unet(latents, timesteps, text, return_dict=False)[0]


def inputs_of(unet: Any, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(count)
    side, channels = unet.config.sample_size, unet.config.in_channels
    latents = torch.randn(count, channels, side, side, generator=generator)
    text = torch.randn(count, 48, unet.config.cross_attention_dim, generator=generator)
    return latents, torch.full((count,), 500.0), text


def products_of(unet: Any, count: int) -> Counter[Shape]:
    """The matrix products of one call with ``count`` inputs: its convolutions and linear layers as such, and how often
    each occurs."""
    found: Counter[Shape] = Counter()

    def note(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            inner = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
            found[output.numel() // layer.out_channels, inner, layer.out_channels] += 1
        elif isinstance(layer, nn.Linear):
            found[output.numel() // layer.out_features, layer.in_features, layer.out_features] += 1

    layers = [layer for layer in unet.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    Plain(unet)(*inputs_of(unet, count))
    for hook in hooks:
        hook.remove()
    return found


def seconds_of_products(products: Counter[Shape], dtype: torch.dtype) -> float:
    """All of them, one after the other, each at its best."""
    total = 0.0
    for (rows, inner, columns), times in products.items():
        one, other = torch.ones(rows, inner, dtype=dtype), torch.ones(inner, columns, dtype=dtype)
        total += times * _best(lambda one=one, other=other: one @ other)
    return total


def _best(call: Call, repeats: int = REPEATS) -> float:
    call()
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def arms(unet: Any, count: int) -> Iterator[tuple[str, Call]]:
    """Each way to call the U-Net with ``count`` inputs, ready to be timed."""
    inputs = inputs_of(unet, count)
    half = tuple(each.to(torch.bfloat16) if place != 1 else each for place, each in enumerate(inputs))
    ours, plain = Plain(unet), Plain(copy.deepcopy(unet).to(memory_format=torch.contiguous_format))
    fast, contiguous = (Plain(copy.deepcopy(each.unet).to(torch.bfloat16)) for each in (ours, plain))
    yield "float32", lambda: ours(*inputs)
    yield "float32, contiguous", lambda: plain(*inputs)
    traced, traced_fast = _traced(ours, inputs), _traced(fast, half)
    yield "float32, traced (exact)", lambda: traced(*inputs)
    yield "bfloat16", lambda: fast(*half).float()
    yield "bfloat16, contiguous", lambda: contiguous(*half).float()
    yield "bfloat16, traced (fast)", lambda: traced_fast(*half).float()

    def autocast() -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return ours(*inputs).float()

    yield "bfloat16 by autocast", autocast
    for name, model, values in (("float32", ours, inputs), ("bfloat16", fast, half)):
        compiled = torch.compile(copy.deepcopy(model), dynamic=False)
        yield f"torch.compile, {name}", lambda compiled=compiled, values=values: compiled(*values).float()
    yield from _openvino(plain, inputs)
    yield from _onnx(plain, inputs)


def _traced(model: Plain, inputs: tuple[torch.Tensor, ...]) -> Any:
    """As `studio.models.acceleration.tracing` calls it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(model, inputs, check_trace=False)


def _openvino(model: Plain, inputs: tuple[torch.Tensor, ...]) -> Iterator[tuple[str, Call]]:
    if importlib.util.find_spec("openvino") is None:
        return
    import openvino

    converted = openvino.convert_model(model, example_input=inputs)
    for name, hint in (("float32", "f32"), ("bfloat16", "bf16")):
        settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        compiled = openvino.compile_model(converted, "CPU", settings)
        arrays = [each.numpy() for each in inputs]
        yield f"OpenVINO, {name}", lambda compiled=compiled, arrays=arrays: torch.from_numpy(compiled(arrays)[0])


def _onnx(model: Plain, inputs: tuple[torch.Tensor, ...]) -> Iterator[tuple[str, Call]]:
    if any(importlib.util.find_spec(name) is None for name in ("onnxruntime", "onnx", "onnxscript")):
        return
    import onnxruntime

    names = ["latents", "timesteps", "text"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "unet.onnx"
        torch.onnx.export(model, inputs, str(file), input_names=names, dynamo=True, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    arrays = {name: each.numpy() for name, each in zip(names, inputs, strict=True)}
    yield "ONNX Runtime, float32", lambda: torch.from_numpy(session.run(None, arrays)[0])


PARTS = (  # by what torch calls them; the first that fits counts
    ("convolutions", ("convolution",)),
    ("attention", ("scaled_dot_product", "flash_attention")),
    ("linear layers", ("addmm", "::mm", "bmm", "linear")),
    ("norms", ("norm",)),
)
REST, DISPATCH = "activations, sums, copies", "Python and dispatch"


def shares(model: Callable[..., torch.Tensor], inputs: tuple[torch.Tensor, ...]) -> dict[str, float]:
    """Which share of a call's time goes where, 0..1: operations by their own time, and what is left of the whole."""
    for _ in range(3):  # a trace is slow at first
        model(*inputs)
    begun = time.perf_counter()
    model(*inputs)
    whole = time.perf_counter() - begun
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        model(*inputs)
    found = dict.fromkeys((*(name for name, _ in PARTS), REST), 0.0)
    for event in profile.key_averages():
        name = next((part for part, words in PARTS if any(word in event.key for word in words)), REST)
        found[name] += event.self_cpu_time_total / 1e6
    return {name: taken / whole for name, taken in found.items()} | {DISPATCH: 1 - sum(found.values()) / whole}


@torch.inference_mode()
def measure(unet: Any, count: int) -> dict[str, Any]:
    """Milliseconds of a call in each arm and of the limits, with ``count`` inputs."""
    with FlopCounterMode(display=False) as counter:
        wanted = Plain(unet)(*inputs_of(unet, count))
    ready: dict[str, Call] = {}
    for name, call in arms(unet, count):
        try:
            error = float((call() - wanted).std() / wanted.std())
        except Exception as problem:
            print(f"{name}: left out ({type(problem).__name__})", flush=True)
            continue
        if error > MOST_ERROR:
            raise RuntimeError(f"{name} computes something else: {error:.3f} of the output's deviation")
        ready[name] = call
    seconds = dict.fromkeys(ready, float("inf"))
    for _ in range(REPEATS):
        for name, call in ready.items():
            seconds[name] = min(seconds[name], _best(call, 1))
    products = products_of(unet, count)
    inputs = inputs_of(unet, count)
    half = tuple(each.to(torch.bfloat16) if place != 1 else each for place, each in enumerate(inputs))
    fast = Plain(copy.deepcopy(unet).to(torch.bfloat16))
    return {
        "shares": {
            "float32": shares(Plain(unet), inputs),
            "float32, traced (exact)": shares(_traced(Plain(unet), inputs), inputs),
            "bfloat16": shares(fast, half),
            "bfloat16, traced (fast)": shares(_traced(fast, half), half),
        },
        "inputs": count,
        "GFLOP": counter.get_total_flops() / 1e9,
        "arms": {name: 1000 * taken for name, taken in seconds.items()},
        "limits": {
            name: 1000 * seconds_of_products(products, dtype)
            for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
        },
    }


def as_markdown(result: dict[str, Any]) -> str:
    levels = result["levels"]
    lines = [
        f"{result['model']}, {result['machine']}; milliseconds a call (GFLOP/s; share of the matrix products alone in "
        "the same type):",
        "",
        f"| | {' | '.join(str(level['inputs']) + ' inputs' for level in levels)} |",
        f"|{'---|' * (1 + len(levels))}",
    ]
    for name in levels[0]["arms"]:
        cells = [
            _cell(level, level["arms"].get(name), "bfloat16" if "bfloat16" in name else "float32") for level in levels
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for name in levels[0]["limits"]:
        cells = [
            f"{level['limits'][name]:.1f} ({level['GFLOP'] / level['limits'][name] * 1000:.0f})" for level in levels
        ]
        lines.append(f"| limit: the matrix products alone, {name} | {' | '.join(cells)} |")
    for name in levels[0]["shares"]:
        lines += ["", f"| where the time of {name} goes | {' | '.join(str(level['inputs']) for level in levels)} |"]
        lines.append(f"|{'---|' * (1 + len(levels))}")
        for part in levels[0]["shares"][name]:
            cells = [f"{100 * level['shares'][name][part]:.0f} %" for level in levels]
            lines.append(f"| {part} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(level: dict[str, Any], taken: float | None, limit: str) -> str:
    if taken is None:
        return "none"
    return f"{taken:.1f} ({level['GFLOP'] / taken * 1000:.0f}; {100 * level['limits'][limit] / taken:.0f} %)"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unet")
    parser.add_argument("--pack", default=STORYBOOK)
    parser.add_argument("--inputs", type=int, nargs="+", default=[2, 8, 16])
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder for unet.json and unet.md")
    options = parser.parse_args(arguments)
    pack = load_pack(find_pack(options.pack), torch.device("cpu"))
    result = {
        "model": pack.info.title,
        "machine": machine(pack.device),
        "levels": [measure(pack.denoiser.network, count) for count in options.inputs],
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "unet.json").write_text(json.dumps(result, indent=2) + "\n")
    (options.out / "unet.md").write_text(as_markdown(result))
    print(as_markdown(result))


if __name__ == "__main__":
    main()
