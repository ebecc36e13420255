"""What programs, assistants and scripts rely on stays: endpoints, tools, commands and the "parameters" text are as they
were when ``interfaces.json`` was written, except for what is new. To add to it: ``python -m
tests.contracts.test_interfaces``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from studio.cli import _parser
from studio.gallery.parameters import to_parameters
from studio.gallery.recipe import Recipe
from studio.hosting.tools import _schema
from studio.requests import from_mapping, kinds
from tabs.routes.api import Api
from tests.running import run_async

RECORDED = Path(__file__).with_name("interfaces.json")
A_DIGEST, ANOTHER = "a" * 64, "b" * 64
PICTURE = {"pack": "storybook", "width": 256, "height": 128, "seed": 7}
WORDS = {"prompt": "a red house, by the sea", "negative": "rain"}
FINER = {"rescale": 0.5, "clip_skip": 2, "eta": 0.25}
REQUESTS: tuple[dict[str, Any], ...] = (
    {"task": "text-to-image", "prompt": ""},
    {"task": "text-to-image", **WORDS, **FINER, "image": A_DIGEST, "strength": 0.5, "sampler": "Euler a"},
    {"task": "text-to-image", **WORDS, "variation": 0.25, "variation_seed": 9, "schedule": "Karras", "guidance": 7.5},
    {"task": "inpaint", **WORDS, **FINER, "image": A_DIGEST, "mask": ANOTHER, "only_masked": True, "padding": 64},
    {"task": "inpaint", **WORDS, "image": A_DIGEST, "mask": ANOTHER, "fill": "blur", "strength": 0.5, "feather": 0},
    {"task": "super-resolve", "image": A_DIGEST, "scale": 2, "eta": 0.5},
    {"task": "vary", **WORDS, "image": A_DIGEST, "strength": 0.5, "rescale": 0.25},
    {"task": "layout-to-image", **WORDS, "boxes": [{"phrase": "a boat", "box": [0.1, 0.2, 0.5, 0.9]}]},
    {"task": "interpolate", **WORDS, "other_prompt": "a boat", "clip_skip": 1},
    {"task": "forward-process", **WORDS, "image": A_DIGEST},
)


def endpoints() -> dict[str, Any]:
    """Of each endpoint, by its name: its parameters in their order, with their schema and first values."""

    async def built() -> Any:  # in a loop, so that gradio leaves none of its own behind
        with gr.Blocks() as page:
            Api(None, None).add_to_page()  # type: ignore[arg-type]  # nothing is called
        return page.get_api_info()

    told = run_async(built())
    assert told is not None
    kept = ("parameter_name", "parameter_has_default", "parameter_default", "type")
    return {
        name: [{key: each.get(key) for key in kept} for each in endpoint["parameters"]]
        for name, endpoint in told["named_endpoints"].items()
    }


def tools() -> dict[str, Any]:
    return {each.__name__: _schema(each) for each in Api(None, None).endpoints}  # type: ignore[arg-type]


def commands() -> dict[str, Any]:
    """Of each command that draws: its arguments with all that is parsed by."""
    [subcommands] = (each for each in _parser()._actions if isinstance(each, argparse._SubParsersAction))
    return {
        name: {_called(action): _described(action) for action in subcommands.choices[name]._actions}
        for name in kinds()
        if name in subcommands.choices
    }


def _called(action: argparse.Action) -> str:
    return str(action.option_strings[-1] if action.option_strings else action.metavar or action.dest)


def _described(action: argparse.Action) -> dict[str, Any]:
    default = str(action.default) if isinstance(action.default, Path) else action.default
    default = None if action.nargs == 0 else default  # of a switch: which of both it turns on is its own affair
    return {"options": action.option_strings, "default": default, "required": action.required,
            "arguments": action.nargs, "type": getattr(action.type, "__name__", None)}  # fmt: skip


def infotexts() -> list[str]:
    return [to_parameters(Recipe(from_mapping({**PICTURE, **each}), "0123456789")) for each in REQUESTS]


def _lines(told: Any) -> str:
    """As JSON, a line each."""
    if isinstance(told, list):
        return "[\n " + ",\n ".join(json.dumps(each) for each in told) + "]"
    return "{\n " + ",\n ".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in told.items()) + "}"


INTERFACES = {"endpoints": endpoints, "tools": tools, "commands": commands}


@pytest.mark.parametrize("interface", INTERFACES)
def test_what_there_was_is_as_it_was(interface: str) -> None:
    now = json.loads(json.dumps(INTERFACES[interface]()))
    for name, recorded in json.loads(RECORDED.read_text())[interface].items():
        if interface == "commands":  # further options do no harm; a further parameter may move others
            assert {option: now[name].get(option) for option in recorded} == recorded, name
        else:
            assert now[name] == recorded, name


def test_a_parameters_text_is_written_as_it_was() -> None:
    assert infotexts() == json.loads(RECORDED.read_text())["infotexts"]


if __name__ == "__main__":
    found = {**{name: tell() for name, tell in INTERFACES.items()}, "infotexts": infotexts()}
    lines = [f"{json.dumps(name)}: {_lines(each)}" for name, each in found.items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
