"""A setting that the studio does not have."""

from __future__ import annotations

from dataclasses import dataclass

from studio.settings import Settings, setting, whole


@dataclass(frozen=True)
class WarmSettings(Settings):
    warmth: int = setting("3", whole(0, 9), "how warm the colours of pictures are")
