"""Settings from the environment. The only reader of ``os.environ`` in the project.

STUDIO_HOST    127.0.0.1   address to serve the page on, :: for all (else GRADIO_SERVER_NAME, which Spaces sets)
STUDIO_PORT    7860        port to serve the page on (else GRADIO_SERVER_PORT)
STUDIO_HOSTS               names by which people reach this server, with commas; localhost and numbers always do
STUDIO_PROXIES 0           how many proxies of one's own stand in front (1 on Spaces); 0 believes no X-Forwarded-*
STUDIO_ROOT                where a proxy shows the page, if not at its own root: /studio
STUDIO_PACK    storybook   name, folder or file of the pack
STUDIO_MODELS  ./models    folder whose packs are offered: diffusers folders and .safetensors files
STUDIO_DEVICE  auto        auto, cpu, cuda or cuda:N
STUDIO_DATA    ./data      folder for pictures (on Spaces, in /data where a volume is mounted there)
STUDIO_BATCH   auto        most model inputs of the pack's own size in one U-Net call; auto tries at the start
STUDIO_ROWS    32          most pictures in flight; further jobs wait in the queue
STUDIO_QUEUE   64          most jobs that wait; further ones are refused
STUDIO_EACH    32          most jobs of one browser that wait
STUDIO_EACH_ADDRESS 48     most jobs from one network address that wait, whatever browsers they name
STUDIO_PATIENCE 300        seconds after which a step counts as stuck and the engine is started anew; 0 is never
STUDIO_SINGLE              1: everybody sees all pictures; 0 where others than this machine can reach the page
STUDIO_LOG     text        text, or json for programs that collect logs
STUDIO_LOG_PROMPTS 0       1: the log says what people ask for, in their words
STUDIO_GRACE   20          seconds that what is being drawn may take when the studio is ended; the rest waits
STUDIO_METRICS 0           1: numbers for a Prometheus server at /metrics, for whoever reaches the page
STUDIO_ACCOUNTS            file of accounts (python -m studio accounts); with it, whoever comes must log in
STUDIO_MCP     0           1: the studio as tools for assistants at /studio/mcp (requirements-mcp.txt)
STUDIO_STAGES  2           2: at first, pictures are drawn in two stages where the model can; 1: in one, quicker
STUDIO_PRECISION auto      exact: float32, the same picture on any machine; fast: bfloat16; auto: fast where it pays
STUDIO_COMPILE 0           1: in bfloat16, models are compiled for calls of a few sizes, beside what is drawn
STUDIO_ENGINE  process     process: one engine on this machine; ray: engines on a Ray cluster (requirements-ray.txt)
STUDIO_REPLICAS 1          how many of them: 4, or 1-8, as many as are needed
STUDIO_RAY                 the cluster's address; one on this machine where there is none
STUDIO_STRICT  0           1: the same seed gives the same bits whoever else draws (fixed batches, slower alone)
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from studio.addresses import is_this_machine
from studio.errors import InvalidRequest
from studio.logs import FORMS
from studio.requests.limits import PRECISIONS

PREFIX = "STUDIO_"
SPACE_STORAGE = Path("/data")  # where Spaces mounts a volume, unless told otherwise
ENGINES = ("process", "ray")
MOST_REPLICAS = 1024


@dataclass(frozen=True)
class Settings:
    """See the module's table. ``batch`` None is "auto"; ``is_space`` and ``is_zero_gpu`` is what Spaces says."""

    host: str = "127.0.0.1"
    port: int = 7860
    hosts: tuple[str, ...] = ()
    proxies: int = 0
    root: str = ""
    is_space: bool = False
    is_zero_gpu: bool = False
    pack: str = "storybook"
    models: Path = Path("models")
    device: str = "auto"
    data: Path = Path("data")
    batch: int | None = None
    rows: int = 32
    queue: int = 64
    each: int = 32
    each_address: int = 48
    patience: int = 300
    strict: bool = False
    single: bool = True
    grace: int = 20
    metrics: bool = False
    mcp: bool = False
    accounts: Path | None = None
    log: str = "text"
    log_prompts: bool = False
    stages: int = 2
    precision: str = "auto"
    compile: bool = False
    engine: str = "process"
    replicas: tuple[int, int] = (1, 1)
    ray: str = ""

    @property
    def shown_host(self) -> str:
        """The host as it stands in the page's address."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def keeps(self) -> bool:
        """Whether the data folder outlives a restart; on Spaces, only a volume of its own does."""
        return not self.is_space or _is_mounted(self.data)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from ``environment``. Raises `InvalidRequest` for a value that makes no sense."""
    defaults = Settings()
    device = environment.get(f"{PREFIX}DEVICE", defaults.device)
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise InvalidRequest(f"{PREFIX}DEVICE", device, "auto, cpu, cuda or cuda:N")
    batch = environment.get(f"{PREFIX}BATCH", "auto")
    is_space = "SPACE_ID" in environment
    host = _host(environment.get(f"{PREFIX}HOST", environment.get("GRADIO_SERVER_NAME", "")))
    proxies, hosts = _integer(environment, f"{PREFIX}PROXIES", 1 if is_space else 0, 0, 10), _hosts(environment)
    accounts = environment.get(f"{PREFIX}ACCOUNTS", "")
    is_alone = is_this_machine(host) and not (
        is_space or proxies or hosts or accounts
    )  # for one person on this machine
    root = environment.get(f"{PREFIX}ROOT", "").rstrip("/")
    if root and not re.fullmatch(r"(/[\w.~-]+)+", root):
        raise InvalidRequest(f"{PREFIX}ROOT", root, "a path that begins with /, without a host")
    precision = environment.get(f"{PREFIX}PRECISION", defaults.precision)
    if precision not in ("auto", *PRECISIONS):
        raise InvalidRequest(f"{PREFIX}PRECISION", precision, f"auto or one of: {', '.join(PRECISIONS)}")
    engine = environment.get(f"{PREFIX}ENGINE", defaults.engine)
    if engine not in ENGINES:
        raise InvalidRequest(f"{PREFIX}ENGINE", engine, " or ".join(ENGINES))
    log = environment.get(f"{PREFIX}LOG", defaults.log)
    if log not in FORMS:
        raise InvalidRequest(f"{PREFIX}LOG", log, f"{' or '.join(FORMS)}")
    kept = SPACE_STORAGE / "latent-studio" if is_space and _is_mounted(SPACE_STORAGE) else defaults.data
    data = Path(environment.get(f"{PREFIX}DATA", str(kept))).expanduser()
    port_name = f"{PREFIX}PORT" if f"{PREFIX}PORT" in environment else "GRADIO_SERVER_PORT"
    return Settings(
        host=host,
        port=_integer(environment, port_name, defaults.port, 1, 65535),
        hosts=hosts,
        proxies=proxies,
        root=root,
        is_space=is_space,
        is_zero_gpu=environment.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true"),  # as `spaces` reads it
        pack=environment.get(f"{PREFIX}PACK", defaults.pack),
        models=Path(environment.get(f"{PREFIX}MODELS", str(defaults.models))).expanduser(),
        device=device,
        data=data,
        batch=None if batch == "auto" else _integer(environment, f"{PREFIX}BATCH", 2, 2, 256),
        rows=_integer(environment, f"{PREFIX}ROWS", defaults.rows, 16, 1024),
        queue=_integer(environment, f"{PREFIX}QUEUE", defaults.queue, 1, 100_000),
        each=_integer(environment, f"{PREFIX}EACH", defaults.each, 1, 100_000),
        each_address=_integer(environment, f"{PREFIX}EACH_ADDRESS", defaults.each_address, 1, 100_000),
        patience=_integer(environment, f"{PREFIX}PATIENCE", defaults.patience, 0, 86_400),
        strict=_integer(environment, f"{PREFIX}STRICT", 0, 0, 1) == 1,
        single=_integer(environment, f"{PREFIX}SINGLE", 1 if is_alone else 0, 0, 1) == 1,
        grace=_integer(environment, f"{PREFIX}GRACE", defaults.grace, 0, 3600),
        metrics=_integer(environment, f"{PREFIX}METRICS", 0, 0, 1) == 1,
        mcp=_integer(environment, f"{PREFIX}MCP", 0, 0, 1) == 1,
        accounts=Path(accounts).expanduser() if accounts else None,
        log=log,
        log_prompts=_integer(environment, f"{PREFIX}LOG_PROMPTS", 0, 0, 1) == 1,
        stages=_integer(environment, f"{PREFIX}STAGES", defaults.stages, 1, 2),
        precision=precision,
        compile=_integer(environment, f"{PREFIX}COMPILE", 0, 0, 1) == 1,
        engine=engine,
        replicas=_range(environment, f"{PREFIX}REPLICAS", defaults.replicas),
        ray=environment.get(f"{PREFIX}RAY", defaults.ray),
    )


