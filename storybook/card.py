"""Puts measured figures into a pack's card, between marks, so that no number there is typed by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from storybook.world import LANGUAGES

FIGURES_FILE = "evaluation.json"
ATTRIBUTES = ("time", "ground", "mountains", "weather", "kind", "colour", "number", "all")


def write_figures(folder: Path, figures: dict[str, Any]) -> None:
    """The evaluation's figures, as `evaluate.measure` gives them, into the card and, exactly, into a file beside it."""
    _keep(folder, "figures", figures)
    _between_marks(folder / "README.md", "figures", figures_as_markdown(figures))


def write_steps(folder: Path, rows: list[dict[str, Any]], scenes: int) -> None:
    """The table of steps, as `evaluate.steps_table` gives it."""
    _keep(folder, "steps", {"scenes": scenes, "samplers": rows})
    _between_marks(folder / "README.md", "steps", steps_as_markdown(rows, scenes))


def write_few_steps(folder: Path, rows: list[dict[str, Any]]) -> None:
    """The comparison that `evaluate.few_steps` gives."""
    _keep(folder, "few-steps", rows)
    names = ("all", "kind", "colour", "number")
    lines = [
        f"{rows[0]['scenes']} unseen scenes in three languages each:",
        "",
        f"| sampler | steps | guidance | model inputs a picture | {' | '.join(names)} |",
        f"|{'---|' * (len(names) + 4)}",
    ]
    for row in rows:
        right = " | ".join(f"{100 * row['accuracy'][name]:.1f} %" for name in names)
        lines.append(f"| {row['sampler']} | {row['steps']} | {row['guidance']:g} | {row['inputs']} | {right} |")
    _between_marks(folder / "README.md", "few-steps", "\n".join(lines))


def write_inpainting(folder: Path, figures: dict[str, Any]) -> None:
    """The figures of `evaluate_inpainting.measure`."""
    _keep(folder, "inpainting", figures)
    ratio = figures["step_across_seam"] / figures["step_across_seam_of_renders"]
    lines = [
        f"{figures['cases']} unseen renders in which one thing was painted over and another asked for in its place:",
        "",
        f"* All pixels outside the mask identical: {100 * figures['outside_identical']:.1f} %.",
        f"* The thing asked for seen there, of the right kind and colour: {100 * figures['found']:.1f} %.",
        f"* The step of brightness across the mask's edge: {ratio:.2f} times that of a render of the same scene.",
    ]
    _between_marks(folder / "README.md", "inpainting", "\n".join(lines))


def write_layout(folder: Path, figures: dict[str, Any]) -> None:
    """The figures of `evaluate_layout.measure`."""
    _keep(folder, "layout", figures)
    lines = [
        f"{figures['layouts']} unseen scenes with {figures['boxes']} boxes, told in full, from the same seeds:",
        "",
        "| | of the right kind and colour in its box | overlap with the box (IoU) |",
        "|---|---|---|",
    ]
    for name, title in (("with_boxes", "with boxes"), ("without_boxes", "without"), ("renders", "renders")):
        lines.append(f"| {title} | {100 * figures[name]['found']:.1f} % | {figures[name]['overlap']:.2f} |")
    _between_marks(folder / "README.md", "layout", "\n".join(lines))


def write_words(folder: Path, figures: dict[str, Any]) -> None:
    """The figures of `evaluate_words.measure`."""
    _keep(folder, "words", figures)
    columns = [figures["natural"], *(figures["by_language"][language] for language in LANGUAGES)]
    lines = [
        f"{figures['prompts']} prompts in natural words, written by hand in each language and never trained on, from "
        f"the seeds {', '.join(map(str, figures['seeds']))}; only what a prompt says is asked:",
        "",
        f"| right | all | {' | '.join(LANGUAGES)} |",
        f"|{'---|' * (len(LANGUAGES) + 2)}",
    ]
    for name in columns[0]:
        lines.append(f"| {name} | {' | '.join(f'{100 * column[name]:.1f} %' for column in columns)} |")
    lines += [
        "",
        f"Relations told of {figures['pairs']} unseen scenes, with all else: {100 * figures['relations']:.1f} %.",
    ]
    _between_marks(folder / "README.md", "words", "\n".join(lines))


def write_super_resolution(folder: Path, figures: dict[str, Any]) -> None:
    """The figures of `evaluate_super_resolution.measure`."""
    _keep(folder, "super-resolution", figures)
    samples = figures["samples"]
    lines = [
        f"{figures['pieces']} pieces of unseen renders, degraded as in training, enlarged four times in "
        f"{figures['steps']} steps:",
        "",
        f"| | one drawing | one, not true to its input | mean of {samples} | bicubic |",
        "|---|---|---|---|---|",
        f"| distance to the truth in the reader's features | {figures['distance']:.3f} | "
        f"{figures['distance_of_loose']:.3f} | | {figures['distance_of_bicubic']:.3f} |",
        f"| PSNR in dB | {figures['psnr']:.2f} | {figures['psnr_of_loose']:.2f} | {figures['psnr_of_mean']:.2f} | "
        f"{figures['psnr_of_bicubic']:.2f} |",
        "",
        "* Inputs are noisy and packed as JPEG; what is true to them keeps that.",
        "* The distance between two different truths is 1.",
        f"* Standard deviation over {samples} drawings: {figures['mean_std']:.2f} levels of 255.",
        f"* Averaged down, the worst piece's first drawing agrees with its input to {figures['consistency']:.1f} dB.",
        f"* Brightness at the edges of tiles changes {figures['seams']:.3f} times as steeply as elsewhere, compared "
        "with renders.",
    ]
    _between_marks(folder / "README.md", "super-resolution", "\n".join(lines))


