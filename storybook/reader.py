"""The attribute reader: says what a picture of the world shows, so that drawing can be measured.

    python -m storybook.reader --preset small

A small convolutional network that learns from renders alone and never sees a generated picture. It answers for the
whole picture (time of day, ground, weather, mountains) and finds things as peaks of one heat map a kind, at each of
which it reads the colour and the box (CenterNet: Zhou et al. 2019, "Objects as Points").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from storybook import dataset
from storybook.presets import Preset
from storybook.questions import KIND_NAMES, UNASKED
from storybook.run import Options, Run, options, pick_autocast
from storybook.scoring import Reading, accuracies
from storybook.world import Group, Scene, Thing, scene
from storybook.world.scene import COLOURS, GROUNDS, KINDS, TIMES, WEATHERS
from studio.models.autoencoders.autoencoder import to_pictures
from studio.models.catalogue import ASSETS

SHIPPED = ASSETS.parent / "evaluation" / "reader.safetensors"
LARGEST_SIDE = 128  # pixels; larger pictures are averaged down before they are read
CELL = 4  # pixels
WIDTHS = (32, 64, 128)
FINE_WIDTH = 64
FEATURES = 2 * WIDTHS[-1]  # of a whole picture
BOX_WEIGHT = 10.0  # on errors that are fractions of the picture
SPREAD = 0.12  # the standard deviation of a peak in the heat map, as a share of its thing's sides
LEAST_SPREAD = 0.6  # cells
PRESENT = 0.4  # a peak from which on a thing is there
FIRST_PEAKS = -4.6  # the bias of the heat maps: 1 % everywhere, so that training starts from "nothing there"
MOST_BLUR, PATCHES = 2.5, (5, 5)  # deviation in pixels of what is blurred, and of how many patches each has its share
UNSEEN_FOR_SHOW = 512


@dataclass(frozen=True)
class Answers:
    """The network's output for B pictures of h x w cells.

    whole:    logits over TIMES, GROUNDS, WEATHERS and (no mountains, mountains), [B, answers] each
    heat:     [B, kinds, h, w] logits: whether the middle of a thing of that kind lies in that cell
    colours:  [B, colours, h, w] logits
    boxes:    [B, 4, h, w] distances from the cell's middle to the left, upper, right and lower edge, as fractions
    features: [B, FEATURES] of the whole picture
    """

    whole: tuple[torch.Tensor, ...]
    heat: torch.Tensor
    colours: torch.Tensor
    boxes: torch.Tensor
    features: torch.Tensor


class _Block(nn.Module):
    """Two convolutions with a way around them."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return F.relu(features + self.body(features))


