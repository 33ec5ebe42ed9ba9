"""Make docs/images/demo.png, the README's image: maps of some words of `make demo`.

python -m scripts.demo_image [--to FOLDER]
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

from PIL import Image

from daam_nb.cli import main as daam_nb

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
WIDTH = 1000
WORDS = "tree,next,car,snow"  # as many as stand beside the image in one row


def demo_command() -> tuple[str, str]:
    """The prompt and the seed of `make demo`."""
    found = re.search(r'daam-nb "(.+?)" --seed (\d+)', (ROOT / "Makefile").read_text("utf-8"))
    assert found is not None
    return found[1], found[2]


def main() -> None:
    """Draw it, and write it at the width of a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=IMAGES, metavar="FOLDER")
    path = parser.parse_args().to / "demo.png"
    prompt, seed = demo_command()
    with tempfile.TemporaryDirectory() as folder:
        options = ["--seed", seed, "--effects", "--words", WORDS]
        daam_nb([prompt, *options, "--output-folder", f"{folder}/demo"])
        with Image.open(Path(folder) / "demo" / "words.png") as words:
            height = round(words.height * WIDTH / words.width)
            small = words.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    small.save(path, optimize=True)
    print(f"{path}: {small.width} x {small.height}")


if __name__ == "__main__":
    main()
