"""Mutate recordings as an attacker would, and open each in every possible way.

    python -m scripts.fuzz_recordings --cases 20000 --workers 2
    python -m scripts.fuzz_recordings --first 1234 --cases 1     # one seed again

Each case is one seed: a small recording, one to four changes of its JSON, of the header and the
bytes of its arrays, of its image or of its files, with every checksum and size corrected in most
cases, so that the changes pass these checks. It goes through `load`, `heat_maps`,
`explore().to_html()` and `daam-nb open`. Asserted for each: a result or a `DaamError`, in less than
2 s of processor time and with less than 1 GiB of memory, and no control sequences printed. The
summary names the seed of each case that failed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import random
import resource
import shutil
import tempfile
import time
import traceback
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from daam_nb.errors import DaamError
from scripts.fuzzing.mutations import mutate
from scripts.fuzzing.originals import originals

HUNG = 120.0  # seconds on the clock, start of a worker included
SECONDS = 2.0  # of the processor, for each way of opening
BYTES = 2**30
_REUSED = 250  # cases of one worker, whose peak of memory cannot be told apart
_OBEYED = ("Cc", "Cf", "Cs", "Zl", "Zp")
_WAYS: dict[str, Callable[[Path, Path], object]] = {}


@dataclass(frozen=True)
class Verdict:
    """The result of one case.

    Attributes
    ----------
    seed
        Reproduces the case.
    changes
        The changes of the recording.
    outcome
        ``"opened"``, the name of the `DaamError`, or ``"failed"``.
    problem
        Description of the failure, with the traceback of a foreign error; empty if there is none.
    """

    seed: int
    changes: tuple[str, ...]
    outcome: str
    problem: str = ""


def judged(seed: int, source: Path, work: Path) -> Verdict:
    """Make one case, open it in every way, and return its result."""
    folder = work / "run"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    draw = random.Random(seed)
    originals_there = sorted(source.iterdir())
    shutil.copytree(draw.choice(originals_there), folder, symlinks=True)
    changes = tuple(mutate(folder, draw))
    outcome = "opened"
    problems = []
    for name, way in _ways().items():
        before = time.process_time()
        try:
            with _quiet():
                way(folder, work)
        except DaamError as error:
            outcome = type(error).__name__
            if odd := _obeyed(str(error)):
                problems.append(f"{name}: the error says {odd!r}")
        except (Exception, SystemExit):
            problems.append(f"{name}: a foreign error\n{traceback.format_exc(limit=-6)}")
        taken = time.process_time() - before
        if taken > SECONDS:
            problems.append(f"{name}: took {taken:.1f} s of the processor")
    return Verdict(seed, changes, "failed" if problems else outcome, "\n".join(problems))


def _ways() -> dict[str, Callable[[Path, Path], object]]:
    if not _WAYS:
        from daam_nb import explore, heat_maps, refined, self_attention_map
        from daam_nb.cli import main
        from daam_nb.recording import load

        def everything(folder: Path, _: Path) -> None:
            run = load(folder)
            repr(run), run._repr_html_(), run.words, run.tokens
            _ = run.image, run.latents, dict(run.attention), dict(run.negative_attention)

        def maps(folder: Path, _: Path) -> None:
            run = load(folder)
            every = heat_maps(run, layers="all")
            _ = every.values, every.words, repr(every)
            if run.effects is not None:
                effect = heat_maps(run, kind="effect", layers="all")
                _ = effect.words, repr(effect)
            if run.gradients is not None:
                gradient = heat_maps(run, kind="gradient")
                _ = gradient.words, repr(gradient)
            if run.self_attention is not None:
                repr(self_attention_map(run, (0.5, 0.5)))
                refined(run, every.words[0])
            if run.concepts is not None:
                concept = heat_maps(run, kind="concept", layers="all")
                _ = concept.values, concept.words, repr(concept)

        def hand_out(folder: Path, work: Path) -> None:
            explorer = explore(load(folder), parser=False)
            try:
                explorer.to_html(work / "page.html", overwrite=True)
            finally:
                explorer.close()

        def opened(folder: Path, _: Path) -> None:
            said, complained = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
                code = main(["open", str(folder)])
            text = said.getvalue() + complained.getvalue()
            assert code in (0, 1), code
            assert "--traceback" not in text, text  # so it ends where the error is not ours
            assert not _obeyed(text), _obeyed(text)

        _WAYS.update(load=everything, heat_maps=maps, to_html=hand_out, open=opened)
    return _WAYS


def _obeyed(text: str) -> str:
    allowed = "\n\t\u200d"
    return "".join(s for s in text if s not in allowed and unicodedata.category(s) in _OBEYED)[:20]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# --- many -----------------------------------------------------------------------------------------


def _worker(line: Connection, source: Path) -> None:
    """Judge the seeds received through the pipe."""
    import torch

    torch.set_num_threads(1)
    _ways()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        while True:
            seed = line.recv()
            verdict = judged(seed, source, Path(folder) / "case")
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            line.send((verdict, peak))


class _Hand:
    """One worker, the seed it has, and since when."""

    def __init__(self, source: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, other = context.Pipe()
        self.process = context.Process(target=_worker, args=(other, source), daemon=True)
        self.process.start()
        other.close()
        self.worn = False
        self.cases = 0
        self.seed: int | None = None
        self.since = time.monotonic()

    def take(self, seed: int) -> None:
        """Assign a seed to the worker."""
        self.line.send(seed)
        self.seed, self.since = seed, time.monotonic()

    def verdict(self) -> Verdict:
        """The worker's verdict on its seed; if it died, that."""
        assert self.seed is not None
        seed, self.seed = self.seed, None
        self.cases += 1
        self.worn = self.cases >= _REUSED
        try:
            verdict, peak = self.line.recv()
        except (EOFError, ConnectionError):
            self.worn = True
            self.process.join(timeout=10)
            return Verdict(seed, (), "failed", f"the process died ({self.process.exitcode})")
        if peak <= BYTES:
            return verdict
        self.worn = True  # its peak only rises: the next one would be blamed for it
        problem = f"{verdict.problem}\ntook {peak / 2**20:.0f} MiB of memory".strip()
        return Verdict(seed, verdict.changes, "failed", problem)


