"""The family of Stable Diffusion's image variations: where others read words, its U-Net reads CLIP's embedding of a
picture, as a single token; zeros stand for no picture."""

from __future__ import annotations

from studio.models.catalogue import FACTOR, IMAGE_ENCODER, IMAGE_PROMPT, PackInfo
from studio.models.weights.folder import Folder
from studio.requests.needs import PICTURES


def detect(folder: Folder) -> PackInfo | None:
    reads_words = folder.has("text_encoder") or folder.has(IMAGE_PROMPT) or folder.has("bert")
    if not folder.has("unet") or not folder.has(IMAGE_ENCODER) or reads_words:
        return None
    side = FACTOR * folder.sample_size("unet")
    return PackInfo.of(folder.path, side, family="image_variation", capabilities=frozenset({PICTURES}))
