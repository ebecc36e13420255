"""Settings from the environment. The only reader of ``os.environ`` in the project.

STUDIO_HOST    127.0.0.1   address to serve the page on (else GRADIO_SERVER_NAME, which Spaces sets)
STUDIO_PORT    7860        port to serve the page on (else GRADIO_SERVER_PORT)
STUDIO_PACK    storybook   name, folder or file of the pack
STUDIO_DEVICE  auto        auto, cpu, cuda or cuda:N
STUDIO_DATA    ./data      folder for pictures
STUDIO_BATCH   16          most model inputs of the pack's own size in one U-Net call
STUDIO_ROWS    32          most pictures in flight; further jobs wait in the queue
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from studio.errors import InvalidRequest

PREFIX = "STUDIO_"


@dataclass(frozen=True)
class Settings:
    """See the module's table."""

    host: str = "127.0.0.1"
    port: int = 7860
    pack: str = "storybook"
    device: str = "auto"
    data: Path = Path("data")
    batch: int = 16
    rows: int = 32


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from ``environment``. Raises `InvalidRequest` for a value that makes no sense."""
    defaults = Settings()
    device = environment.get(f"{PREFIX}DEVICE", defaults.device)
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise InvalidRequest(f"{PREFIX}DEVICE", device, "auto, cpu, cuda or cuda:N")
    port_name = f"{PREFIX}PORT" if f"{PREFIX}PORT" in environment else "GRADIO_SERVER_PORT"
    return Settings(
        host=environment.get(f"{PREFIX}HOST", environment.get("GRADIO_SERVER_NAME", defaults.host)),
        port=_integer(environment, port_name, defaults.port, 1, 65535),
        pack=environment.get(f"{PREFIX}PACK", defaults.pack),
        device=device,
        data=Path(environment.get(f"{PREFIX}DATA", str(defaults.data))).expanduser(),
        batch=_integer(environment, f"{PREFIX}BATCH", defaults.batch, 2, 256),
        rows=_integer(environment, f"{PREFIX}ROWS", defaults.rows, 16, 1024),
    )


def _integer(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not least <= int(text) <= most:
        raise InvalidRequest(name, text, f"a whole number from {least} to {most}")
    return int(text)
