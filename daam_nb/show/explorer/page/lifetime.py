"""How long an explorer takes part in a notebook: from being made until nobody shows it any more.

ipywidgets keeps every widget until it is closed. When a page is loaded again, JupyterLab asks the
kernel for the state of all of them at once. Two things must hold for that to succeed:

- No living widget holds a closed one. Else its state cannot be told, the kernel does not answer,
  and not one widget of the notebook comes back (ipywidgets 8.1). So `leave` takes what is closed
  out of the boxes and links that hold it.
- The answer must be there soon: JupyterLab looks for a model for two seconds and then calls it
  missing, even if it comes an instant later (its widget manager 5). So what a cell has replaced
  *rests*: it is not among the living widgets, keeps no maps, and comes back when it is shown again.

IPython keeps what a cell returned (`Out`, `_`, `_3`, ...), and with it the recording: `%reset out`.
The front end says which cell it runs (JupyterLab and Notebook do). Where it does not, or where an
explorer was shown by a callback or lies in a box of one's own, nothing rests by itself: `close()`.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakSet

import ipywidgets
from ipywidgets.widgets import widget as registry
from ipywidgets.widgets import widget_link

HOLDING = (
    "children",
    "layout",
    "style",
    "source",
    "target",
    "_other",
)  # traits that name other widgets


class Reopenable(ipywidgets.Widget):  # type: ignore[misc]
    """A widget that rests when its cell was run again, and leaves nothing behind when closed."""

    links: Sequence[Any] = ()  # its own, between its parts
    _closed = False
    _suspended = False
    _anywhere = False  # whether it was shown where one cannot know of
    _cells: dict[str, str]

    def made(self) -> None:
        """Take note of the cell that makes it; what earlier runs of that cell made rests."""
        now = cell_now()
        if now is None:
            return
        cell, run = now
        self.__dict__.setdefault("_cells", {})[cell] = run
        _REOPENABLE.add(self)
        for other in _REOPENABLE:
            if other._cells.get(cell, run) != run:
                del other._cells[cell]
        for other in list(_REOPENABLE):
            if not other._cells and other is not self:
                other.suspend()

    def shown(self) -> None:
        """Take note of the cell that shows it."""
        now = cell_now()
        if now is None or _captured(now[1]):
            self._anywhere = True
        self.made()

    def suspend(self) -> bool:
        """Leave the living widgets until it is shown again.

        Returns
        -------
        bool
            Whether it rests. Not where a cell may still show it or one of its parts, and not
            while another widget holds one.
        """
        if self._closed or self._suspended:
            return self._suspended
        parts = _own(parts_of(self))
        if any(isinstance(part, Reopenable) and part._may_be_seen for part in parts):
            return False
        if any(holder not in parts for part in parts for holder in holders(part)):
            return False
        for part in reversed(parts):
            ipywidgets.Widget.close(part)
            vars(part).pop("_repr_mimebundle_", None)  # it may be opened again
            if isinstance(part, Reopenable):
                part._suspended = True
                part.release()
        return True

    def reopen(self) -> None:
        """Be among the living widgets again, with the same name on the page."""
        for part in parts_of(self):
            if isinstance(part, Reopenable) and part._suspended:
                part._suspended = False
                part.restore()
            part.open()

    def release(self) -> None:
        """Let go of what can be worked out again."""

    def restore(self) -> None:
        """Work it out again."""

    def close(self) -> None:
        """Take it and its parts from the page, and out of the boxes and links that hold it."""
        parts = [] if self.comm is None else _own(parts_of(self))
        self._closed, self._suspended = True, False
        if self.comm is not None:
            _leave(self, parts)
        super().close()
        for part in reversed(parts):
            if part is not self:
                part.close()

    @property
    def model_id(self) -> Any:
        """Its name on the page, the last one where it is closed; asking for it wakes it."""
        if self._suspended:
            self.reopen()
        return self._model_id if self.comm is None else self.comm.comm_id

    @property
    def _may_be_seen(self) -> bool:
        return self._anywhere or bool(self.__dict__.get("_cells"))

    def still_png(self) -> bytes | None:
        """What is shown now as a PNG, for where a saved notebook has no widget; None: nothing."""

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The widget, and a still of it for pages that cannot show widgets."""
        if self._suspended:
            self.reopen()
        self.shown()
        bundle = super()._repr_mimebundle_(**kwargs)
        still = self.still_png()
        if bundle is None or still is None:
            return bundle
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "image/png": base64.b64encode(still).decode("ascii")}, metadata


_REOPENABLE: WeakSet[Reopenable] = WeakSet()


def cell_now() -> tuple[str, str] | None:
    """The cell that is running and this run of it; None outside cells, and where nobody says."""
    module: Any = sys.modules.get("IPython")  # imported where there are cells
    shell: Any = module.get_ipython() if module is not None else None
    parent = shell.get_parent() if hasattr(shell, "get_parent") else None
    if not isinstance(parent, dict):
        return None
    header, metadata = parent.get("header") or {}, parent.get("metadata") or {}
    if header.get("msg_type") != "execute_request" or not metadata.get("cellId"):
        return None
    return str(metadata["cellId"]), str(header.get("msg_id"))


def open_widgets() -> list[ipywidgets.Widget]:
    """All widgets that are connected to a page, or could be."""
    return list(registry._instances.values())


def holders(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """Living widgets whose state names a widget: boxes, links, and whose layout or style it is."""
    return (other for other in open_widgets() if widget in _named(other))


def parts_of(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """A widget and all it is made of, each after its own parts; links between them last."""
    found: list[ipywidgets.Widget] = []

    def gather(one: ipywidgets.Widget) -> None:
        for part in _named(one):
            gather(part)
        if one not in found:
            found.append(one)

    gather(widget)
    found += [one for one in getattr(widget, "links", ()) if isinstance(one, ipywidgets.Widget)]
    return found


def _named(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    for name in HOLDING:
        value = getattr(widget, name) if name in widget.keys else None
        for one in value if isinstance(value, tuple | list) else (value,):
            if isinstance(one, ipywidgets.Widget):
                yield one


def _own(parts: list[ipywidgets.Widget]) -> list[ipywidgets.Widget]:
    """Parts without the layouts and styles that widgets of others use as well."""
    return [
        part
        for part in parts
        if not isinstance(part, ipywidgets.Layout | ipywidgets.Style)
        or all(holder in parts for holder in holders(part))
    ]


def _leave(widget: ipywidgets.Widget, parts: list[ipywidgets.Widget]) -> None:
    """Take a widget out of the boxes of others, and end the links that lead to it."""
    for holder in list(holders(widget)):
        if holder in parts:
            continue
        if "children" in holder.keys:
            holder.children = tuple(one for one in holder.children if one is not widget)
        if getattr(holder, "_other", None) is widget:
            holder._other = None
        if isinstance(holder, widget_link.Link):
            holder.close()


def _captured(run: str) -> bool:
    """Whether what is displayed now goes into an Output widget, which may be shown anywhere."""
    return any(isinstance(one, ipywidgets.Output) and one.msg_id == run for one in open_widgets())