def write_cascade(folder: Path, figures: dict[str, Any]) -> None:
    """The figures of `evaluate_cascade.measure`."""
    _keep(folder, "cascade", figures)
    lines = [
        f"{figures['scenes']} unseen scenes at {figures['size']} pixels: drawn from words, compared with renders of "
        "others; and renders seen through the base's first stage, compared with themselves:",
        "",
        "| | two stages | the first, bicubic | renders |",
        "|---|---|---|---|",
        f"| Fréchet distance of pieces of what is drawn | {figures['frechet_distance']:.1f} | "
        f"{figures['frechet_distance_of_bicubic']:.1f} | {figures['frechet_distance_of_renders']:.1f} |",
        f"| distance to the truth in the reader's features | {figures['distance']:.3f} | "
        f"{figures['distance_of_bicubic']:.3f} | 0 |",
        f"| PSNR in dB | {figures['psnr']:.2f} | {figures['psnr_of_bicubic']:.2f} | |",
    ]
    _between_marks(folder / "README.md", "cascade", "\n".join(lines))


def write_variations(folder: Path, figures: dict[str, Any]) -> None:
    """The figures of `evaluate_variations.measure`."""
    _keep(folder, "variations", figures)
    lines = [
        f"CLIP, asked which of several captions that differ in one attribute is true of each of {figures['scenes']} "
        f"unseen renders, and of {figures['pairs']} captions which picture is its own:",
        "",
        f"| right | {' | '.join(LANGUAGES)} |",
        f"|{'---|' * (len(LANGUAGES) + 1)}",
    ]
    for name in figures["telling"][LANGUAGES[0]]:
        shares = " | ".join(f"{100 * figures['telling'][language][name]:.1f} %" for language in LANGUAGES)
        lines.append(f"| {name} | {shares} |")
    recalled = " | ".join(f"{100 * figures['recall'][language]:.1f} %" for language in LANGUAGES)
    shared = figures["shared"]
    lines += [
        f"| recall@1 | {recalled} |",
        "",
        f"{figures['variations']} variations without words, from noise alone: CLIP finds them "
        f"{figures['similarity']:.2f} like their source and {figures['similarity_of_others']:.2f} like another.",
        "Of what the source shows, the reader finds again:",
        ", ".join(f"{name} {100 * shared[name]:.0f} %" for name in ATTRIBUTES) + ".",
    ]
    _between_marks(folder / "README.md", "variations", "\n".join(lines))


def figures_as_markdown(figures: dict[str, Any]) -> str:
    plan, autoencoder = figures["plan"], figures["autoencoder"]
    columns = [figures["accuracy"], *(figures["accuracy_by_language"][language] for language in LANGUAGES)]
    lines = [
        f"{plan['scenes']} unseen scenes, told in full in three languages; {plan['sampler']}, {plan['steps']} steps, "
        f"guidance {plan['guidance']:g}, {figures['size']} pixels:",
        "",
        f"| right | all | {' | '.join(LANGUAGES)} | renders through the autoencoder | renders |",
        f"|{'---|' * (len(LANGUAGES) + 4)}",
    ]
    for name in ATTRIBUTES:
        shares = [*(column[name] for column in columns), autoencoder["accuracy"][name], figures["reader"][name]]
        lines.append(f"| {name} | {' | '.join(f'{100 * share:.1f} %' for share in shares)} |")
    return "\n".join([
        *lines, "",
        f"* Autoencoder: {autoencoder['psnr']:.1f} dB PSNR on unseen scenes.",
        f"* Fréchet distance, on the reader's features, to renders of as many other scenes as there are pictures: "
        f"{figures['frechet_distance']:.1f}; of {plan['scenes']} renders, each as often: "
        f"{figures['frechet_distance_of_renders']:.1f}.",
    ])  # fmt: skip


def steps_as_markdown(rows: list[dict[str, Any]], scenes: int) -> str:
    lines = [
        f"{scenes} unseen scenes in three languages each:",
        "",
        "| sampler | steps | right | right at 50 |",
        "|---|---|---|---|",
    ]
    for row in rows:
        right, at_longest = (f"{100 * row[name]:.1f} %" for name in ("accuracy", "accuracy_at_longest"))
        lines.append(f"| {row['sampler']} | {row['steps']} | {right} | {at_longest} |")
    return "\n".join(lines)


def _keep(folder: Path, name: str, values: object) -> None:
    path = folder / FIGURES_FILE
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**kept, name: values}, indent=2, ensure_ascii=False) + "\n")


def _between_marks(path: Path, name: str, text: str) -> None:
    """Replaces what stands between ``<!-- name -->`` and ``<!-- /name -->``; a card without the marks is left alone."""
    if not path.exists():
        return
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"{re.escape(opening)}.*?{re.escape(closing)}", re.DOTALL)
    path.write_text(pattern.sub(lambda _: f"{opening}\n{text}\n{closing}", path.read_text()))
