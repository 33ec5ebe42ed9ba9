"""Train the caption parser with spaCy's trainer, and export it small."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import spacy
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config

from training.parser import corpus  # noqa: F401  (registers the reader of the configuration)
from training.parser.lemmas import add_part_of_speech_rules, lookups

CONFIG = Path(__file__).parent / "parser.cfg"
VERSION = "1"
MAX_BYTES = 5_000_000

SHORT = {"training.max_steps": 45, "training.eval_frequency": 15, "corpora.dev.count": 60,
         "training.optimizer.learn_rate.warmup_steps": 10}  # fmt: skip
"""Settings of the short run, which shows that the trainer trains and that the files load."""


def train_parser(work: Path, into: Path, *, short: bool = False) -> dict[str, Any]:
    """Train, export, and note the files' checksums beside them.

    Parameters
    ----------
    work
        Where spaCy keeps its best and last pipelines, and the log is written (`parser.jsonl`).
    into
        Folder of the exported pipeline; one that is there is replaced file by file.
    short
        A run of less than a minute.

    Returns
    -------
    dict
        Version, bytes and SHA-256 of every file, also written to `work/parser-files.json`.
    """
    (work / "parser").mkdir(parents=True, exist_ok=True)
    log = work / "parser.jsonl"
    log.unlink(missing_ok=True)
    overrides: dict[str, Any] = {"training.logger.path": str(log), **(SHORT if short else {})}
    pipeline = init_nlp(load_config(CONFIG, overrides=overrides, interpolate=False))
    # Tags and labels were read from whole epochs. From here on spaCy asks for a new one each time
    # (-1), where otherwise it would go through the first one again and again.
    pipeline.config["training"]["max_epochs"] = -1
    train(pipeline, work / "parser")
    # The last state: the averages of a run whose learning rate fell to zero are its best.
    export(spacy.load(work / "parser" / "model-last"), into)
    facts = files(into)
    (work / "parser-files.json").write_text(json.dumps(facts, indent=1) + "\n")
    return facts


def export(trained: Language, into: Path) -> None:
    """Write a trained pipeline without the words it met, with rules for lemmas.

    The vocabulary of a training run holds every pseudo-word and is larger than the weights. So the
    weights move to a fresh pipeline, whose string table knows the labels and the rules alone.
    """
    config = trained.config.copy()
    for part in ("training", "corpora", "initialize", "pretraining", "paths", "system"):
        config.pop(part, None)
    small = spacy.util.load_model_from_config(config)
    for name in ("tok2vec", "tagger", "parser"):
        component = small.get_pipe(name)
        component.from_bytes(trained.get_pipe(name).to_bytes(exclude=["vocab"]), exclude=["vocab"])
        for label in getattr(component, "labels", ()):
            small.vocab.strings.add(label)
    add_part_of_speech_rules(small.add_pipe("attribute_ruler"))
    lemmatizer = small.add_pipe("lemmatizer", config={"mode": "rule"})
    lemmatizer.initialize(lookups=lookups())
    small.meta.update(
        name="caption_parser",
        version=VERSION,
        spacy_version=">=3.8.2,<4.0.0",
        description="Tags, dependencies and lemmas of English picture captions",
        author="The daam_nb authors",
        license="MIT",
        sources=[
            {"name": "captions of a grammar with gold trees, training/parser", "license": "MIT"}
        ],
    )
    small.to_disk(into)


def files(folder: Path) -> dict[str, Any]:
    """What was exported: bytes in all, and a checksum of every file."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        "version": VERSION,
        "bytes": sum(path.stat().st_size for path in paths),
        "sha256": {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in paths
        },
    }


@spacy.registry.loggers("daam_nb.json_lines.v1")
def json_lines(path: str) -> Callable[[Language, IO[str], IO[str]], tuple[Any, Any]]:
    """A line of JSON at every evaluation: step, words, losses, scores, seconds since the start."""

    def start(nlp: Language, stdout: IO[str], stderr: IO[str]) -> tuple[Any, Any]:
        begun = time.monotonic()

        def note(info: dict[str, Any] | None) -> None:
            if info is None or info["score"] is None:
                return
            scores = {
                name: round(value, 4)
                for name, value in info["other_scores"].items()
                if name in ("tag_acc", "dep_uas", "dep_las", "sents_f")
            }
            losses = {name: round(float(value), 2) for name, value in info["losses"].items()}
            line = {"step": info["step"], "epoch": info["epoch"], "words": info["words"],
                    "losses": losses, **scores,
                    "seconds": round(time.monotonic() - begun, 1)}  # fmt: skip
            with open(path, "a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)

        return note, lambda: None

    return start
