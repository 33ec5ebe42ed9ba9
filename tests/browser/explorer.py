"""The explorer as a hand finds it on a page: chips, image, grid, slider, by their test ids."""

from __future__ import annotations

import io
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page

from tests.browser.lab import Notebook

SECONDS = 60
ROOT = "[data-testid=explorer]"
_FRAMES = """async () => {
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
}"""
_SHOWN = "(root, which) => root.__daam[which]()"
_IMAGE = "canvas => canvas.toDataURL('image/png').split(',')[1]"
# As while the hand moves: it does not come to rest, so nothing is sent and no exact map comes.
_MOVE = """async (root, changes) => {
  const {state} = root.__daam;
  state.set(changes, "soon");
  clearTimeout(state.timer);
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return root.__daam.shown();
}"""


def eventually(check: Callable[[], Any], *, seconds: float = SECONDS) -> Any:
    """Ask until the answer is true, and return it; fail with the last one."""
    end = monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert monotonic() < end, f"still {found!r} after {seconds} s"


@dataclass(frozen=True)
class Tile:
    """One tile of the atlas; layer -1: the number of a column, head -1: all heads of the layer."""

    explorer: Explorer
    layer: int
    head: int

    @property
    def canvas(self) -> Locator:
        return self.explorer.part("atlas")

    def box(self) -> dict[str, Any]:
        """Where it is on the atlas, CSS pixels, and whether it is chosen."""
        ask = "(root, at) => root.__daam.atlas.place(...at)"
        box = eventually(lambda: self.explorer.root.evaluate(ask, [self.layer, self.head]))
        assert isinstance(box, dict)
        return box

    @property
    def middle(self) -> Any:
        """Where a hand points at it."""
        box = self.box()
        return {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}

    def click(self, *, modifiers: Sequence[Any] = ()) -> None:
        self.canvas.click(position=self.middle, modifiers=list(modifiers))

    def hover(self) -> None:
        self.canvas.hover(position=self.middle)

    def tap(self) -> None:
        self.canvas.tap(position=self.middle)

    def focus(self) -> None:
        """Bring the keys to it."""
        self.canvas.focus()
        go = "(root, at) => root.__daam.atlas.go(...at)"
        self.explorer.root.evaluate(go, [self.layer, self.head])

    @property
    def chosen(self) -> bool:
        return bool(self.box()["chosen"])


