"""The trainer of the caption parser reads new captions in every epoch.

That it trains, and that its files load, is seen in the short run of the whole training.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest

spacy = pytest.importorskip("spacy")

from spacy.training.loop import create_train_batches  # noqa: E402

from training.parser import train  # noqa: E402
from training.parser.corpus import read_grammar  # noqa: E402


class Stopped(Exception):
    """Raised where spaCy's loop would begin."""


def test_epochs_differ_by_the_setting_the_trainer_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []

    def stop(pipeline: Any, output: Path) -> None:
        given.append(pipeline.config["training"]["max_epochs"])
        assert output.is_dir()
        raise Stopped

    def begun(config: Any) -> Any:
        pipeline = spacy.blank("en")
        pipeline.config["training"] = config["training"]
        return pipeline

    monkeypatch.setattr(train, "init_nlp", begun)
    monkeypatch.setattr(train, "train", stop)
    with pytest.raises(Stopped):
        train.train_parser(tmp_path, tmp_path / "out", short=True)

    batches = create_train_batches(
        spacy.blank("en"), read_grammar(20, 1, True), lambda found: [list(found)], given[0]
    )
    first, second = (
        {example.reference.text for example in batch} for _, batch in islice(batches, 2)
    )
    assert len(first & second) < 5
