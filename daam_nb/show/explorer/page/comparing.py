"""Two recordings in one instrument: one hand moves both, and their difference is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from daam_nb.errors import DaamError
from daam_nb.show.colors import color
from daam_nb.show.explorer.controls import CHOICES, CONTROLS
from daam_nb.show.explorer.model.entries import SMALL_WORDS, Entry, clean
from daam_nb.show.explorer.page.lifetime import Reopenable
from daam_nb.show.explorer.page.pair import BothSides
from daam_nb.show.pixels import drawn_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from daam_nb.maps.wordmap import WordHeatMap
    from daam_nb.show.explorer.page.widget import Explorer

LOOKS, WORDS, STEPS, NETWORK = (
    tuple(control.name for control in CONTROLS if control.linked == linked)
    for linked in ("always", "words", "steps", "network")
)
DIVERGING = "RdBu_r"
SIDE = 384  # pixels of the difference's longer side, at most


class Comparison(BothSides, Reopenable):
    """Two explorers whose choices are linked, and the difference of their maps.

    Made by `daam_nb.explore(run, other)`. The page shows one instrument: A's controls, both images,
    their difference, and the heads of either. What scrubbing and looks need is linked in the
    browser, without the kernel; words are matched here by their text, and where a prompt lacks
    the word but has as many words as the other, by their place. What cannot be linked, because
    the recordings differ in steps or layers, is said below the images.

    Attributes
    ----------
    left, right
        The two explorers, A and B.
    note
        What is linked, what is not, and which words are shown.
    told
        The difference in words: of which words, and where each side is highest.
    image
        The difference as it is drawn; None where there is none.
    """

    same_network: bool
    same_steps: bool
    note: str
    image: Image.Image | None
    told: str

    def __init__(self, left: Explorer, right: Explorer, *, opening: bool = False) -> None:
        """Link two explorers; `opening`: begin with a word that both prompts have."""
        self.left, self.right = left, right
        self.same_network = left.subject.layers == right.subject.layers and dict(
            left.subject.choices
        ) == dict(right.subject.choices)
        self.same_steps = left.run.steps == right.run.steps and (
            left.subject.summed == right.subject.summed
        )
        self.note = ""
        self.told = ""
        self.links: list[Any] = []
        super().__init__([left])
        left._other, left._linked = (
            right,
            [name for name in self.linked if name not in (*WORDS, *NETWORK)],
        )
        shared = first_shared(left.words, right.words) if opening else None
        if shared is not None:
            left.set_trait("word", shared)
        self._follow("word", left, right)
        self._link()
        if not self.same_steps:
            right.set_trait("steps", _nearest(left, right))
        left.observe(self._adopt, list(CHOICES))
        self._draw()
        self.made()

    @property
    def linked(self) -> tuple[str, ...]:
        """Names of the traits that both explorers share."""
        return (
            *LOOKS,
            *WORDS,
            *(STEPS if self.same_steps else ()),
            *(NETWORK if self.same_network else ()),
        )

    def difference(self) -> NDArray[np.float32] | None:
        """Left map minus right map at the left's drawn size, as it is colored.

        Returns
        -------
        array
            (y, x), float32: shares of each map's own peak; where `left.difference_scale` is
            ``"common"`` and both sides are in one unit, in that unit. None where the images differ
            in shape.
        """
        own, other = (one.engine.exact(one.selected) for one in (self.left, self.right))
        if not _alike(own, other):
            return None
        size = drawn_size(own.image_size or own.size, most=SIDE)
        first, second = (self._scaled(one, size) for one in (own, other))
        return first - second

    @property
    def _same_unit(self) -> bool:
        return self.left.subject.view.unit == self.right.subject.view.unit

    @property
    def _scale_of_peaks(self) -> bool:
        return self.left.difference_scale == "own" or not self._same_unit

    def close(self) -> None:
        """Close both explorers and let go of the recordings."""
        self.left.unobserve_all()
        self.right.unobserve_all()
        super().close()
        while self.links:
            self.links.pop().unlink()

    def _link(self) -> None:
        self.left.observe(self._moved, list({*self.linked, *STEPS}))
        self.right.observe(self._moved, list(self.linked))
        for explorer in (self.left, self.right):
            explorer.observe(self._draw, ["status", "difference_scale"])

    def _moved(self, change: Any) -> None:
        """Take over what one explorer chose, unless the browser does it."""
        name, owner = change["name"], change["owner"]
        target = self.right if owner is self.left else self.left
        if name in WORDS:
            self._follow(name, owner, target)
        elif name in STEPS and not self.same_steps:
            if owner is self.left:  # whose slider it is
                target.set_trait("steps", _nearest(owner, target))
        elif name in NETWORK:  # at once: a layer may lack the head of the one before
            target.choose(**{one: getattr(owner, one) for one in NETWORK})
        elif name not in owner._property_lock:  # set from Python: no browser may be there
            target.set_trait(name, change["new"])

    def _follow(self, name: str, owner: Explorer, target: Explorer) -> None:
        number = getattr(owner, name)
        if number >= 0:
            counterpart = _counterpart(owner, number, target)
            if counterpart is None:
                return  # the caption says so
            number = counterpart
        if getattr(target, name) != number:
            target.set_trait(name, number)

    def _scaled(self, word_map: WordHeatMap, size: tuple[int, int]) -> NDArray[np.float32]:
        values = word_map.resize(size).numpy()
        peak = float(word_map.values.max())
        if self._scale_of_peaks:
            return values / np.float32(peak) if peak > 0 else values
        return values

    def _draw(self, _: Any = None) -> None:
        self._adopt()
        difference = self.difference()
        self.image = None if difference is None else _image(difference)
        if difference is not None:
            unit = "of each peak" if self._scale_of_peaks else f"({self.left.subject.view.unit})"
            drawn = (
                "Red (+ where most) is where A's map is higher, blue (− where most) where B's is; "
                "white is equal. Colors end at "
                f"±{float(np.abs(difference).max()):.3g} {unit}."
            )
        else:
            drawn = "The images differ in shape, so there is no difference of the maps."
        self.note = clean(" ".join([drawn, *self._notes()]))
        self.left._note = self.note
        equal = "" if difference is None else f". {_told(difference)}"
        self.told = clean(f"{self._title()}{equal}")

    def _title(self) -> str:
        """The words, and what tells the recordings apart."""
        words = [one.words[one.word].text for one in (self.left, self.right)]
        shown = f"“{words[0]}”" if words[0] == words[1] else f"“{words[0]}” and “{words[1]}”"
        left, right = (one.run.facts for one in (self.left, self.right))
        apart = []
        if self.left.kind != self.right.kind:
            apart.append(f"{self.left.kind} and {self.right.kind}")
        if left.model != right.model:
            apart.append(f"{left.model} and {right.model}")
        if left.seed != right.seed:
            apart.append(f"seeds {left.seed} and {right.seed}")
        if self.left.subject.prompt.text != self.right.subject.prompt.text:
            apart.append("two prompts")
        return clean(f"Difference of two maps of {shown}{''.join(f', {one}' for one in apart)}")

    def _notes(self) -> list[str]:
        sentences = []
        if matching(self.left.words, self.left.word, self.right.words) is None:
            word = self.left.words[self.left.word].text
            sentences.append(f"“{word}” has no counterpart in B.")
        elif _by_place(self.left.words, self.left.word, self.right.words):
            sentences.append("The words stand at the same place of both prompts.")
        if not self._same_unit and self.left.difference_scale == "common":
            sentences.append(
                "The two sides are in different units, so that their maps are compared as shares "
                "of each peak."
            )
        if not self.same_steps:
            sentences.append(
                "The recordings keep different steps: B shows those nearest in timestep."
            )
        if not self.same_network:
            sentences.append(
                "The recordings differ in their layers: B keeps its own choice of heads."
            )
        return sentences


def _nearest(owner: Explorer, target: Explorer) -> tuple[int, ...] | None:
    """Steps of the target whose timesteps are nearest to the ends of the owner's range."""
    if target.subject.summed:
        return None
    kept, timesteps = target.run.steps, target.run.timesteps
    ends = [owner.run.timesteps[owner.steps[end]] for end in (0, -1)]
    first, last = (int(np.argmin([abs(timesteps[step] - end) for step in kept])) for end in ends)
    return tuple(kept[min(first, last) : max(first, last) + 1])