def _is_mounted(folder: Path) -> bool:
    """Whether ``folder`` lies in a volume of its own, which outlives a container's disk."""
    return any(path.is_mount() for path in (folder.absolute(), *folder.absolute().parents[:-1]))


def _host(text: str) -> str:
    """An address as people write it, with or without the brackets of an address in a browser."""
    host = text.strip()
    return (host[1:-1] if host.startswith("[") and host.endswith("]") else host) or Settings.host


def _hosts(environment: Mapping[str, str]) -> tuple[str, ...]:
    given = environment.get(f"{PREFIX}HOSTS", "").split(",") + [environment.get("SPACE_HOST", "")]
    hosts = tuple(host.strip().lower() for host in given if host.strip())
    for host in hosts:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", host):
            raise InvalidRequest(f"{PREFIX}HOSTS", host, "names of hosts with commas between, without ports")
    return hosts


def _range(environment: Mapping[str, str], name: str, default: tuple[int, int]) -> tuple[int, int]:
    text = environment.get(name)
    if text is None:
        return default
    numbers = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", text)
    fewest, most = (int(numbers[1]), int(numbers[2] or numbers[1])) if numbers else (0, 0)
    if not 1 <= fewest <= most <= MOST_REPLICAS:
        raise InvalidRequest(name, text, f"a number from 1 to {MOST_REPLICAS}, or two with a hyphen, the smaller first")
    return fewest, most


def _integer(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not least <= int(text) <= most:
        raise InvalidRequest(name, text, f"a whole number from {least} to {most}")
    return int(text)


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
