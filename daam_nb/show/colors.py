"""Color maps: the same 256 colors for every renderer.

The defaults are perceptually uniform: equal differences in attention look equally different, in
print and to color-blind eyes as well. `SEQUENTIAL` lists them; to compare two things, take one from
each end, such as ``"inferno"`` and ``"viridis"``.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from daam_nb.errors import SelectionError
from daam_nb.kinds import check_text

SEQUENTIAL = ("inferno", "magma", "plasma", "viridis", "cividis")
DEFAULT = "inferno"
LEVELS = 256


def palette(name: str) -> NDArray[np.float64]:
    """Return the colors of a color map.

    Parameters
    ----------
    name
        One of `SEQUENTIAL`, or any other name that matplotlib knows.

    Returns
    -------
    array
        (256, rgb) in [0, 1], from the smallest to the largest value; read-only.

    Raises
    ------
    SelectionError
        If matplotlib knows no such name.
    WrongKindError
        If the name is not a string.
    """
    return _palette(check_text(name, "colormap"))


@cache
def _palette(name: str) -> NDArray[np.float64]:
    import matplotlib

    try:
        colors = matplotlib.colormaps[name](np.linspace(0, 1, LEVELS))[:, :3]
    except KeyError:
        raise SelectionError(
            f"There is no color map {name!r}. Perceptually uniform are "
            f"{', '.join(repr(known) for known in SEQUENTIAL)}; any other name of matplotlib's "
            f"works too."
        ) from None
    table = np.asarray(colors, dtype=np.float64)
    table.setflags(write=False)
    return table


def color(
    values: NDArray[np.float32], *, name: str, vmin: float, vmax: float
) -> NDArray[np.float64]:
    """Turn values into colors, as matplotlib does: 256 equal steps from `vmin` to `vmax`.

    Parameters
    ----------
    values
        Any shape; values outside [`vmin`, `vmax`] are clipped.

    Returns
    -------
    array
        (..., rgb) in [0, 1].
    """
    span = vmax - vmin
    share = (values - vmin) / span if span > 0 else np.zeros_like(values)
    steps = np.clip((share * LEVELS).astype(np.int64), 0, LEVELS - 1)
    return np.asarray(palette(name)[steps])