@dataclass(frozen=True)
class Explorer:
    """One explorer on a page."""

    root: Locator

    @property
    def page(self) -> Page:
        return self.root.page

    def part(self, name: str, **attributes: object) -> Locator:
        """A part by its test id and its data-... attributes; `word_b=1` is data-word_b="1"."""
        wanted = "".join(f'[data-{key}="{value}"]' for key, value in attributes.items())
        return self.root.locator(f'[data-testid="{name}"]{wanted}')

    def tile(self, layer: int, head: int) -> Tile:
        """A tile of the atlas."""
        return Tile(self, layer, head)

    def atlas(self) -> dict[str, Any]:
        """What is seen of the atlas: tiles in their order, those chosen, size, zoom."""
        seen = eventually(lambda: self.root.evaluate("root => root.__daam.atlas.seen()"))
        assert isinstance(seen, dict)
        return seen

    def tiles_option(self, name: str, value: str) -> None:
        """Choose how tiles are drawn, in the list that is folded away."""
        if not self.input(name).is_visible():
            self.part("atlas-more").click()
        self.input(name).select_option(value)
        self.part("atlas-more").click()

    def input(self, name: str) -> Locator:
        """The input of a control that stands in a panel, by the control's name."""
        return self.part(f"control-{name}")

    def settle(self) -> Explorer:
        """Wait until what was just chosen is drawn, and is the exact map."""
        self.root.evaluate(_FRAMES)
        self.page.wait_for_function(
            "root => root.dataset.settled === 'true'",
            arg=self.root.element_handle(timeout=SECONDS * 1000),
            timeout=SECONDS * 1000,
        )
        return self

    def state(self, name: str) -> str | None:
        """A data-... attribute of the whole: kind, theme, playing, ..."""
        return self.root.get_attribute(f"data-{name}")

    def trait(self, name: str) -> Any:
        """A trait as the page knows it."""
        return self.root.evaluate("(root, name) => root.__daam.model.get(name)", name)

    def shown(self, which: str = "shown") -> tuple[NDArray[np.float64], dict[str, Any]]:
        """The map that is drawn, (y, x), and what the page says of it; `shownB`: the second."""
        found = self.root.evaluate(_SHOWN, which)
        return _values(found), found

    def move(self, **changes: Any) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """Choose in the page as while the hand moves, and return what is drawn then."""
        found = self.root.evaluate(_MOVE, changes)
        return _values(found), found

    def rest(self) -> None:
        """Let the hand that moved come to rest."""
        self.root.evaluate("root => root.__daam.state.set({}, 'now')")

    def pixels(self, part: str = "image") -> NDArray[np.uint8]:
        """What a canvas shows: (y, x, rgba)."""
        written = self.part(part).evaluate(_IMAGE)
        return np.asarray(Image.open(io.BytesIO(b64decode(written))).convert("RGBA"))

    def at(self, part: Locator, y: float, x: float) -> tuple[float, float]:
        """A place on the page (x, y), given in shares of a part's height and width."""
        part.scroll_into_view_if_needed()
        box = part.bounding_box()
        assert box is not None
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def hover(self, y: float, x: float) -> None:
        """Point at a place of the image."""
        self.page.mouse.move(*self.at(self.part("image"), y, x))

    def draw(self, path: Sequence[tuple[float, float]], *, part: str = "image") -> None:
        """Press at the first place (y, x) of a part, move over the others, let go."""
        with self.drag(path, part=part):
            pass

    @contextmanager
    def drag(self, path: Sequence[tuple[float, float]], *, part: str = "image") -> Iterator[None]:
        """As `draw`, but what is inside happens while the button is still down."""
        found = self.part(part)
        places = [self.at(found, y, x) for y, x in path]
        mouse = self.page.mouse
        mouse.move(*places[0])
        mouse.down()
        for place in places[1:]:
            mouse.move(*place, steps=4)
        try:
            yield
        finally:
            mouse.up()

    def slide(self, name: str, value: float) -> None:
        """Bring the slider of a control to a value."""
        self.input(name).fill(str(value))

    def words(self) -> list[str]:
        """The chips that can be seen."""
        chips = self.part("chip").all()
        return [chip.inner_text() for chip in chips if chip.is_visible()]


def _values(found: dict[str, Any]) -> NDArray[np.float64]:
    return np.array(found["values"]).reshape(found["shape"])


def explorers(page: Page) -> list[Explorer]:
    """All explorers of a page, once there is one that settled."""
    page.wait_for_selector(f"{ROOT}[data-settled=true]", timeout=SECONDS * 1000)
    return [Explorer(one) for one in page.locator(ROOT).all()]


@dataclass(frozen=True)
class Explored:
    """An explorer in a notebook, and the variable it has there."""

    notebook: Notebook
    page_side: Explorer
    name: str = "explorer"

    def trait(self, *names: str) -> Any:
        """One trait, or a list of several, as Python reads them in the kernel."""
        values = self.notebook.ask(f"[getattr({self.name}, name) for name in {list(names)}]")
        return values[0] if len(names) == 1 else values

    def wait(self, **expected: Any) -> None:
        """Wait until the kernel's traits have these values: messages take their time."""
        self.page_side.settle()
        wanted = list(expected.values())
        end = monotonic() + SECONDS
        while (found := self.trait(*expected, "status")[:-1]) != wanted:
            assert monotonic() < end, f"{list(expected)} are {found}, not {wanted}"

    def map_of(self, **options: Any) -> NDArray[np.float64]:
        """A word's map by `heat_maps`, worked out in the kernel; options as there, and `word`."""
        word = options.pop("word", None)
        chosen = repr(word) if word else f"{self.name}.words[{self.name}.word].text"
        arguments = ", ".join(f"{name}={value}" for name, value in options.items())
        maps = f"dnb.heat_maps({self.name}.run, {arguments})"
        return np.array(self.notebook.ask(f"{maps}.word({chosen}).values.tolist()"))


def close_to(shown: NDArray[np.float64], expected: NDArray[np.float64]) -> bool:
    """Whether two maps differ by less than 1/255 of the peak anywhere."""
    return shown.shape == expected.shape and bool(
        np.abs(shown - expected).max() <= expected.max() / 255
    )
