"""Settings from the environment. The only reader of ``os.environ`` in the project.

A setting is one field of `Settings`: its name, from which its variable follows, its first value, how it is written, and
what it is for. Reading, checking, the table in docs/hosting.md and what travels to an engine's process follow from it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from studio.addresses import is_this_machine
from studio.errors import InvalidRequest
from studio.logs import FORMS
from studio.requests.limits import PRECISIONS

PREFIX = "STUDIO_"
SPACE_STORAGE = Path("/data")  # where Spaces mounts a volume, unless told otherwise
ENGINES = ("process", "ray", "scripted")
MOST_REPLICAS = 1024
MOST_JOBS = 100_000
DEFINITION = "definition"  # of a field, in its metadata

T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """How values are written. ``parse`` raises ValueError for a text that is not as ``expected``."""

    expected: str
    parse: Callable[[str], T]


@dataclass(frozen=True)
class Definition:
    """What is known of a setting beside its name. ``first`` is its value as it would be written; ``also`` is a variable
    of somebody else's that says it where ours does not."""

    first: str
    kind: Kind[Any]
    help: str
    also: str = ""


def setting(first: str, kind: Kind[T], help: str, *, also: str = "") -> T:
    """The field of a setting; see `Definition`."""
    value: T = field(default=kind.parse(first), metadata={DEFINITION: Definition(first, kind, help, also)})
    return value


