"""Write src/palettes.data.js: matplotlib's color maps as 256 colors each.

Run after a change of matplotlib or of the list: ``python js/make_palettes.py [FILE]``.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import matplotlib
import numpy as np

NAMES = ("inferno", "magma", "plasma", "viridis", "cividis", "gray", "RdBu_r")


TARGET = Path(__file__).with_name("src") / "palettes.data.js"


def main() -> None:
    lines = [
        "// Written by make_palettes.py: 256 x (red, green, blue), base64.",
        "export default {",
    ]
    for name in NAMES:
        colors = matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3]
        data = np.round(colors * 255).astype(np.uint8).tobytes()
        lines.append(f'  {name}: "{base64.b64encode(data).decode("ascii")}",')
    lines.append("};")
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
