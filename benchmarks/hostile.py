"""Everything that a stranger may send: does the studio refuse it clearly, or do it right, and draw for the next one?

    python -m benchmarks.hostile

Starts the real program on 127.0.0.1, with tools and metrics, and sends it a corpus: every argument of every endpoint
and every field of every tab's Generate with values that make no sense, files that are not what they say, and every
route with methods, hosts, origins, names and bodies that it does not expect. After each batch somebody else draws a
picture. Prints one line of JSON, and a line for each case that went wrong.

An answer is *clear* where it is a status of 4xx (or 503: too busy) with a sentence; *done* where it is a good answer.
Everything else is wrong: a status of 500, a refusal without a reason, no answer, a traceback in the log, a path of the
server in an answer.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import secrets
import struct
import sys
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image

from benchmarks.studio import Running, running
from studio.hosting.routes import CLOSED, OPEN

BATCH = 25  # cases between two canaries
PATIENCE_SECONDS = 60.0
LONGEST_SENTENCE = 600
SMALL = {"width": 64, "height": 64, "steps": 2}
DEEP: Any = "x"
for _ in range(200):
    DEEP = [DEEP]

VALUES: dict[str, Any] = {
    "nothing": None, "empty": "", "word": "x", "nan": "NaN", "minus": -1, "zero": 0, "half": 0.5, "large": 1e308,
    "400 digits": int("9" * 400), "true": True, "list": [], "object": {}, "deep": DEEP, "long": "日本" * 40_000,
    "path": "../../../etc/passwd", "script": "<script>alert(1)</script>", "null byte": "a\x00b", "surrogate": "\ud800",
    "weights": "(" * 3000 + "red:9e99)", "lora": "<lora:../../x:1e400>",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """``status`` of HTTP; ``sentence`` of a refusal."""

    status: int
    sentence: str = ""

    @property
    def verdict(self) -> str:
        if self.status < 400:
            return "done"
        is_said = bool(self.sentence) and len(self.sentence) <= LONGEST_SENTENCE
        is_ours = self.status < 500 or self.status == 503
        leaks = "Traceback" in self.sentence or "/site-packages/" in self.sentence or "/tmp/" in self.sentence
        return "clear" if is_said and is_ours and not leaks else "wrong"


@dataclass(frozen=True)
class Case:
    """``kind`` groups cases in the report."""

    kind: str
    name: str
    send: Callable[[httpx.Client], Answer]


def answer_of(response: httpx.Response) -> Answer:
    try:
        answer = response.json()
        reason = answer.get("error") or answer.get("detail") if isinstance(answer, dict) else answer
    except (ValueError, UnicodeDecodeError):
        reason = response.text[:LONGEST_SENTENCE]
    return Answer(response.status_code, "" if reason is None else json.dumps(reason)[:LONGEST_SENTENCE])


# Endpoints


def call(http: httpx.Client, endpoint: str, values: Any) -> Answer:
    """An endpoint's last word, by plain HTTP."""
    body = json.dumps(values)
    joined = http.post(f"/gradio_api/call/v2/{endpoint}", content=body, headers={"Content-Type": "application/json"})
    if joined.status_code != 200:
        return answer_of(joined)
    event = ""
    with http.stream("GET", f"/gradio_api/call/{endpoint}/{joined.json()['event_id']}") as stream:
        for line in stream.iter_lines():
            event = line.removeprefix("event: ") if line.startswith("event: ") else event
            if line.startswith("data: ") and event == "error":
                answer = json.loads(line.removeprefix("data: "))
                reason = answer.get("error") if isinstance(answer, dict) else answer
                return Answer(400, "" if reason is None else str(reason))
            if line.startswith("data: ") and event == "complete":
                return Answer(200)
    return Answer(500, "")


