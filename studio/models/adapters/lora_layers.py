"""What files with LoRAs say of one layer, and how it then computes: W' = W + scale * dW.

    LoRA, LoCon     dW = alpha / rank * up down                (Hu et al. 2022; of convolutions, down has their kernel)
      with a core   dW = alpha / rank * up core down           (LyCORIS calls it Tucker)
    LoHa            dW = alpha / rank * (a1 b1) o (a2 b2)      (Hyeon-Woo et al. 2022, "FedPara"; o is by elements)
    LoKr            dW = alpha / rank * w1 (x) w2              (Yeh et al. 2024, "LyCORIS"; Kronecker's product)
    full, norm      dW as it is, and that of the bias
    DoRA            W' = m (W + dW) / |W + dW|                 (Liu et al. 2024; m for each output, or each input)

Each layer has its own rank and alpha; where there is no alpha, or it is 0, it is the rank (as kohya's trainer has it).
DoRA's scale weighs the difference W' - W, as in other programs that draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import nn
from torch.nn import functional as F

LAYERS = (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.GroupNorm)
Layer: TypeAlias = nn.Linear | nn.Conv2d | nn.LayerNorm | nn.GroupNorm
Parts: TypeAlias = Mapping[str, torch.Tensor]  # what a file holds of one layer, float32, by what it is


@dataclass(frozen=True, eq=False)
class Difference:
    """``build`` makes dW of ``factors``, None where there is none; ``bias`` is added to that of the layer. ``gain`` is
    what DoRA multiplies W + dW by, for each output, or each input."""

    factors: tuple[torch.Tensor, ...] = ()
    build: Callable[..., torch.Tensor] | None = None
    bias: torch.Tensor | None = None
    gain: torch.Tensor | None = None
    gains_inputs: bool = False

    def __call__(self, layer: Layer, inputs: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """What is to be added to ``output``, the layer's own, at scale 1."""
        if self.gain is None:
            change = self._by_weight(layer, inputs)
        elif self.gains_inputs:
            gain = _along(layer, self.gain, inputs)
            gained, more = (gain * inputs).to(inputs.dtype), ((gain - 1) * inputs).to(inputs.dtype)
            change = self._by_weight(layer, gained) + _apply(layer, more, layer.weight)
        else:
            gain = _along(layer, self.gain, output)
            plain = output if layer.bias is None else output - _along(layer, layer.bias, output)
            change = gain * self._by_weight(layer, inputs) + (gain - 1) * plain
        return change if self.bias is None else change + _along(layer, self.bias, output)

    def _by_weight(self, layer: Layer, inputs: torch.Tensor) -> torch.Tensor:
        """What dW alone makes of ``inputs``."""
        if self.build is None:
            return inputs.new_zeros(())
        if self.build is low_rank:
            down, up = self.factors
            less = _apply(layer, inputs, down)
            return F.linear(less, up) if up.ndim == 2 else F.conv2d(less, up)
        return _apply(layer, inputs, self.weight(layer).to(layer.weight.dtype))

    def weight(self, layer: Layer) -> torch.Tensor:
        """dW without DoRA's gain."""
        if self.build is None:
            return torch.zeros_like(layer.weight, dtype=torch.float32)
        return self.build(*self.factors).reshape(layer.weight.shape)

    def on(self, layer: Layer) -> Difference:
        """In the layer's type what is multiplied with its input; what dW is made of, and gains, stay in float32."""
        own = layer.weight.dtype
        factors = tuple(each.to(own) for each in self.factors) if self.build is low_rank else self.factors
        return replace(self, factors=factors, bias=None if self.bias is None else self.bias.to(own))


