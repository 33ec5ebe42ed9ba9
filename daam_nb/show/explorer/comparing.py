"""Two recordings side by side."""

from __future__ import annotations

from typing import Any

import ipywidgets


class Comparison(ipywidgets.VBox):  # type: ignore[misc]
    """Two explorers with linked choices; made by `daam_nb.explore(run, other)`."""

    def __init__(self, *explorers: Any) -> None:
        super().__init__([*explorers])
