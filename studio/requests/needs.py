"""What a kind of request can need of a model. A family says which of these its models have; both may have more."""

from __future__ import annotations

DRAWING = "drawing"  # from noise alone
WORDS = "words"  # that steer
PICTURES = "pictures"  # to begin from, or to be steered by
UPSCALING = "upscaling"
BOXES = "boxes"  # with phrases, that steer
IMAGE_PROMPT = "image prompt"  # CLIP's image embedding as a conditioning beside the words