def run_many(first: int, cases: int, workers: int) -> list[Verdict]:
    """Judge so many seeds in worker processes; one that dies or hangs is a failure of its seed."""
    seeds = iter(range(first, first + cases))
    made: list[Verdict] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-originals-") as folder:
        source = Path(folder)
        originals(source)
        hands = [_Hand(source) for _ in range(min(workers, cases))]
        for hand in hands:
            hand.take(next(seeds))
        while hands:
            ready = wait([hand.line for hand in hands], timeout=5)
            for place in reversed(range(len(hands))):
                hand = hands[place]
                if hand.line not in ready:
                    if time.monotonic() - hand.since < HUNG:
                        continue
                    hand.process.kill()
                made.append(hand.verdict())
                if len(made) % 500 == 0:
                    print(_so_far(made, began), flush=True)
                seed = next(seeds, None)
                if seed is None:
                    hand.process.terminate()
                    del hands[place]
                    continue
                if hand.worn:
                    hand.process.kill()
                    hand = hands[place] = _Hand(source)
                hand.take(seed)
    return made


def _so_far(made: list[Verdict], began: float) -> str:
    bad = [one.seed for one in made if one.outcome == "failed"]
    pace = len(made) / (time.monotonic() - began)
    return f"{len(made)} cases, {len(bad)} failed {bad[:20]}, {pace:.1f} a second"


def summary(verdicts: list[Verdict]) -> str:
    """Counts by outcome, and each failure with its seed."""
    lines = [
        f"{count:7d}  {outcome}"
        for outcome, count in Counter(one.outcome for one in verdicts).most_common()
    ]
    for one in sorted(verdicts, key=lambda v: v.seed):
        if one.outcome == "failed":
            lines += ["", f"seed {one.seed}: {'; '.join(one.changes)}", one.problem]
    return "\n".join(lines)


def main() -> int:
    """Read the options, run, print the summary; 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000, help="how many (default: 20000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    options = parser.parse_args()
    verdicts = run_many(options.first, options.cases, options.workers)
    print(summary(verdicts))
    return 1 if any(one.outcome == "failed" for one in verdicts) else 0


if __name__ == "__main__":
    raise SystemExit(main())