def low_rank(down: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """[out, inputs of a kernel] of [rank, ...] and [out, rank, ...]."""
    return up.flatten(1) @ down.flatten(1)


def with_core(core: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """core [i, j, k, k], left [i, out], right [j, in] -> [out, in, k, k]."""
    return torch.einsum("ijkl,ip,jr->prkl", core, left, right)


def hadamard(*factors: torch.Tensor) -> torch.Tensor:
    """a1, b1, a2, b2; or the core of each pair in front of it."""
    half = len(factors) // 2
    pairs = factors[:half], factors[half:]
    first, second = (with_core(*pair) if len(pair) == 3 else torch.matmul(*pair) for pair in pairs)
    return first * second


def kronecker(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """[a, b] and [c, d] or [c, d, k, k] -> [a c, b d] or [a c, b d, k, k]."""
    return torch.kron(first[..., None, None] if second.ndim == 4 else first, second.contiguous())


def as_it_is(weight: torch.Tensor) -> torch.Tensor:
    return weight


def difference(parts: Parts, layer: Layer) -> Difference:
    """What ``parts`` say of ``layer``. Raises `KeyError`, which names a part that is missing, and `ValueError` or
    `RuntimeError` where their shapes do not fit it."""
    parts = {name: part.to(layer.weight.device) for name, part in parts.items()}
    made = _plain(parts, layer.weight.shape)
    if made.build is not None:
        shape = made.build(*(each.to("meta") for each in made.factors)).shape  # nothing is computed
        if shape[0] != len(layer.weight) or shape.numel() != layer.weight.numel():
            raise ValueError("another shape")
    bias = next((parts[name] for name in ("diff_b", "b_norm") if name in parts), made.bias)
    if bias is not None:
        made = replace(made, bias=bias.reshape(len(layer.weight)))
    return _decomposed(made, parts, layer).on(layer)


def _plain(parts: Parts, shape: torch.Size) -> Difference:
    """Without DoRA, and without the bias of full differences. The scale goes into a factor."""
    if "down" in parts or "up" in parts:
        down, up = parts["down"], parts["up"]
        scale, rank, kernel = _scale(parts, len(down)), len(down), [1] * (len(shape) - 2)
        if "mid" in parts:
            down = torch.einsum("ij...,jr->ir...", parts["mid"], down.flatten(1))
        bias = scale * parts["up_bias"] if "up_bias" in parts else None
        factors = down.reshape(rank, *shape[1:]), scale * up.reshape(shape[0], rank, *kernel)
        return Difference(factors, low_rank, bias)
    if any(name.startswith("hada") for name in parts):
        a1, b1, a2, b2 = (parts[f"hada_{name}"] for name in ("w1_a", "w1_b", "w2_a", "w2_b"))
        a1 = _scale(parts, len(b1)) * a1
        if "hada_t1" in parts:
            return Difference((parts["hada_t1"], a1, b1, parts["hada_t2"], a2, b2), hadamard)
        return Difference((a1, b1, a2, b2), hadamard)
    if any(name.startswith("lokr") for name in parts):
        (first, one), (second, two) = _kronecker_factor(parts, "1"), _kronecker_factor(parts, "2")
        return Difference((_scale(parts, one or two) * first, second), kronecker)
    if "diff" in parts or "w_norm" in parts:
        return Difference((parts["diff" if "diff" in parts else "w_norm"],), as_it_is)
    return Difference()


def _kronecker_factor(parts: Parts, which: str) -> tuple[torch.Tensor, int | None]:
    """One of the two, and its rank where it is a product itself."""
    if f"lokr_w{which}" in parts:
        return parts[f"lokr_w{which}"], None
    left, right, core = parts[f"lokr_w{which}_a"], parts[f"lokr_w{which}_b"], parts.get(f"lokr_t{which}")
    return left @ right if core is None else with_core(core, left, right), len(right)


def _scale(parts: Parts, rank: int | None) -> float:
    """alpha / rank. Raises `ValueError` for an alpha that is not one number."""
    alpha = float(parts["alpha"].reshape(())) if "alpha" in parts else 0.0
    return alpha / rank if alpha and rank else 1.0


def _decomposed(made: Difference, parts: Parts, layer: Layer) -> Difference:
    """``made`` with DoRA's gain, where ``parts`` have a magnitude: that of each output, or, as LyCORIS has it too, of
    each input, which stands in the second dimension."""
    magnitude = parts.get("magnitude", parts.get("dora_scale"))
    if magnitude is None:
        return made
    weight = layer.weight.float() + made.weight(layer)
    of_inputs = "dora_scale" in parts and magnitude.ndim > 1 and len(magnitude) != len(weight)
    norms = _rows(weight.transpose(0, 1) if of_inputs else weight).norm(dim=1)
    gain = magnitude.reshape(norms.shape) / norms.clamp_min(torch.finfo(norms.dtype).eps)
    return replace(made, gain=gain, gains_inputs=of_inputs)


def _rows(weight: torch.Tensor) -> torch.Tensor:
    return weight.reshape(len(weight), -1)


def _apply(layer: Layer, inputs: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """What ``layer`` would make of ``inputs`` by ``weight`` and without a bias; its output is linear in both."""
    if isinstance(layer, nn.Conv2d):
        return F.conv2d(inputs, weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)
    if isinstance(layer, nn.LayerNorm):
        return F.layer_norm(inputs, layer.normalized_shape, weight, None, layer.eps)
    if isinstance(layer, nn.GroupNorm):
        return F.group_norm(inputs, layer.num_groups, weight, None, layer.eps)
    return F.linear(inputs, weight)


def _along(layer: Layer, vector: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """``vector`` [channels] along the channels of a layer's input or output."""
    is_last = isinstance(layer, (nn.Linear, nn.LayerNorm))
    return vector if is_last else vector.reshape(-1, *[1] * (values.ndim - 2))