def _counterpart(owner: Explorer, number: int, target: Explorer) -> int | None:
    """Number of the entry of the other side; of a phrase that nobody asked for there: now."""
    entry = owner.words[number]
    if entry.kind == "phrase" and entry.span is not None:
        alike = owner.subject.prompt.occurrences(entry.text)
        before = [word.span for word in alike].index(entry.span)
        try:
            return target.number_of(entry.text, occurrence=before)
        except DaamError:
            return None
    return matching(owner.words, number, target.words)


def matching(entries: tuple[Entry, ...], number: int, others: tuple[Entry, ...]) -> int | None:
    """Find the entry of another prompt that stands for one of this.

    The same text, the same occurrence of it and the same kind; else the word at the same place,
    where both prompts have as many words. None where there is neither, or it was not recorded.
    """
    entry = entries[number]

    def alike(one: Entry) -> bool:
        return one.kind == entry.kind and one.text.casefold() == entry.text.casefold()

    before = sum(alike(one) for one in entries[:number])
    same = [n for n, one in enumerate(others) if alike(one)]
    if before < len(same) and others[same[before]].kept:
        return same[before]
    counts = [sum(one.kind == "word" for one in listed) for listed in (entries, others)]
    if entry.kind == "word" and counts[0] == counts[1] and others[number].kept:
        return number
    return None