def picture(side: int = 64) -> bytes:
    pixels, file = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8), io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def good_values(endpoint: str) -> dict[str, Any]:
    """A small job that each endpoint does well."""
    image = base64.b64encode(picture()).decode()
    mask = base64.b64encode(picture()).decode()
    return {
        "text_to_image": {"prompt": "a house", **SMALL},
        "layout_to_image": {"boxes": [{"phrase": "a tree", "box": [0.1, 0.1, 0.6, 0.9]}], **SMALL},
        "inpaint": {"image": image, "mask": mask, "prompt": "a house", "steps": 2},
        "super_resolve": {"image": image, "scale": 2, "steps": 1},
        "vary": {"image": image, "steps": 2},
        "draw": {"request": {"task": "text-to-image", "prompt": "a house", "pack": "storybook", "seed": 1, **SMALL}},
    }.get(endpoint, {})


def endpoint_cases(http: httpx.Client, values: Mapping[str, Any]) -> Iterator[Case]:
    endpoints = http.get("/gradio_api/info").json()["named_endpoints"]
    for path, described in endpoints.items():
        endpoint = path.removeprefix("/")
        good = good_values(endpoint)
        for parameter in described["parameters"]:
            for name, value in values.items():
                changed = {**good, parameter["parameter_name"]: value}
                yield Case(
                    "arguments", f"{endpoint}({parameter['parameter_name']}={name})",
                    lambda http, endpoint=endpoint, changed=changed: call(http, endpoint, changed),
                )  # fmt: skip
        for name, value in values.items():
            yield Case("bodies", f"{endpoint}: {name}", lambda http, e=endpoint, v=value: call(http, e, v))


# Fields of the page


def field_cases(http: httpx.Client, values: Mapping[str, Any]) -> Iterator[Case]:
    config = http.get("/config").json()
    components = {each["id"]: each for each in config["components"]}
    for event in config["dependencies"]:
        names = {components[target]["props"].get("elem_id") for target, kind in event["targets"] if kind == "click"}
        if "generate" not in names:
            continue
        firsts = [components[each]["props"].get("value") for each in event["inputs"]]
        for at, each in enumerate(event["inputs"]):
            field = components[each]["props"].get("elem_id") or components[each]["type"]
            for name, value in values.items():
                data = [*firsts[:at], value, *firsts[at + 1 :]]
                yield Case(
                    "fields", f"generate {event['id']}, {field} = {name}",
                    lambda http, event=event, data=data: press(http, event["id"], data),
                )  # fmt: skip


def press(http: httpx.Client, event: int, data: list[Any]) -> Answer:
    """What the page's event brings; a job that it begins is let go."""
    session = secrets.token_hex(6)
    body = json.dumps({"data": data, "fn_index": event, "session_hash": session, "event_data": None})
    joined = http.post("/gradio_api/queue/join", content=body, headers={"Content-Type": "application/json"})
    if joined.status_code != 200:
        return answer_of(joined)
    ours = joined.json()["event_id"]
    with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
            if message.get("event_id") != ours:
                continue
            if message["msg"] == "process_completed" and not message["success"]:
                return Answer(400, str((message["output"] or {}).get("error") or ""))
            if message["msg"] in ("process_completed", "process_generating"):
                return Answer(200)
    return Answer(500, "")


# Files


