"""The attribute reader: says what a picture of the world shows, so that drawing can be measured.

    python -m storybook.reader --preset small

A small convolutional network that learns from renders alone and never sees a generated picture. It answers for the
whole picture (time of day, ground, weather, mountains) and, for each kind of thing, in which of its cells the thing's
centre lies, or that there is none; at that cell it reads the colour and the box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from storybook.run import Options, Run, options, pick_autocast
from storybook.scoring import Reading, accuracies
from storybook.world import Scene, Thing, scene
from storybook.world.scene import COLOURS, GROUNDS, KINDS, TIMES, WEATHERS
from studio.packs.catalogue import ASSETS
from studio.packs.first_stage import to_pictures

SHIPPED = ASSETS.parent / "evaluation" / "reader.safetensors"
LARGEST_SIDE = 128  # pixels; larger pictures are averaged down before they are read
CELL = 8  # pixels
WIDTHS = (32, 64, 96)
FEATURES = 2 * WIDTHS[-1]  # of a whole picture
KIND_NAMES = tuple(KINDS)
BOX_WEIGHT = 10.0  # on errors that are fractions of the picture
UNSEEN_FOR_SHOW = 512


@dataclass(frozen=True)
class Answers:
    """The network's output for B pictures of h x w cells.

    whole:    logits over TIMES, GROUNDS, WEATHERS and (no mountains, mountains), [B, answers] each
    places:   [B, kinds, h * w + 1] logits: the cell of the kind's centre, or, last, that it is not there
    colours:  [B, colours, h, w] logits
    boxes:    [B, 4, h, w] distances from the cell's middle to the left, upper, right and lower edge, as fractions
    features: [B, FEATURES] of the whole picture
    """

    whole: tuple[torch.Tensor, ...]
    places: torch.Tensor
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


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((3, *WIDTHS), WIDTHS, strict=False):  # each halves the sides: 8 pixels to a cell
            layers += [nn.Conv2d(before, after, 5 if before == 3 else 3, 2, 2 if before == 3 else 1, bias=False)]
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
        self.trunk = nn.Sequential(*layers, *(_Block(WIDTHS[-1], dilation) for dilation in (1, 2, 4)))
        self.whole = nn.ModuleList(nn.Linear(FEATURES, len(of)) for of in (TIMES, GROUNDS, WEATHERS, (False, True)))
        self.absent = nn.Linear(FEATURES, len(KINDS))
        self.cells = nn.Conv2d(WIDTHS[-1], len(KINDS) + len(COLOURS) + 4, 1)

    def forward(self, pictures: torch.Tensor) -> Answers:
        """pictures: [B, 3, H, W] in -1..1; sides are multiples of CELL."""
        cells = self.trunk(pictures)
        features = torch.cat([cells.mean((2, 3)), cells.amax((2, 3))], dim=1)
        kinds, colours, boxes = self.cells(cells).split([len(KINDS), len(COLOURS), 4], dim=1)
        places = torch.cat([kinds.flatten(2), self.absent(features)[:, :, None]], dim=2)
        return Answers(tuple(head(features) for head in self.whole), places, colours, boxes, features)


def reading_size(preset: Preset) -> int:
    return min(preset.size, LARGEST_SIDE)


def middles(side: int) -> torch.Tensor:
    """The middles of the cells of a picture with ``side`` cells a side: [side * side, 2], x and y as fractions."""
    line = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2)


def reading_loss(answers: Answers, scenes: Sequence[Scene]) -> torch.Tensor:
    """Cross-entropy for what is asked of the whole and of each kind; colour and box where a thing is."""
    device = answers.places.device
    side = answers.colours.shape[-1]
    whole = torch.tensor(
        [[TIMES.index(each.time), GROUNDS.index(each.ground), WEATHERS.index(each.weather), each.mountains]
         for each in scenes], device=device, dtype=torch.long,
    )  # fmt: skip
    places = torch.full((len(scenes), len(KINDS)), side * side, dtype=torch.long)
    rows, cells, colours, boxes = [], [], [], []
    for row, each in enumerate(scenes):
        for thing in each.things:
            cell = _cell_of(thing, side)
            places[row, KIND_NAMES.index(thing.kind)] = cell
            rows.append(row)
            cells.append(cell)
            colours.append(COLOURS.index(thing.colour))
            boxes.append(thing.box)
    loss = torch.stack(
        [F.cross_entropy(head.float(), truth) for head, truth in zip(answers.whole, whole.T, strict=True)]
    ).sum()
    loss = loss + F.cross_entropy(answers.places.float().flatten(0, 1), places.flatten().to(device)) * len(KINDS) / 4
    if not rows:
        return loss
    edges, at = torch.tensor(boxes), middles(side)[cells]
    distances = torch.cat([at - edges[:, :2], edges[:, 2:] - at], dim=1).to(device)
    colour_logits = answers.colours.flatten(2)[rows, :, cells].float()
    drawn = answers.boxes.flatten(2)[rows, :, cells].float()
    return (
        loss
        + F.cross_entropy(colour_logits, torch.tensor(colours, device=device))
        + BOX_WEIGHT * F.l1_loss(drawn, distances)
    )


def _cell_of(thing: Thing, side: int) -> int:
    x0, y0, x1, y1 = thing.box
    column, row = (min(side - 1, int((low + high) / 2 * side)) for low, high in ((x0, x1), (y0, y1)))
    return row * side + column


def mirrored(each: Scene) -> Scene:
    """``each`` as its mirror image shows it."""
    things = tuple(
        Thing(thing.kind, thing.colour, (1 - thing.box[2], thing.box[1], 1 - thing.box[0], thing.box[3]))
        for thing in reversed(each.things)
    )
    return Scene(each.seed, each.time, each.ground, each.weather, each.mountains, each.horizon, things)


def roughened(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Half of the time a little blurred, half of the time a little noisy, as decoded latents are."""
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2)).astype(np.uint8)
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
        readings += [_reading(answers, row) for row in range(len(answers.places))]
        features.append(answers.features.cpu())
    return readings, torch.cat(features)


def _reading(answers: Answers, row: int) -> Reading:
    time, ground, weather, mountains = (int(head[row].argmax()) for head in answers.whole)
    side = answers.colours.shape[-1]
    shares = answers.places[row].float().softmax(dim=1).cpu()
    colours, boxes = answers.colours[row].flatten(1), answers.boxes[row].flatten(1)
    found: list[tuple[float, Thing]] = []
    for kind, share in zip(KIND_NAMES, shares, strict=True):
        presence = 1 - float(share[-1])
        if presence > 0.5:
            cell = int(share[:-1].argmax())
            colour = COLOURS[int(colours[:, cell].argmax())]
            found.append((presence, Thing(kind, colour, _box(boxes[:, cell].cpu(), middles(side)[cell]))))
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
