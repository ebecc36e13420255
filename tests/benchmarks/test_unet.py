"""The limit is made of the U-Net's own products, and every arm computes what the U-Net does."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import unet as benchmark
from benchmarks.unet import Plain, arms, inputs_of, main, products_of
from tests.miniature import make_unet

EAGER = 7  # arms that need no compiler


def test_the_products_are_those_of_the_convolutions_and_linear_layers() -> None:
    unet = make_unet(takes_boxes=False)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        Plain(unet)(*inputs_of(unet, 2))
    with torch.inference_mode():
        products = products_of(unet, 2)
    ours = sum(2 * rows * inner * columns * times for (rows, inner, columns), times in products.items())
    assert 0.8 * counter.get_total_flops() < ours <= counter.get_total_flops(), "attention's own products are the rest"


def test_the_arms_agree() -> None:
    unet = make_unet(takes_boxes=False)
    with torch.inference_mode():
        outputs = {name: call() for name, call in islice(arms(unet, 2), EAGER)}
    wanted = outputs.pop("float32")
    for name, output in outputs.items():
        assert (output - wanted).std() < 0.1 * wanted.std(), name


def test_one_command_writes_its_table(toy_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = benchmark.arms
    monkeypatch.setattr(benchmark, "arms", lambda unet, count: islice(every(unet, count), EAGER))
    main(["--pack", str(toy_pack), "--inputs", "2", "--out", str(tmp_path)])
    table = (tmp_path / "unet.md").read_text()
    assert "| bfloat16, traced (fast) |" in table
    assert "limit: the matrix products alone, bfloat16" in table