def _halving(before: int, after: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, kernel, 2, kernel // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU())


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        first, second, last = WIDTHS
        self.fine = nn.Sequential(_halving(3, first, 5), _halving(first, second))  # CELL pixels to a cell
        self.coarse = nn.Sequential(_halving(second, last), *(_Block(last, dilation) for dilation in (1, 2, 4)))
        self.joined = nn.Sequential(
            nn.Conv2d(second + last, FINE_WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(FINE_WIDTH), nn.ReLU()
        )
        self.whole = nn.ModuleList(nn.Linear(FEATURES, len(of)) for of in (TIMES, GROUNDS, WEATHERS, (False, True)))
        self.cells = nn.Conv2d(FINE_WIDTH, len(KINDS) + len(COLOURS) + 4, 1)
        with torch.no_grad():
            self.cells.bias[: len(KINDS)] = FIRST_PEAKS  # type: ignore[index]

    def forward(self, pictures: torch.Tensor) -> Answers:
        """pictures: [B, 3, H, W] in -1..1; sides are multiples of 2 CELL."""
        fine = self.fine(pictures)
        coarse = self.coarse(fine)
        features = torch.cat([coarse.mean((2, 3)), coarse.amax((2, 3))], dim=1)
        upsampled = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        cells = self.cells(self.joined(torch.cat([fine, upsampled], dim=1)))
        heat, colours, boxes = cells.split([len(KINDS), len(COLOURS), 4], dim=1)
        return Answers(tuple(head(features) for head in self.whole), heat, colours, boxes, features)


def reading_size(preset: Preset) -> int:
    return min(preset.size, LARGEST_SIDE)


def middles(side: int) -> torch.Tensor:
    """The middles of the cells of a picture with ``side`` cells a side: [side * side, 2], x and y as fractions."""
    line = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2)


def reading_loss(answers: Answers, scenes: Sequence[Scene]) -> torch.Tensor:
    """Cross-entropy for what is asked of the whole, CornerNet's focal loss for the heat maps; colour and box where a
    thing is."""
    device = answers.heat.device
    side = answers.heat.shape[-1]
    whole = torch.tensor(
        [[TIMES.index(each.time), GROUNDS.index(each.ground), WEATHERS.index(each.weather), each.mountains]
         for each in scenes], device=device, dtype=torch.long,
    )  # fmt: skip
    rows, cells, colours, boxes = [], [], [], []
    for row, each in enumerate(scenes):
        for thing in each.things:
            rows.append(row)
            cells.append(_cell_of(thing, side))
            colours.append(COLOURS.index(thing.colour) if KINDS[thing.kind].coloured else UNASKED)
            boxes.append(thing.box)
    loss = torch.stack(
        [F.cross_entropy(head.float(), truth) for head, truth in zip(answers.whole, whole.T, strict=True)]
    ).sum()
    peaks = torch.from_numpy(np.stack([heat_map(each, side) for each in scenes])).to(device)
    loss = loss + focal_loss(answers.heat.float(), peaks)
    if not rows:
        return loss
    edges, at = torch.tensor(boxes), middles(side)[cells]
    distances = torch.cat([at - edges[:, :2], edges[:, 2:] - at], dim=1).to(device)
    drawn = answers.boxes.flatten(2)[rows, :, cells].float()
    loss = loss + BOX_WEIGHT * F.l1_loss(drawn, distances)
    truth = torch.tensor(colours, device=device)
    if (truth != UNASKED).any():
        loss = loss + F.cross_entropy(answers.colours.flatten(2)[rows, :, cells].float(), truth)
    return loss


def heat_map(scene: Scene, side: int) -> NDArray[np.float32]:
    """What the heat maps of ``scene`` should be, [kinds, side, side]: 1 in the cell of each thing's middle, and a bell
    around it that is as wide as the thing allows, in which an answer is not quite wrong."""
    heat = np.zeros((len(KINDS), side, side), np.float32)
    line = np.arange(side, dtype=np.float32)
    for thing in scene.things:
        row, column = divmod(_cell_of(thing, side), side)
        x0, y0, x1, y1 = thing.box
        across, down = (max(LEAST_SPREAD, SPREAD * side * (high - low)) for low, high in ((x0, x1), (y0, y1)))
        bell = np.exp(-(((line - row) / down) ** 2)[:, None] / 2 - (((line - column) / across) ** 2)[None, :] / 2)
        kind = KIND_NAMES.index(thing.kind)
        heat[kind] = np.maximum(heat[kind], bell)
    return heat


def focal_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Law and Deng 2018, equation 1 (alpha 2, beta 4), a peak; ``truth`` of `heat_map`."""
    is_peak = truth == 1
    share = logits.sigmoid()
    found = (1 - share) ** 2 * F.logsigmoid(logits)
    silent = (1 - truth) ** 4 * share**2 * F.logsigmoid(-logits)
    return -torch.where(is_peak, found, silent).sum() / is_peak.sum().clamp(min=1)


def _cell_of(thing: Thing, side: int) -> int:
    x0, y0, x1, y1 = thing.box
    column, row = (min(side - 1, int((low + high) / 2 * side)) for low, high in ((x0, x1), (y0, y1)))
    return row * side + column


def mirrored(each: Scene) -> Scene:
    """``each`` as its mirror image shows it."""

    def turned(thing: Thing) -> Thing:
        return replace(thing, box=(1 - thing.box[2], thing.box[1], 1 - thing.box[0], thing.box[3]))

    groups = tuple(Group(tuple(turned(thing) for thing in reversed(group.things))) for group in reversed(each.groups))
    return replace(each, groups=groups)


def roughened(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Half of the time blurred here and there, half of the time a little noisy, as decoded latents are: what has little
    contrast, or falls rain before it, comes out of a first stage blurred beside what is sharp."""
    if rng.random() < 0.5:
        blurred = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, MOST_BLUR))
        where = cv2.resize(rng.random(PATCHES, np.float32), picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        picture = (picture + where[:, :, None] * (blurred.astype(np.float32) - picture)).astype(np.uint8)
    if rng.random() < 0.5:
        noise = rng.normal(0, rng.uniform(1, 8), picture.shape)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return picture


def shrunk(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Pictures of at least ``side`` pixels averaged down to it: uint8 [B, side, side, 3]."""
    if pixels.shape[1] == side:
        return pixels
    resized = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pixels]
    return np.stack(resized).astype(np.uint8)


@torch.no_grad()
def look(model: Reader, pixels: NDArray[np.uint8], batch: int = 64) -> tuple[list[Reading], torch.Tensor]:
    """Reads pictures, uint8 [B, H, W, 3]; their readings, and the features [B, FEATURES] behind them."""
    device = next(model.parameters()).device
    side = min(pixels.shape[1], LARGEST_SIDE)
    readings, features = [], []
    for at in range(0, len(pixels), batch):
        answers = model(to_pictures(shrunk(pixels[at : at + batch], side)).to(device))
        readings += [_reading(answers, row) for row in range(len(answers.heat))]
        features.append(answers.features.cpu())
    return readings, torch.cat(features)


def _reading(answers: Answers, row: int) -> Reading:
    time, ground, weather, mountains = (int(head[row].argmax()) for head in answers.whole)
    side = answers.heat.shape[-1]
    heat = answers.heat[row].float().sigmoid()
    peaks = heat * (heat == F.max_pool2d(heat[None], 3, stride=1, padding=1)[0]) * (heat > PRESENT)
    colours, boxes, at = answers.colours[row].flatten(1), answers.boxes[row].flatten(1).cpu(), middles(side)
    found: list[tuple[float, Thing]] = []
    for kind, cell in torch.nonzero(peaks.flatten(1)).tolist():
        colour = COLOURS[int(colours[:, cell].argmax())] if KINDS[KIND_NAMES[kind]].coloured else COLOURS[0]
        thing = Thing(KIND_NAMES[kind], colour, _box(boxes[:, cell], at[cell]))
        found.append((float(peaks[kind].flatten()[cell]), thing))
    found.sort(key=lambda item: -item[0])
    return Reading(TIMES[time], GROUNDS[ground], WEATHERS[weather], bool(mountains), tuple(thing for _, thing in found))


def _box(distances: torch.Tensor, middle: torch.Tensor) -> tuple[float, float, float, float]:
    x, y = middle.tolist()
    left, top, right, bottom = distances.tolist()
    return x - left, y - top, x + right, y + bottom


def build(seed: int = 3) -> Reader:
    torch.manual_seed(seed)
    return Reader()


def load(path: Path = SHIPPED) -> Reader:
    """The shipped reader, in evaluation mode."""
    model = Reader()
    model.load_state_dict({key: value.float() for key, value in load_file(path).items()})
    return model.eval()


def store(model: Reader, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.half().contiguous() for key, value in model.state_dict().items()}, path)


def trained(options: Options, name: str = "reader") -> Reader:
    return Run(name, build(), options.preset.reader, options).averaged(build())


def train(options: Options, name: str = "reader", seed: int = 3) -> None:
    """Trains or resumes the run ``name``; prints how many of its answers about unseen renders are right."""
    preset, side = options.preset, reading_size(options.preset)
    pixels = dataset.pictures(preset, options.folder)
    model = build(seed)
    run = Run(name, model, preset.reader, options)
    samples = dataset.batches(preset.scenes, preset.reader.batch, run.step)
    autocast = pick_autocast(options.device)

    def loss_of(step: int) -> torch.Tensor:
        rng = np.random.default_rng([step, 47])
        scenes, pictures = [], []
        for seed in next(samples):
            is_mirrored = rng.random() < 0.5
            picture = roughened(shrunk(pixels[seed : seed + 1], side)[0], rng)
            pictures.append(picture[:, ::-1] if is_mirrored else picture)
            scenes.append(mirrored(scene(int(seed))) if is_mirrored else scene(int(seed)))
        inputs = to_pictures(np.stack(pictures)).to(options.device, memory_format=torch.channels_last)
        with autocast:
            answers = model(inputs)
        return reading_loss(answers, scenes)

    def show() -> None:
        count = min(UNSEEN_FOR_SHOW, preset.scenes)
        seeds = range(dataset.UNSEEN, dataset.UNSEEN + count)
        readings, _ = look(run.averaged(build()), shrunk(dataset.unseen(count, preset.size), side))
        right = accuracies([scene(seed) for seed in seeds], readings)
        print(f"\nstep {run.step}: " + ", ".join(f"{name} {share:.3f}" for name, share in right.items()), flush=True)

    run.train(loss_of, show, show_every=500)


def main() -> None:
    chosen = options("reader")
    train(chosen)
    store(trained(chosen), SHIPPED)
    tqdm.write(f"written to {SHIPPED}")


if __name__ == "__main__":
    main()
