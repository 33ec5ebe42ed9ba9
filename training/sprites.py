"""Render the menagerie's sprites from Noto Color Emoji.

Needs the font once (Debian: fonts-noto-color-emoji); the package ships the small palette PNGs.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from daam_nb.menagerie.taxonomy import NOUNS

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
LONGER_SIDE = 96


def render_sprites(folder: Path, *, font: Path = FONT) -> None:
    """Write one palette PNG per noun, the longer side 96 pixels.

    Parameters
    ----------
    folder
        Where `<noun>.png` is written.
    font
        The colour font; its bitmaps exist at size 109 only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    face = ImageFont.truetype(str(font), 109)
    for noun in NOUNS:
        canvas = Image.new("RGBA", (150, 150), (0, 0, 0, 0))
        ImageDraw.Draw(canvas).text((6, 10), noun.glyph, font=face, embedded_color=True)
        glyph = canvas.crop(canvas.getbbox())
        scale = LONGER_SIDE / max(glyph.size)
        glyph = glyph.resize((round(glyph.width * scale), round(glyph.height * scale)))
        # FASTOCTREE is the one quantiser of PIL that keeps alpha.
        palette = glyph.quantize(128, method=Image.Quantize.FASTOCTREE)
        palette.save(folder / f"{noun.name}.png", optimize=True)
