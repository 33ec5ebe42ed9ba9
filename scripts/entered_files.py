"""Count the files of daam_nb that a call runs through: those whose functions are entered.

    python -m scripts.entered_files [CALL...]

CALL is `generate`, `explore` or `click` (one word clicked in the explorer's page, with all that
the page then asks for); by default all. A file is counted when one of its functions, methods or
comprehensions begins to run (`sys.setprofile`) in any thread while the call runs. Importing a file
is not entering it: everything is imported by a first, uncounted call on other objects. The counted
call starts cold, on a recording that was just loaded from its folder.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import daam_nb as dnb

PACKAGE = Path(dnb.__file__).parent


@contextmanager
def entered() -> Iterator[set[str]]:
    """Collect the files of daam_nb, relative to the package, whose functions are entered."""
    files: set[str] = set()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_name != "<module>":
            files.add(code.co_filename)

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield files
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
        inside = [Path(name) for name in files if Path(name).is_relative_to(PACKAGE)]
        files.clear()
        files.update(str(path.relative_to(PACKAGE)) for path in inside)


def generate() -> Callable[[], object]:
    """One image of the shipped model."""
    pipe = dnb.menagerie.load()
    return lambda: dnb.generate(pipe, "a red apple", seed=0, num_inference_steps=2)


def explore() -> Callable[[], object]:
    """The explorer of a saved recording: the one that ships."""
    run = dnb.sample()
    return lambda: dnb.explore(run)


def click() -> Callable[[], object]:
    """A click on another word, with the maps that the page asks for because of it."""
    explorer = dnb.explore(dnb.sample())
    other = iter([n for n, word in enumerate(explorer.words) if word.kept and word.kind == "word"])

    def clicked() -> None:
        word = next(number for number in other if number != explorer.word)
        explorer.set_state({"word": word})
        sel = {name: explorer.get_state(name)[name] for name in SEL} | {"special": False}
        question = {"v": 1, "type": "ask", "id": 1, "run": explorer.subject.name, "sel": sel}
        for want in (["stack", "exact"], ["tiles"]):
            explorer._handle_custom_msg({**question, "want": want}, [])

    return clicked


SEL = ("word", "word_b", "choice", "layer", "head", "steps", "threshold")
CALLS = {"generate": generate, "explore": explore, "click": click}


def files_of(name: str) -> list[str]:
    """The files that a call enters, sorted."""
    CALLS[name]()()
    call = CALLS[name]()
    with entered() as files:
        call()
    return sorted(files)


def main() -> None:
    """Print the files of the requested calls."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("calls", nargs="*", metavar="CALL", help=", ".join(CALLS))
    names = parser.parse_args().calls or list(CALLS)
    if unknown := [name for name in names if name not in CALLS]:
        parser.error(f"There is no call {unknown[0]!r}. There are {', '.join(CALLS)}.")
    for name in names:
        files = files_of(name)
        print(f"{name}: {len(files)} files", *files, sep="\n  ")


if __name__ == "__main__":
    main()