def _png(width: int, height: int, *chunks: tuple[bytes, bytes], data: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *(chunk(*each) for each in chunks), chunk(b"IDAT", zlib.compress(data))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


SIX = [0] * 6


def files() -> dict[str, bytes]:
    """Files that are not what they say, or say more than anybody should believe."""
    good = picture()
    moving = io.BytesIO()
    frames = [PIL.Image.new("RGB", (32, 32), color) for color in ("red", "green", "blue")]
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    bomb = zlib.compress(b"\0" * 50_000_000)
    recipe = {"task": "text-to-image", "prompt": DEEP, "width": 10**30}
    return {
        "nothing": b"", "one byte": b"\x89", "noise": secrets.token_bytes(5000), "text": b"hello" * 100,
        "html": b"<html><script>alert(1)</script>", "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>',
        "executable": b"MZ" + bytes(500), "pickle": b"\x80\x04\x95" + bytes(100), "cut off": good[: len(good) // 2],
        "cut in its header": good[:20], "a signature": good[:8], "enormous": _png(100_000, 100_000),
        "as wide as can be": _png(2**31 - 1, 1), "no pixels": _png(0, 0),
        "lies about its size": _png(64, 64, data=b"\0"),
        "a text that swells": _png(8, 8, (b"zTXt", b"Comment\0\0" + bomb), data=bytes(8 * 25)),
        "a profile that swells": _png(8, 8, (b"iCCP", b"x\0\0" + bomb), data=bytes(8 * 25)),
        "a recipe of lists": _png(8, 8, (b"tEXt", b"latent-studio\0" + json.dumps(recipe).encode()), data=bytes(200)),
        "parameters without end": _png(8, 8, (b"tEXt", b"parameters\0" + b"a, Steps: " * 200_000), data=bytes(8 * 25)),
        "moving": moving.getvalue(), "changed in the middle": good[:60] + bytes(40) + good[100:],
        "a bitmap that lies": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 10**9, 0, 0, 54, 40, 30_000, 30_000, 1, 24, *SIX),
        "a TIFF that loops": b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 256, 4, 1, 9) + struct.pack("<I", 8),
        "a JPEG of nothing": b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xd9",
        "a WebP of nothing": b"RIFF" + struct.pack("<I", 10**9) + b"WEBPVP8L" + bytes(20),
    }  # fmt: skip


def archives() -> dict[str, bytes]:
    def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as zipped:
            for name, body in members:
                zipped.writestr(name, body)
        return file.getvalue()

    good, link = picture(), zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    linked = io.BytesIO()
    with zipfile.ZipFile(linked, "w") as zipped:
        zipped.writestr(link, "/etc/passwd")
    return {
        "traversal": archive(("../../evil.png", good)), "absolute": archive(("/etc/evil.png", good)),
        "backslashes": archive(("..\\..\\evil.png", good)), "a link": linked.getvalue(),
        "a bomb": archive(("zeros.png", bytes(60_000_000))), "nested": archive(("inner.zip", archive(("a.png", good)))),
        "one name twice": archive(("a.png", good), ("A.png", good)), "no pictures": archive(("a.txt", b"hello")),
        "cut off": archive(("a.png", good))[:-30], "a long name": archive(("x" * 60_000 + ".png", good)),
        "control characters": archive(("\x1b[31m\r\n.png", good)), "empty": archive(),
        "no archive": b"PK\x03\x04" + bytes(50),
        "a manifest of lists": archive(("manifest.json", json.dumps(DEEP).encode()), ("a.png", good)),
        "many": archive(*((f"{number}.png", b"x") for number in range(3000))),
    }  # fmt: skip


def file_cases() -> Iterator[Case]:
    for name, body in files().items():
        for path in ("/studio/sources", "/studio/recipes", "/studio/imports"):
            yield Case("files", f"{path}: {name}", lambda http, path=path, body=body: sent(http, path, body))
        text = base64.b64encode(body).decode()
        yield Case("files", f"vary: {name}", lambda http, text=text: call(http, "vary", {"image": text, "steps": 2}))
    for name, body in archives().items():
        yield Case("archives", f"/studio/imports: {name}", lambda http, body=body: sent(http, "/studio/imports", body))
        yield Case("archives", f"/studio/sources: {name}", lambda http, body=body: sent(http, "/studio/sources", body))


def sent(http: httpx.Client, path: str, body: bytes) -> Answer:
    return answer_of(http.post(path, content=body))


# Routes

NAMES = ("x", "..%2f..%2fetc%2fpasswd", "%00", "a" * 3000, "0" * 64, "f" * 32, "%ff%fe", "a.png;b", "con")
METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")


