"""Keeps what an unfinished run's first stages have learned, where a machine's own disk may be lost.

    python -m storybook.keep --to training-kept        # what the checkpoints of the first stages hold now
    python -m storybook.unpack --pack training-kept    # on another machine, to go on from there

A pack in parts, averaged weights in float16: the first stage, the text encoder, the denoiser and the reader, as far as
they are. What is trained on these is not kept, nor are the optimisers' states.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from storybook import autoencoder, denoiser, reader, text_encoder
from storybook.pack import SHARD, STEPS_FILE
from storybook.run import CHECKPOINT, Options, options, steps_done
from storybook.tokenizer import stored_tokenizer
from storybook.unpack import READER


def keep(options: Options, folder: Path) -> dict[str, int]:
    """Writes the first stage, the text encoder, the denoiser and the reader, as far as they are; the steps of each."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("autoencoder", "text_encoder", "denoiser", "reader")
    steps = {name: steps_done(name, options) for name in names if (options.folder / name / CHECKPOINT).exists()}
    if "autoencoder" in steps:
        autoencoder.trained(options).half().save_pretrained(folder / "vae", max_shard_size=SHARD)
    if "denoiser" in steps:
        storybook = denoiser.trained(options)
        storybook.unet.half().save_pretrained(folder / "unet", max_shard_size=SHARD)
        storybook.text.half().save_pretrained(folder / "text_encoder", max_shard_size=SHARD)
    elif "text_encoder" in steps:
        text_encoder.trained(options).half().save_pretrained(folder / "text_encoder", max_shard_size=SHARD)
    if "reader" in steps:
        reader.store(reader.trained(options), folder / READER)
    if "text_encoder" in steps:
        stored_tokenizer(text_encoder.tokenizer_folder(options)).save_pretrained(folder / "tokenizer")
    (folder / STEPS_FILE).write_text(json.dumps({"preset": options.preset.name, "steps": steps}, indent=2) + "\n")
    return steps


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--to", type=Path, required=True)
    parsed, rest = parser.parse_known_args(arguments)
    print(f"{keep(options('keep', rest), parsed.to)} in {parsed.to}")


if __name__ == "__main__":
    main()
