"""An assistant draws with the studio by the Model Context Protocol's own client, under the page's rules."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
import numpy as np
import PIL.Image
import pytest
from mcp import ClientSession, types
from mcp.client.streamable_http import streamablehttp_client

from tests.running import Studio, run_async

Result = TypeVar("Result")
SMALL = {"width": 64, "height": 64, "steps": 2}


def _with_session(studio: Studio, use: Callable[[ClientSession], Awaitable[Result]]) -> Result:
    async def connected() -> Result:
        async with (
            streamablehttp_client(f"{studio.url}/studio/mcp") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await use(session)

    async def in_time() -> Result:
        return await asyncio.wait_for(connected(), 120)

    return run_async(in_time())


def _call(studio: Studio, name: str, **arguments: Any) -> types.CallToolResult:
    return _with_session(studio, lambda session: session.call_tool(name, arguments))


def _said(result: types.CallToolResult) -> str:
    assert isinstance(result.content[0], types.TextContent)
    return result.content[0].text


def test_tools_are_the_api_with_types_and_words(observed: Studio) -> None:
    tools = {tool.name: tool for tool in _with_session(observed, lambda session: session.list_tools()).tools}
    assert set(tools) == {
        "text_to_image", "layout_to_image", "inpaint", "super_resolve", "vary", "interpolate", "forward_process",
        "draw", "search_gallery", "export_pictures", "list_models",
    }  # fmt: skip
    for tool in tools.values():
        assert tool.description
        assert "page" not in tool.inputSchema["properties"], "no caller may say whose request it is"
    asked = tools["text_to_image"].inputSchema
    assert asked["required"] == ["prompt"]
    assert asked["properties"]["count"] == {"type": "integer", "default": 1}
    assert tools["layout_to_image"].inputSchema["properties"]["boxes"]["type"] == "array"


def test_an_assistant_draws_sees_and_finds_again(observed: Studio) -> None:
    steps: list[float] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        steps.append(progress)

    async def draw(session: ClientSession) -> types.CallToolResult:
        asked = {"prompt": "a red house", "seed": 7, "count": 2, **SMALL, "steps": 6}
        return await session.call_tool("text_to_image", asked, progress_callback=heard)

    result = _with_session(observed, draw)
    assert not result.isError
    answer = json.loads(_said(result))
    assert answer["state"] == "done"
    assert [picture["seed"] for picture in answer["pictures"]] == [7, 8]
    assert steps == sorted(steps)
    assert steps, "no step was told"
    shown = [each for each in result.content if isinstance(each, types.ImageContent)]
    assert len(shown) == 2
    with PIL.Image.open(io.BytesIO(base64.b64decode(shown[0].data))) as picture:
        assert (picture.format, picture.size) == ("WEBP", (64, 64))
    assert httpx.get(observed.url + answer["pictures"][0]["url"]).status_code == 200

    found = _call(observed, "search_gallery", words="red house")
    assert {each["name"] for each in json.loads(_said(found))} >= {each["name"] for each in answer["pictures"]}
    again = json.loads(_said(_call(observed, "draw", request=answer["pictures"][0]["request"])))
    first, second = (httpx.get(observed.url + each["pictures"][0]["url"]).content for each in (answer, again))
    with PIL.Image.open(io.BytesIO(first)) as one, PIL.Image.open(io.BytesIO(second)) as other:
        difference = np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16))
    assert difference.max() <= 1, "a batch of another size may round otherwise, and no more"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("paint", {}, "tool is 'paint'"),
        ("text_to_image", {}, "prompt is missing"),
        ("text_to_image", {"prompt": "a house", "page": {}}, "argument is 'page'"),
        ("text_to_image", {"prompt": ["a house"]}, "prompt is"),
        ("text_to_image", {"prompt": "a house", "count": 10**400}, "count is"),
        ("text_to_image", {"prompt": "a house", "width": "wide"}, "width is 'wide'"),
        ("text_to_image", {"prompt": "a house", "owner": "../.."}, "owner is '../..'"),
        ("layout_to_image", {"boxes": [{"phrase": 1}]}, "boxes"),
        ("inpaint", {"image": "0" * 64, "mask": "0" * 64, "prompt": ""}, "not in the data folder"),
        ("vary", {"image": "no picture"}, "image is 'no picture'"),
        ("draw", {"request": {"task": "paint"}}, "task"),
        ("export_pictures", {"names": ["none.png"]}, "no such picture"),
    ],
)
def test_what_a_tool_cannot_do_it_says_in_a_sentence(
    observed: Studio, name: str, arguments: dict[str, Any], said: str
) -> None:
    result = _call(observed, name, **arguments)
    assert result.isError
    assert said in _said(result)
    assert "\n" not in _said(result)
    assert len(_said(result)) < 400


def test_whoever_goes_stops_the_drawing(observed: Studio) -> None:
    """An assistant's call that was given up must not keep the engine from others."""

    async def give_up(session: ClientSession) -> None:
        asked = {"prompt": "a castle", "width": 512, "height": 512, "steps": 150, "count": 4}
        await asyncio.wait_for(session.call_tool("text_to_image", asked), 3)

    with pytest.raises(BaseException):  # noqa: B017, PT011 - what the client's task groups make of the time-out
        _with_session(observed, give_up)
    began = time.monotonic()
    assert httpx.get(f"{observed.url}/studio/health", timeout=60).status_code == 200
    result = json.loads(_said(_call(observed, "text_to_image", prompt="a tree", **SMALL)))
    assert result["state"] == "done"
    assert time.monotonic() - began < 30
    found = json.loads(_said(_call(observed, "search_gallery", words="castle")))
    assert not [picture for picture in found if picture["request"]["width"] == 512], "it was drawn to the end"


def test_a_studio_without_the_setting_has_no_tools(studio: Studio) -> None:
    assert httpx.post(f"{studio.url}/studio/mcp", json={}).status_code == 404
