"""What a task touches: a request, a task and a tab are files, found where they lie. Then the task is on the page, an
endpoint, a tool and a command, in recipes and in the texts of other programs, without an edit anywhere else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import studio.requests
import studio.tasks
import tabs
from studio.cli import _parser, options
from studio.errors import InvalidRequest
from studio.events import Drawn
from studio.gallery.containers import read_recipe
from studio.gallery.parameters import to_parameters
from studio.hosting.bootstrap import Studio, opened_studio
from studio.hosting.tools import Tools
from studio.models.catalogue import PACKS, STORYBOOK
from studio.models.model import Pack
from studio.requests import from_mapping, kinds
from studio.settings import Settings
from tabs.page import build_page, find_tabs
from tabs.routes.api import Api
from tests.engine.test_engine import _engine
from tests.miniature import NAME, SIDE
from tests.running import run_async

ADDITIONS = Path(__file__).with_name("additions")
ROOMS = {"requests": studio.requests, "tasks": studio.tasks, "tabs": tabs}
VALUES = {"task": "echo", "pack": NAME, "prompt": "a red house", "width": SIDE, "height": SIDE, "steps": 4, "echoes": 2}


@pytest.fixture
def _added(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the files in the test's own folder beside those that ship."""
    for room, package in ROOMS.items():
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(ADDITIONS / room)])
    importlib.invalidate_caches()
    kinds.cache_clear()
    yield
    kinds.cache_clear()
    for package in ROOMS.values():
        sys.modules.pop(f"{package.__name__}.echo", None)
        vars(package).pop("echo", None)


@pytest.fixture
def opened(_added: None, tmp_path: Path) -> Iterator[Studio]:
    """A studio with an engine that draws plain colours."""
    with opened_studio(Settings(engine="scripted", data=tmp_path)) as studio:
        yield studio


def _page(studio: Studio) -> Any:
    async def built() -> Any:  # in a loop, so that gradio leaves none of its own behind
        return build_page(studio)

    return run_async(built())


def test_it_is_on_the_page_and_an_endpoint_of_it(opened: Studio) -> None:
    page = _page(opened)
    ids = {component["props"].get("elem_id") for component in page.get_config_file()["components"]}
    assert {"tab-echo", "echoes"} <= ids
    [bounds] = [block for block in page.blocks.values() if getattr(block, "elem_id", None) == "echoes"]
    assert (bounds.minimum, bounds.maximum, bounds.value) == (1, 8, 3)
    parameters = page.get_api_info()["named_endpoints"]["/echo"]["parameters"]
    names = [each["parameter_name"] for each in parameters]
    assert names == ["prompt", "negative", "echoes", "width", "height", "count", "seed", "steps", "guidance", "sampler",
                     "pack", "owner"]  # fmt: skip
    assert all(each["label"] or each["parameter_name"] for each in parameters)


def test_its_endpoint_draws_and_its_recipe_holds_its_field(opened: Studio) -> None:
    api = Api(opened.client, opened.library)
    [echo] = [endpoint for endpoint in api.endpoints if endpoint.__name__ == "echo"]
    *_, answer = echo("a red house", echoes=5, width=64, height=64)
    [picture] = answer["pictures"]
    recipe = read_recipe(opened.library.store.folder / picture["name"])
    assert recipe.request == from_mapping(picture["request"])
    assert recipe.request.echoes == 5  # type: ignore[attr-defined]
    assert "Echoes: 5" in to_parameters(recipe)
    with pytest.raises(InvalidRequest, match="echoes is 9; expected a whole number from 1 to 8"):
        list(echo("a red house", echoes=9))


def test_it_is_a_tool_and_a_command(opened: Studio) -> None:
    tools = run_async(Tools(Api(opened.client, opened.library).endpoints, bytes)._list())
    [tool] = [tool for tool in tools if tool.name == "echo"]
    assert tool.inputSchema["properties"]["echoes"] == {"type": "integer", "default": 3}
    assert "echoes: how often it comes back, 1 to 8" in str(tool.description)
    given = _parser().parse_args(["echo", "a red house", "--echoes", "2", "--seed", "7"])
    request = options.request_of(kinds()["echo"], given, PACKS[STORYBOOK], {})
    assert (request.TASK, request.echoes, request.seed) == ("echo", 2, 7)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("_added")
def test_an_engine_draws_it(pack: Pack) -> None:
    request = from_mapping(VALUES)
    engine = _engine(pack)
    events = engine.submit("job", request)
    while engine.has_work:
        events += engine.step()
    [drawn] = [event for event in events if isinstance(event, Drawn)]
    assert drawn.pixels is not None
    assert drawn.pixels.array.shape == (3 * SIDE, SIDE, 3)
    first, second, _ = np.split(drawn.pixels.array, 3)
    assert np.array_equal(first // 2, second)


def test_without_its_files_nobody_knows_it() -> None:
    assert "echo" not in kinds()
    assert "echo" not in {tab.TITLE for tab in find_tabs()}
    with pytest.raises(InvalidRequest, match="task is 'echo'"):
        from_mapping(VALUES)
