"""Built front ends of widgets: a script and a style sheet beside the Python code that uses them."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def read_bundle(folder: Path, name: str) -> tuple[str, str]:
    """Read a front end, once for all widgets that use it.

    Parameters
    ----------
    folder
        The folder that `js/build.js` writes to.
    name
        Name of the files, without ``.js`` and ``.css``.

    Returns
    -------
    script, style
        The text of both files.

    Raises
    ------
    FileNotFoundError
        If they were not built in a source checkout.
    """
    script, style = folder / f"{name}.js", folder / f"{name}.css"
    if not script.is_file() or not style.is_file():
        raise FileNotFoundError(
            f"{script} is missing. Installed packages have it; in a source checkout build it: "
            f"npm --prefix js ci && npm --prefix js run build"
        )
    return script.read_text("utf-8"), style.read_text("utf-8")
