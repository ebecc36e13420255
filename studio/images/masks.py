"""Masks: growing, feathering, cutting out, joining. Pure functions of arrays.

A mask is uint8 [H, W], 255 = repaint, 0 = keep. Boxes are x0, y0, x1, y1 in pixels, the last two exclusive.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

SHARPEST_BLUR = 32.0  # pixels; more is done on a smaller copy

Levels: TypeAlias = NDArray[np.uint8]
Box: TypeAlias = tuple[int, int, int, int]


def bounds(mask: Levels) -> Box | None:
    """The smallest box that holds all that is to be repainted; None where nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def grown(mask: Levels, pixels: int) -> Levels:
    """Larger by ``pixels`` all around, with round corners; smaller where ``pixels`` is negative."""
    if pixels == 0:
        return mask.copy()
    outside = mask == 0 if pixels > 0 else mask != 0
    distance = cv2.distanceTransform(outside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = distance <= abs(pixels) if outside.any() and not outside.all() else ~outside
    return np.where(near == (pixels > 0), np.uint8(255), np.uint8(0))


def seam(mask: Levels, feather: int) -> NDArray[np.float32]:
    """How much of the new picture shows, 0..1: nothing outside of the mask, all of it ``feather`` pixels inside.

    The edge of the picture itself is no seam.
    """
    inside = (mask > 0).astype(np.uint8)
    if feather == 0 or inside.all() or not inside.any():
        return inside.astype(np.float32)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.clip(distance / (feather + 1), 0, 1).astype(np.float32)


def joined(source: Levels, painted: Levels, share: NDArray[np.float32]) -> Levels:
    """``painted`` over ``source``, uint8 [H, W, 3], by ``share`` [H, W] in 0..1; at 0, the source's own bytes."""
    mixed = source + (painted.astype(np.float32) - source) * share[:, :, None]
    return np.where(share[:, :, None] > 0, np.clip(mixed.round(), 0, 255).astype(np.uint8), source)


def cells(mask: Levels, height: int, width: int) -> NDArray[np.float32]:
    """The mask as a denoiser sees it, [height, width] of 0 and 1: a latent is repainted where any of its pixels is."""
    share = cv2.resize((mask > 0).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.ceil(share).astype(np.float32)


def around(box: Box, padding: int, width: int, height: int) -> Box:
    """``box`` with ``padding`` pixels of its surroundings, within a picture of ``width`` x ``height``; at least half as
    wide as high and the other way round, where the picture allows it."""
    x0, y0, x1, y1 = box
    x0, y0, x1, y1 = x0 - padding, y0 - padding, x1 + padding, y1 + padding
    wider, higher = max(0, (y1 - y0) // 2 - (x1 - x0)), max(0, (x1 - x0) // 2 - (y1 - y0))
    x0, x1 = _within(x0 - wider // 2, x1 + (wider + 1) // 2, width)
    y0, y1 = _within(y0 - higher // 2, y1 + (higher + 1) // 2, height)
    return x0, y0, x1, y1


def _within(low: int, high: int, limit: int) -> tuple[int, int]:
    """The span moved into 0..limit, and cut where it is longer."""
    length = min(high - low, limit)
    low = min(max(low, 0), limit - length)
    return low, low + length


def extended(picture: Levels, sides: tuple[int, int, int, int]) -> tuple[Levels, Levels]:
    """The canvas larger by ``sides`` (left, top, right, bottom) pixels, and the mask of what is new.

    The new parts mirror the picture, blurred, so that a start from them has its colours.
    """
    left, top, right, bottom = sides
    height, width, _ = picture.shape
    mask = np.full((height + top + bottom, width + left + right), 255, np.uint8)
    mask[top : top + height, left : left + width] = 0
    canvas = cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_REFLECT)
    canvas[mask > 0] = _blurred(canvas, max(1.0, min(height, width) / 16))[mask > 0]
    return canvas, mask


def _blurred(picture: Levels, deviation: float) -> Levels:
    """Blurred by so many pixels; much blur is done on a smaller copy, where it takes no minutes and looks the same."""
    scale = min(1.0, SHARPEST_BLUR / deviation)
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    blurred = cv2.GaussianBlur(small, (0, 0), deviation * scale)
    return cv2.resize(blurred, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def to_aspect(width: int, height: int, aspect: float) -> tuple[int, int, int, int]:
    """The sides (left, top, right, bottom) by which a picture has to grow to be ``aspect`` = width / height."""
    wider, higher = max(0, round(height * aspect) - width), max(0, round(width / aspect) - height)
    return wider // 2, higher // 2, wider - wider // 2, higher - higher // 2


def pull_push(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``values`` [H, W, C] where they are ``known`` [H, W], and smooth in between: pull-push interpolation (Gortler et
    al. 1996). Zero where nothing is known at all."""
    weight = known.astype(np.float32)
    if known.all() or min(known.shape) < 2:
        mean = values[known].mean(axis=0) if known.any() else np.zeros(values.shape[2], np.float32)
        return np.where(known[:, :, None], values, mean).astype(np.float32)
    height, width = known.shape
    half = ((width + 1) // 2, (height + 1) // 2)
    pulled = cv2.resize(values * weight[:, :, None], half, interpolation=cv2.INTER_AREA)
    pulled = pulled.reshape(half[1], half[0], values.shape[2])
    share = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    coarse = pull_push((pulled / np.maximum(share, 1e-6)[:, :, None]).astype(np.float32), share > 0)
    pushed = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(values.shape)
    return np.where(known[:, :, None], values, pushed).astype(np.float32)


def filled(picture: Levels, mask: Levels) -> Levels:
    """The picture with the colours around the mask spread under it. uint8 [H, W, 3]."""
    known = mask == 0
    if not known.any():
        return np.full_like(picture, 128)
    colours = pull_push(picture.astype(np.float32), known)
    return np.where(known[:, :, None], picture, np.clip(colours.round(), 0, 255)).astype(np.uint8)


def fitted(painted: Levels, source: Levels, mask: Levels, ring: int, reach: int) -> Levels:
    """``painted`` with its colours shifted so that it meets ``source`` at the mask's edge.

    What the two differ by within ``ring`` pixels outside of the mask is spread under it (the membrane of Pérez et al.
    2003, section 2) and fades away over ``reach`` pixels, so that things keep their own colours.
    """
    inside = (mask > 0).astype(np.uint8)
    if inside.all():
        return painted
    near = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * ring + 1, 2 * ring + 1))) > inside
    shift = pull_push(source.astype(np.float32) - painted, near)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    strength = np.clip(1 - (depth - 1) / reach, 0, 1)[:, :, None]
    return np.clip((painted + shift * strength).round(), 0, 255).astype(np.uint8)
