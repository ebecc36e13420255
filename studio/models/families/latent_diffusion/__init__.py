"""The family of CompVis' own text to image (Rombach et al. 2022, section 4.3.1): a U-Net that reads what a transformer
trained with it, LDMBert, says of BERT's tokens. The layout is that of `diffusers.LDMTextToImagePipeline`."""

from __future__ import annotations

from studio.models.catalogue import FACTOR, PackInfo
from studio.models.weights.folder import Folder


def detect(folder: Folder) -> PackInfo | None:
    if not folder.has("bert"):
        return None
    return PackInfo.of(folder.path, FACTOR * folder.sample_size("unet"), family="latent_diffusion")
