"""Render the menagerie's sprites from Noto Color Emoji.

    python -m training.sprites [FOLDER] [--font FILE]

makes the small palette PNGs that the package ships anew (without FOLDER, in their place); nothing
else needs the font (Debian: fonts-noto-color-emoji). Another version of the font may draw
differently, and what was trained on the sprites before does not know the new ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from daam_nb.menagerie.taxonomy import NOUNS

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
LONGER_SIDE = 96
SHIPPED = Path(__file__).parent.parent / "daam_nb" / "menagerie" / "sprites"


def render_sprites(folder: Path, *, font: Path = FONT) -> None:
    """Write one palette PNG per noun, the longer side 96 pixels.

    Parameters
    ----------
    folder
        Where `<noun>.png` is written.
    font
        The color font; its bitmaps exist at size 109 only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    face = ImageFont.truetype(str(font), 109)
    for noun in NOUNS:
        canvas = Image.new("RGBA", (150, 150), (0, 0, 0, 0))
        ImageDraw.Draw(canvas).text((6, 10), noun.glyph, font=face, embedded_color=True)
        glyph = canvas.crop(canvas.getbbox())
        scale = LONGER_SIDE / max(glyph.size)
        glyph = glyph.resize((round(glyph.width * scale), round(glyph.height * scale)))
        # FASTOCTREE is the one quantizer of PIL that keeps alpha.
        palette = glyph.quantize(128, method=Image.Quantize.FASTOCTREE)
        palette.save(folder / f"{noun.name}.png", optimize=True)


def main() -> None:
    """Parse the command line and render the sprites."""
    parser = argparse.ArgumentParser(
        prog="python -m training.sprites", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, nargs="?", default=SHIPPED)
    parser.add_argument("--font", type=Path, default=FONT)
    given = parser.parse_args()
    render_sprites(given.folder, font=given.font)


if __name__ == "__main__":
    main()