def first_shared(entries: tuple[Entry, ...], others: tuple[Entry, ...]) -> int | None:
    """Number of the first word that both prompts have and that is no article or preposition."""
    texts = {one.text.casefold() for one in others if one.kind == "word" and one.kept}
    for number, entry in enumerate(entries):
        text = entry.text.casefold()
        if entry.kind == "word" and entry.kept and text in texts - SMALL_WORDS:
            return number
    return None


def _by_place(entries: tuple[Entry, ...], number: int, others: tuple[Entry, ...]) -> bool:
    counterpart = matching(entries, number, others)
    return counterpart is not None and (
        others[counterpart].text.casefold() != entries[number].text.casefold()
    )


def _image(difference: NDArray[np.float32]) -> Image.Image:
    """Color a difference, and mark where each side is highest: color is not the only sign."""
    end = float(np.abs(difference).max()) or 1.0  # equal maps are white all over
    pixels = color(difference, name=DIVERGING, vmin=-end, vmax=end)
    image = Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).convert("RGB")
    draw = ImageDraw.Draw(image)
    arm = max(2, max(image.size) // 40)
    for sign, (y, x) in _ends(difference):
        bars = [(x - arm, y, x + arm, y)] + ([(x, y - arm, x, y + arm)] if sign == "+" else [])
        for width, ink in ((max(3, arm // 2 + 2), "black"), (max(1, arm // 4), "white")):
            for bar in bars:
                draw.line(bar, fill=ink, width=width)
    return image


def _ends(difference: NDArray[np.float32]) -> list[tuple[str, tuple[int, int]]]:
    """Where the left map is higher most ("+"), and the right one ("−"), if it is anywhere."""
    ends = []
    for sign, values in (("+", difference), ("−", -difference)):
        if values.max() > 0:
            y, x = np.unravel_index(int(values.argmax()), values.shape)
            ends.append((sign, (int(y), int(x))))
    return ends


def _told(difference: NDArray[np.float32]) -> str:
    """What a difference shows, in words."""
    height, width = difference.shape
    parts = [
        f"The {'left' if sign == '+' else 'right'} map is higher most at {(x + 0.5) / width:.0%} "
        f"from the left and {(y + 0.5) / height:.0%} from the top."
        for sign, (y, x) in _ends(difference)
    ]
    return " ".join(parts) or "They are equal everywhere."


def _alike(own: WordHeatMap, other: WordHeatMap) -> bool:
    """Whether the two images have the same proportions."""
    (height, width), (height_b, width_b) = (one.image_size or one.size for one in (own, other))
    return height * width_b == width * height_b