def whole(least: int, most: int) -> Kind[int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    return Kind(f"a whole number from {least} to {most}", parse)


def one_of(*names: str) -> Kind[str]:
    return Kind(f"{', '.join(names[:-1])} or {names[-1]}", lambda text: names[names.index(text)])


def matching(expected: str, pattern: str, clean: Callable[[str], str] = str) -> Kind[str]:
    """A text that matches ``pattern`` once it is ``clean``."""

    def parse(text: str) -> str:
        value = clean(text)
        if not re.fullmatch(pattern, value):
            raise ValueError(text)
        return value

    return Kind(expected, parse)


def _pair(text: str) -> tuple[int, int]:
    numbers = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", text)
    fewest, most = (int(numbers[1]), int(numbers[2] or numbers[1])) if numbers else (0, 0)
    if not 1 <= fewest <= most <= MOST_REPLICAS:
        raise ValueError(text)
    return fewest, most


def _host(text: str) -> str:
    """An address as people write it, with or without the brackets of an address in a browser."""
    host = text.strip()
    return (host[1:-1] if host.startswith("[") and host.endswith("]") else host) or "127.0.0.1"


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host.strip().lower() for host in text.split(",") if host.strip())
    if not all(re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", host) for host in hosts):
        raise ValueError(text)
    return hosts


TEXT = Kind("text", str)
FLAG = Kind("0 or 1", lambda text: bool(("0", "1").index(text)))
FOLDER = Kind("a folder", lambda text: Path(text).expanduser())
FILE: Kind[Path | None] = Kind("a file", lambda text: Path(text).expanduser() if text else None)
HOST = Kind("an address", _host)
HOSTS = Kind("names of hosts with commas between, without ports", _hosts)
ROOT = matching("a path that begins with /, without a host", r"(/[\w.~-]+)*", lambda text: text.rstrip("/"))
DEVICE = matching("auto, cpu, cuda or cuda:N", r"auto|cpu|cuda(:\d+)?")
BATCH: Kind[int | None] = Kind(
    "auto, or a whole number from 2 to 256", lambda text: None if text == "auto" else whole(2, 256).parse(text)
)
RANGE = Kind(f"a number from 1 to {MOST_REPLICAS}, or two with a hyphen, the smaller first", _pair)


@dataclass(frozen=True)
class Settings:
    """``batch`` None is "auto"; ``is_space`` and ``is_zero_gpu`` is what Spaces says."""

    host: str = setting(
        "127.0.0.1", HOST, "address to serve the page on, of IPv4 or IPv6; `::` is all of both",
        also="GRADIO_SERVER_NAME",
    )  # fmt: skip
    port: int = setting("7860", whole(1, 65535), "port to serve the page on", also="GRADIO_SERVER_PORT")
    hosts: tuple[str, ...] = setting(
        "", HOSTS,
        "names by which people reach this server, with commas between; `localhost` and numbers always work",
    )  # fmt: skip
    proxies: int = setting(
        "0", whole(0, 10),
        "how many proxies of your own stand in front (1 on Spaces); with `0`, nothing that a request says of its way "
        "is believed",
    )  # fmt: skip
    root: str = setting("", ROOT, "the path below which a proxy shows the page, if not at its own root: `/studio`")
    accounts: Path | None = setting("", FILE, "a file of accounts; whoever has none is asked to log in")
    pack: str = setting(
        "storybook", TEXT,
        "name, folder or .safetensors file of the pack, or a Hub repository with its commit: `owner/name@0123...`",
    )  # fmt: skip
    models: Path = setting(
        "models", FOLDER, "folder whose packs are offered on the page: diffusers folders and `.safetensors` files"
    )
    device: str = setting("auto", DEVICE, "what models compute on")
    data: Path = setting("data", FOLDER, "folder for pictures; on Spaces in `/data`, where a volume is mounted there")
    batch: int | None = setting(
        "auto", BATCH,
        "most model inputs of the pack's own size in one U-Net call (guidance needs two a picture); `auto` finds the "
        "best by trying for a few seconds at the start",
    )  # fmt: skip
    rows: int = setting("32", whole(16, 1024), "most pictures in flight; further jobs wait in the queue")
    queue: int = setting("64", whole(1, MOST_JOBS), "most jobs that wait; further ones are refused with an estimate")
    each: int = setting("32", whole(1, MOST_JOBS), "most jobs of one browser that wait")
    each_address: int = setting(
        "48", whole(1, MOST_JOBS), "most jobs from one network address that wait, whatever browsers they name"
    )
    patience: int = setting(
        "300", whole(0, 86_400),
        "seconds of silence after which the engine counts as stuck and is started anew; `0` is never",
    )  # fmt: skip
    single: bool = setting(
        "1", FLAG,
        "`1`: everybody sees all pictures in the gallery, `0`: each browser its own. Without it, `0` where others than "
        "this machine can reach the page (another `STUDIO_HOST`, proxies, names, accounts)",
    )  # fmt: skip
    log: str = setting("text", one_of(*FORMS), "`json`: one JSON object a line, for programs that collect logs")
    log_prompts: bool = setting(
        "0", FLAG,
        "`1`: the log says what people ask for, in their words; otherwise nothing that they wrote is in it",
    )  # fmt: skip
    metrics: bool = setting(
        "0", FLAG, "`1`: numbers for a Prometheus server at `/metrics`, for whoever reaches the page"
    )
    mcp: bool = setting(
        "0", FLAG, "`1`: tools for assistants at `/studio/mcp`; needs `pip install -r requirements-mcp.txt`"
    )
    grace: int = setting(
        "20",
        whole(0, 3600),
        "seconds that what is being drawn may take once the studio is asked to end; the rest waits",
    )
    stages: int = setting(
        "2", whole(1, 2), "`2`: at first, pictures are drawn in two stages where the model can; `1`: in one, quicker"
    )
    engine: str = setting(
        "process", one_of(*ENGINES),
        "`process`: one engine on this machine; `ray`: engines on a Ray cluster "
        "(`pip install -r requirements-ray.txt`); `scripted`: nothing is drawn but plain colours, at once, to work on "
        "the page",
    )  # fmt: skip
    replicas: tuple[int, int] = setting("1", RANGE, "how many of them: `4`, or `1-8`, as many as are needed")
    ray: str = setting("", TEXT, "the cluster's address; one on this machine where there is none")
    precision: str = setting(
        "auto", one_of("auto", *PRECISIONS),
        "`exact`: float32, the same picture on any machine; `fast`: bfloat16; `auto`: fast where it pays",
    )  # fmt: skip
    compile: bool = setting(
        "0", FLAG,
        "`1`: models that compute in bfloat16 are compiled for calls of a few sizes, beside what is drawn. For GPUs, "
        "where it is untried; on CPUs it needs a C++ compiler and gains nothing",
    )  # fmt: skip
    strict: bool = setting(
        "0", FLAG,
        "`1`: the same seed gives the same bits on this device whoever else draws; every call is padded to "
        "`STUDIO_BATCH` (16 for `auto`), which costs time when few draw",
    )  # fmt: skip
    is_space: bool = False
    is_zero_gpu: bool = False

    @property
    def shown_host(self) -> str:
        """The host as it stands in the page's address."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def keeps(self) -> bool:
        """Whether the data folder outlives a restart; on Spaces, only a volume of its own does."""
        return not self.is_space or _is_mounted(self.data)

    @property
    def is_alone(self) -> bool:
        """Whether only this machine can reach the page, without an account."""
        is_open = self.is_space or self.proxies or self.hosts or self.accounts
        return is_this_machine(self.host) and not is_open


S = TypeVar("S", bound=Settings)


def definitions(kind: type[Settings] = Settings) -> dict[str, Definition]:
    """Every setting of ``kind`` by its field's name."""
    return {each.name: each.metadata[DEFINITION] for each in fields(kind) if DEFINITION in each.metadata}


def variable(name: str) -> str:
    """The environment variable of the setting called ``name``."""
    return PREFIX + name.upper()


def read_settings(environment: Mapping[str, str], kind: type[S] = Settings) -> S:  # type: ignore[assignment]
    """Settings from ``environment``. Raises `InvalidRequest` for a value that makes no sense."""
    values: dict[str, Any] = {}
    for name, definition in definitions(kind).items():
        for source in (variable(name), definition.also):
            if source in environment:
                values[name] = _read(source, environment[source], definition.kind)
                break
    settings = kind(**{**_said_by_spaces(environment), **values})
    if "SPACE_HOST" in environment:
        named = _read("SPACE_HOST", environment["SPACE_HOST"], HOSTS)
        settings = replace(settings, hosts=(*settings.hosts, *named))
    return settings if "single" in values else replace(settings, single=settings.is_alone)


def table(kind: type[Settings] = Settings) -> str:
    """Every setting as a table in Markdown, for docs/hosting.md."""
    lines = ["| variable | first value | takes | |", "|---|---|---|---|"]
    for name, each in definitions(kind).items():
        first = f"`{each.first}`" if each.first else ""
        lines.append(f"| `{variable(name)}` | {first} | {each.kind.expected} | {each.help} |")
    return "\n".join(lines)


def _read(name: str, text: str, kind: Kind[T]) -> T:
    try:
        return kind.parse(text)
    except ValueError:
        raise InvalidRequest(name, text, kind.expected) from None


def _said_by_spaces(environment: Mapping[str, str]) -> dict[str, Any]:
    """The first values that are others on Hugging Face Spaces."""
    is_space = "SPACE_ID" in environment
    said: dict[str, Any] = {
        "is_space": is_space,
        "is_zero_gpu": environment.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true"),  # as `spaces` reads it
    }
    if is_space:
        said["proxies"] = 1
    if is_space and _is_mounted(SPACE_STORAGE):
        said["data"] = SPACE_STORAGE / "latent-studio"
    return said


def _is_mounted(folder: Path) -> bool:
    """Whether ``folder`` lies in a volume of its own, which outlives a container's disk."""
    return any(path.is_mount() for path in (folder.absolute(), *folder.absolute().parents[:-1]))


def path_for_children(folder: Path) -> str:
    """The PYTHONPATH with which other processes can import what is in ``folder``, and whatever this one can."""
    paths = os.environ.get("PYTHONPATH")
    return str(folder) if paths is None else os.pathsep.join([str(folder), paths])


@contextlib.contextmanager
def importable_by_children(folder: Path) -> Iterator[None]:
    """Python processes that start meanwhile can import what is in ``folder``, wherever they are started."""
    paths = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = path_for_children(folder)
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"]
        if paths is not None:
            os.environ["PYTHONPATH"] = paths
