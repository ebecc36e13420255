"""The family of Stable Diffusion's x4 upscaler: a U-Net of Stable Diffusion 2 that sees a small picture with noise as
channels beside the latent's, and is told how noisy it is (noise conditioning augmentation, Ho et al. 2022, section 4).
"""

from __future__ import annotations

from studio.models.catalogue import FACTOR, PackInfo
from studio.models.weights.folder import Folder
from studio.requests.needs import UPSCALING

CHANNELS = 7  # latent 4, small picture 3


def detect(folder: Folder) -> PackInfo | None:
    if not folder.has("unet") or folder.config("unet").get("in_channels") != CHANNELS:
        return None
    side = FACTOR * folder.sample_size("unet")
    return PackInfo.of(folder.path, side, family="noised_upscaler", capabilities=frozenset({UPSCALING}))