def route_cases() -> Iterator[Case]:
    for path, access in OPEN.items():
        for method in METHODS:
            if method not in access.methods:
                yield _asking("methods", method, path.replace("{", "").replace("}", "").replace(":path", ""))
        hole = path[path.index("{") : path.index("}") + 1] if "{" in path else ""
        for name in NAMES if hole and access.seconds is not None else ():
            filled = path.replace(hole, name).replace("{", "").replace("}", "")
            yield _asking("names", access.methods[0], filled)
        if "POST" in access.methods:
            for name, body in (("no JSON", b"{"), ("a list", b"[]"), ("null", b"null"), ("bytes", b"\xff\xfe\x00")):
                filled = path.replace(hole, "x") if hole else path
                yield _asking("bodies", "POST", filled, f" {name}", content=body)
            yield _asking("origins", "POST", path, " from elsewhere", headers={"Origin": "https://evil.example"})
            yield _asking("origins", "POST", path, " from a file", headers={"Origin": "null"})
        yield _asking("hosts", access.methods[0], path, " as evil.example", headers={"Host": "evil.example"})
    for path in CLOSED:
        yield _asking("closed", "GET", path.replace("{", "").replace("}", "").replace(":path", ""))
        yield _asking("closed", "POST", path.replace("{", "").replace("}", "").replace(":path", ""))


def _asking(kind: str, method: str, path: str, label: str = "", **how: Any) -> Case:
    def ask(http: httpx.Client) -> Answer:
        with http.stream(method, path, **how) as response:
            if response.status_code < 400:
                return Answer(response.status_code)
            response.read()
            return answer_of(response)

    return Case(kind, f"{method} {path[:80]}{label}", ask)


# The whole corpus


def corpus(http: httpx.Client, values: Mapping[str, Any] = VALUES) -> list[Case]:
    return [*endpoint_cases(http, values), *field_cases(http, values), *file_cases(), *route_cases()]


def attack(studio: Running, cases: list[Case]) -> tuple[Counter[tuple[str, str]], list[str], list[float]]:
    """How many cases of each kind were done, clear or wrong; a line for each that was wrong; how long each canary
    took, in seconds."""
    verdicts, wrong, canaries = Counter[tuple[str, str]](), list[str](), list[float]()
    with httpx.Client(base_url=studio.url, timeout=PATIENCE_SECONDS) as http:
        for at, case in enumerate(cases):
            try:
                answer = case.send(http)
            except httpx.HTTPError as error:
                answer = Answer(599, repr(error))
            verdicts[case.kind, answer.verdict] += 1
            if answer.verdict == "wrong":
                wrong.append(f"{case.kind}: {case.name}: {answer.status} {answer.sentence[:200]}")
            if at % BATCH == BATCH - 1 or at == len(cases) - 1:
                began = time.monotonic()
                drawn = call(http, "text_to_image", {"prompt": "a red house", **SMALL})
                canaries.append(time.monotonic() - began)
                if drawn.status != 200:
                    wrong.append(f"no picture after {case.name}: {drawn.sentence}")
    tracebacks = studio.log.count("Traceback (most recent call last)")
    return verdicts, [*wrong, *["a traceback in the log"] * tracebacks], canaries


def main() -> int:
    argparse.ArgumentParser(prog="python -m benchmarks.hostile").parse_args()
    settings = {"STUDIO_METRICS": "1", "STUDIO_MCP": "1"}
    with tempfile.TemporaryDirectory() as data, running(Path(data), **settings) as studio:
        with httpx.Client(base_url=studio.url, timeout=PATIENCE_SECONDS) as http:
            cases = corpus(http)
        before, began = studio.megabytes, time.monotonic()
        verdicts, wrong, canaries = attack(studio, cases)
        figures = {
            "cases": len(cases),
            "seconds": round(time.monotonic() - began),
            **{
                verdict: sum(n for (_, v), n in verdicts.items() if v == verdict)
                for verdict in ("done", "clear", "wrong")
            },
            "kinds": {f"{kind}, {verdict}": count for (kind, verdict), count in sorted(verdicts.items())},
            "canaries": len(canaries),
            "slowest_canary_s": round(max(canaries), 2),
            "engine_starts": studio.log.count("the engine runs on"),
            "memory_before_mb": before,
            "memory_after_mb": studio.megabytes,
        }
    print(json.dumps(figures))
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
