"""Somebody who speaks the page's own protocol over HTTP, and may send anything."""

from __future__ import annotations

import json
import re
import secrets
import time
from typing import Any

import httpx

Answer = dict[str, Any]
ANSWERED_WITHIN_SECONDS = 60.0
COMPLETED = "process_completed"


class Visitor:
    """One session of one browser. Components are named by their ``elem_id``."""

    def __init__(self, url: str, language: str = "en") -> None:
        self.http = httpx.Client(base_url=url, timeout=30, headers={"Accept-Language": language})
        self._session = secrets.token_hex(6)
        config = self.http.get("/config").json()
        self._components = {each["id"]: each for each in config["components"]}
        self._events = config["dependencies"]
        self._tabs = {id_: tab for tab, id_ in _parents(config["layout"], self._components)}

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.http.close()

    def event(self, tab: str, control: str, event: str = "click") -> Answer:
        """What happens in ``tab`` on ``event`` of a control."""
        for each in self._events:
            for target, name in each["targets"]:
                if name == event and self._name(target) == control and self._tabs.get(target) == tab:
                    return each
        raise LookupError(f"{tab} has no {control}.{event}")

    def values(self, event: Answer, **changes: Any) -> list[Any]:
        """The first values of an event's inputs, some of them changed."""
        names = [self._name(each) for each in event["inputs"]]
        missing = set(changes) - set(names)
        assert not missing, f"no input is called {missing}, there are {names}"
        firsts = [self._components[each]["props"].get("value") for each in event["inputs"]]
        return [changes.get(name, first) for name, first in zip(names, firsts, strict=True)]

    def send(self, event: Answer, values: Any, event_data: Any = None, until: str = "") -> Answer:
        """What the event's first message that contains ``until``, a pattern, brings: its output, or its ``error``; the
        last message's where none does, or nothing is waited for."""
        body = {"data": values, "fn_index": event["id"], "session_hash": self._session, "event_data": event_data}
        headers = {"Content-Type": "application/json"}
        joined = self.http.post("/gradio_api/queue/join", content=json.dumps(body), headers=headers)
        if joined.status_code != 200:
            return {"status": joined.status_code, **_json(joined)}
        deadline = time.monotonic() + ANSWERED_WITHIN_SECONDS
        with self.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self._session}) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                is_ours = message.get("event_id") == joined.json()["event_id"]
                if is_ours and (message["msg"] == COMPLETED or (until and re.search(until, line))):
                    return message["output"] or {"error": None}
                if message.get("msg") == "unexpected_error":
                    return {"error": message.get("message")}
                assert time.monotonic() < deadline, "no answer in time"
        raise AssertionError("the stream ended before the event")

    def generate(self, tab: str = "text_to_image", *, until: str = "", **changes: Any) -> Answer:
        """Presses Generate with these values."""
        event = self.event(tab, "generate")
        return self.send(event, self.values(event, **changes), until=until)

    def discard(self, tab: str = "text_to_image", **changes: Any) -> None:
        """Ends the job that this session began."""
        event = self.event(tab, "discard")
        self.send(event, self.values(event, **changes))

    def draws(self) -> None:
        """Fails unless a picture comes."""
        state = self.generate(prompt="a red house", steps=2)
        assert "error" not in state, state
        assert "studio/pictures/" in json.dumps(state), state

    def _name(self, component: int) -> str:
        each = self._components[component]
        return each["props"].get("elem_id") or each["type"]


def _parents(layout: Answer, components: dict[int, Answer], tab: str = "") -> list[tuple[str, int]]:
    """Of every component, the tab that it is in."""
    own = components.get(layout.get("id"), {})  # type: ignore[arg-type]
    if own.get("type") == "tabitem":
        tab = own["props"]["id"]
    found = [(tab, layout["id"])] if "id" in layout else []
    return found + [pair for child in layout.get("children", []) for pair in _parents(child, components, tab)]


def _json(response: httpx.Response) -> Answer:
    try:
        return response.json()
    except ValueError:
        return {"error": response.text}
