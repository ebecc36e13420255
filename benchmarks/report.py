"""A benchmark's result as a table and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAMES = {
    "A": "A: stock loop, one at a time",
    "A'": "A': our engine, one at a time",
    "B": "B: equal settings in batches",
    "C": "C: our engine, together",
    "A' fast": "A' in bfloat16",
    "B fast": "B in bfloat16",
    "C fast": "C in bfloat16",
}
COLUMNS = ("pictures/s", "mean latency", "p50 latency", "p95 latency", "p95 first preview", "p95 cancel to free")
COLOURS = {
    "A": "#b8b4c4", "A'": "#8e86a8", "B": "#e0a35c", "C": "#6b3fd4", "A' fast": "#c9c4dc", "B fast": "#f0d0a8",
    "C fast": "#36b08f",
}  # fmt: skip


def as_markdown(result: dict[str, Any]) -> str:
    """One table for all numbers of users, then the ratios."""
    lines = [
        f"{result['model']}, {result['machine']}, {_inputs(result['inputs'])} model inputs a call, "
        f"median of {result['repeats']} repeats; seconds:",
        "",
        f"| users | arm | {' | '.join(COLUMNS)} | GFLOP/s |",
        f"|{'---|' * (len(COLUMNS) + 3)}",
    ]
    for level in result["levels"]:
        for arm, figures in level["arms"].items():
            values = " | ".join(_number(figures[column]) for column in COLUMNS)
            lines.append(f"| {level['users']} | {NAMES[arm]} | {values} | {figures['GFLOP/s']:.0f} |")
    levels = " | ".join(_users(level) for level in result["levels"])
    lines += ["", f"| ratio (lowest-highest of the repeats) | {levels} |", f"|{'---|' * (len(result['levels']) + 1)}"]
    for words in result["levels"][0]["ratios"]:
        spreads = (_spread(level["ratios"][words]) for level in result["levels"])
        lines.append(f"| {words} | {' | '.join(spreads)} |")
    lines.append("")
    for name, ratio in result["pairs"].items():
        lines.append(f"* {name}, pictures/s: {_spread(ratio)}")
    return "\n".join(lines) + "\n"


def _inputs(inputs: dict[str, float]) -> str:
    """ "16", or "16 (exact) and 8 (fast)"."""
    different = [f"{most:g} ({precision})" for precision, most in inputs.items()]
    return f"{next(iter(inputs.values())):g}" if len({*inputs.values()}) == 1 else " and ".join(different)


def _users(level: dict[str, Any]) -> str:
    return "1 user" if level["users"] == 1 else f"{level['users']} users"


def _number(value: float) -> str:
    return "none" if value != value else f"{value:.2f}"


def _spread(ratio: list[float]) -> str:
    lowest, median, highest = ratio
    return f"{median:.2f} ({lowest:.2f}-{highest:.2f})"


def plot(result: dict[str, Any], path: Path) -> None:
    """Three panels over the number of users: pictures per second, mean latency, first preview. PNG."""
    from matplotlib.figure import Figure  # no window, no state

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    panels = (
        ("pictures/s", "Pictures per second"),
        ("mean latency", "Mean latency, s"),
        ("p95 first preview", "95 % have seen something after, s"),
    )
    for axes, (column, title) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        arms = [arm for arm in NAMES if arm in result["levels"][0]["arms"]]
        width = 0.8 / len(arms)
        for place, arm in enumerate(arms):
            heights = [level["arms"][arm][column] for level in result["levels"]]
            positions = [level + (place - (len(arms) - 1) / 2) * width for level in range(len(heights))]
            axes.bar(positions, heights, width=0.95 * width, color=COLOURS[arm], label=NAMES[arm])
        axes.set_title(title, fontsize=10)
        axes.set_xticks(range(len(result["levels"])), [_users(level) for level in result["levels"]])
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.suptitle(f"{result['model']}: {result['machine']}", fontsize=9)
    figure.savefig(path, dpi=110)
