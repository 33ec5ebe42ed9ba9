"""Make the small recording that ships with the package, with the shipped model.

    python -m scripts.make_sample [SEED] [--to FOLDER]

Writes ``daam_nb/sample_recording/`` (replacing it), which `daam_nb.sample()` opens, and prints what
it holds. Run it again whenever the shipped model or the format changes.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import daam_nb
from daam_nb.recording.loading import SAMPLE

PROMPT = "a banana and an apple on the grass"
SEED = 2
STEPS = 7
LIMIT = 700_000  # bytes: it travels with every installation


def main(folder: Path = SAMPLE, *, prompt: str = PROMPT, seed: int = SEED) -> int:
    """Generate, check the size, save, open again; the exit code."""
    pipe = daam_nb.menagerie.load()
    pipe.set_progress_bar_config(disable=True)
    run = daam_nb.generate(pipe, prompt, seed=seed, num_inference_steps=STEPS)
    if run.nbytes > LIMIT:
        print(f"{run.nbytes} bytes of arrays, over the {LIMIT} a sample may have: fewer STEPS.")
        return 1
    run.save(folder, overwrite=folder.exists())
    again = daam_nb.load(folder)
    nbytes = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{os.path.relpath(folder)}: {nbytes} bytes, made with {run.facts.model}")
    print(again)
    print(again.layers)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", default=SEED)
    parser.add_argument("--to", type=Path, default=SAMPLE, metavar="FOLDER")
    options = parser.parse_args()
    sys.exit(main(options.to, seed=options.seed))
