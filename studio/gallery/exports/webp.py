"""A ZIP of WebPs."""

from __future__ import annotations

from functools import partial

from studio.gallery.converted import write_as

ENDING, MEDIA_TYPE = "zip", "application/zip"
write = partial(write_as, "WEBP")
