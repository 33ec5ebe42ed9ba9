"""An option that nothing on the way to the pipeline takes is refused by every study, unwritten."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from daam_nb.errors import DaamError, StudyError, UnknownOptionError
from daam_nb.studies import (
    adjectives,
    cohyponyms,
    corpus,
    faithfulness,
    run_study,
)
from daam_nb.studies.cohyponyms.taxonomies import Taxonomy
from daam_nb.studies.corpus.generation import generate_some
from daam_nb.studies.faithfulness.curves import curves_of_area
from daam_nb.studies.visuosyntax import statistics as relation_statistics
from tests.pipelines import sd1
from tests.studies.toy import SIZE, ToyJudge
from tests.tiny_recordings import tiny_recording

CAPTIONS = ["a red cat"]
PAIR = {"pet": ["cat", "dog"]}
STUDIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "corpus.generate()": (corpus.generate, {"prompts": CAPTIONS}),
    "cohyponyms.record_pairs()": (cohyponyms.record_pairs, {}),
    **{
        f"run_study({name!r})": (functools.partial(run_study, name), options)
        for name, options in {
            "attribution": {"captions": CAPTIONS, "judge": ToyJudge()},
            "visuosyntax": {"captions": CAPTIONS},
            "cohyponyms": {"nouns": PAIR, "judge": ToyJudge()},
            "adjectives": {"nouns": PAIR, "adjectives": ["red", "blue"]},
            "faithfulness": {"captions": CAPTIONS, "judge": ToyJudge()},
            "maps": {"captions": CAPTIONS, "judge": ToyJudge()},
            "atlas": {"captions": CAPTIONS, "judge": ToyJudge()},
        }.items()
    },
}


@pytest.fixture(scope="module")
def pipe() -> Any:
    return sd1()


@pytest.mark.parametrize("where", STUDIES)
@pytest.mark.parametrize(
    ("name", "near"),
    [("guidance", "guidance_scale"), ("seed", "seeds"), ("inot", "into"), ("step", "keep_steps")],
)
def test_every_study_says_the_nearest_name(
    pipe: Any, tmp_path: Path, where: str, name: str, near: str
) -> None:
    study, options = STUDIES[where]
    with pytest.raises(UnknownOptionError) as caught:
        study(pipe, **options, into=tmp_path / "s", progress=False, **{name: 3})
    assert str(caught.value).startswith(f"{where} takes no argument {name!r}")
    assert f"did you mean {near!r}?" in str(caught.value)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("where", STUDIES)
def test_a_studys_own_names_are_among_the_nearest(pipe: Any, tmp_path: Path, where: str) -> None:
    study, options = STUDIES[where]
    slips = {
        "attribution": ("segmenter", "segmenters"),
        "visuosyntax": ("parsre", "parser"),
        "cohyponyms": ("exlude", "exclude"),
        "adjectives": ("treshold", "threshold"),
        "faithfulness": ("head_pictues", "head_images"),
        "maps": ("methds", "methods"),
        "atlas": ("pases", "passes"),
        "corpus": ("latent", "latents"),
    }
    name, near = slips[re.sub(r"run_study\('(\w+)'\)", r"\1", where).partition(".")[0]]
    with pytest.raises(UnknownOptionError, match=f"did you mean '{near}'"):
        study(pipe, **options, into=tmp_path / "s", progress=False, **{name: 3})


def test_steps_are_kept_or_drawn(pipe: Any, tmp_path: Path) -> None:
    with pytest.raises(UnknownOptionError, match=r"num_inference_steps=20 draws.*keep_steps="):
        corpus.generate(pipe, CAPTIONS, into=tmp_path / "s", steps=20)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("generator", "generators are made from the seeds"),
        ("num_images_per_prompt", "give more seeds"),
        ("prompt", "those of the captions"),
        ("prompt_embeds", "which are texts"),
    ],
)
def test_what_a_corpus_settles_itself(pipe: Any, tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(UnknownOptionError, match=said):
        corpus.generate(pipe, CAPTIONS, into=tmp_path / "s", **{name: 2})
    with pytest.raises(UnknownOptionError, match="takes no argument 'keep': it is settled"):
        run_study("adjectives", pipe, into=tmp_path / "s", nouns=PAIR, keep="sum")
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("seeds", [3, "01", b"01", 1.0])
def test_seeds_are_several(pipe: Any, tmp_path: Path, seeds: Any) -> None:
    with pytest.raises(StudyError, match="it must be several whole numbers"):
        corpus.generate(pipe, CAPTIONS, seeds, into=tmp_path / "s")


def test_without_a_pipeline_what_is_there_answers(pipe: Any, tmp_path: Path) -> None:
    runs = corpus.generate(
        pipe, ["a cat", "a dog", "a car"], into=tmp_path, keep_steps=[0], progress=False, **SIZE
    )
    assert runs[0].load().steps == (0,)

    def opened(captions: Any = None, seeds: Any = None, **options: Any) -> list[str]:
        runs = generate_some(None, captions, seeds, into=tmp_path, **options)
        return [run.facts["prompt"] for run in runs]

    assert opened() == opened(**SIZE, keep_steps=[0], batch=1) == ["a cat", "a dog", "a car"]
    assert opened(images=2) == ["a cat", "a dog"]
    assert opened(["a car", "a cat"]) == ["a car", "a cat"]
    assert opened(["a car", "a cat"], images=1) == ["a car"]
    with pytest.raises(StudyError, match="lacks 1 of the 2 images requested, such as a-bird"):
        opened(["a cat", "a bird"])
    with pytest.raises(StudyError, match="other settings: height: 64 then, 32 now"):
        opened(height=32)
    with pytest.raises(UnknownOptionError, match=r"'guidance_scale'.*Without a pipeline"):
        opened(guidance_scale=3.0)
    for images in (0, -1, 1.5, True, "2"):
        with pytest.raises(StudyError, match="it must be a whole number >= 1"):
            opened(images=images)


@pytest.mark.parametrize(
    ("captions", "said"),
    [
        (Path("captions.txt"), r"not a path\. Read the file: corpus\.from_text\('captions.txt'\)"),
        ({"a cat": 1}, "or several, not a dict"),
        (5, "one or several, not a int"),
        (b"a cat", "one or several, not a bytes"),
        ([5], "A caption must be a text"),
    ],
)
def test_captions_are_texts(pipe: Any, tmp_path: Path, captions: Any, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        corpus.generate(pipe, captions, into=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_images_of_pairs_are_a_whole_number(pipe: Any, tmp_path: Path) -> None:
    for images in (-3, 0, 2.5, "2"):
        with pytest.raises(DaamError, match="it must be a whole number >= 1"):
            cohyponyms.record_pairs(pipe, Taxonomy(PAIR), into=tmp_path / "s", images=images)  # type: ignore[arg-type]
    with pytest.raises(DaamError, match="judge= must be an object with names"):
        faithfulness.ablation_effects(tmp_path, None, judge="people")  # type: ignore[arg-type]
    for options, said in (
        ({"layers": {}}, "at least one choice of layers"),
        ({"ablations": "the wrod"}, "no ablation 'the wrod', did you mean 'the word'"),
        ({"ablations": ["the word"] * 2}, "'the word' more than once"),
    ):
        with pytest.raises(DaamError, match=said):
            faithfulness.ablation_effects(tmp_path, None, **options)  # type: ignore[arg-type]
    with pytest.raises(DaamError, match="'a red car' has no fact 'noun'"):
        adjectives.adjective_pairs(pipe, ["a red car"])  # type: ignore[list-item]
    prompts = [caption.text for caption in adjectives.captions("cat", ["red", "blue"])]
    assert len(prompts) == 2 * len(adjectives.WORLD_TEMPLATES) and "red cat" in prompts[0]


def test_nouns_of_faithfulness(tmp_path: Path) -> None:
    recording = tiny_recording("a red cat")
    with pytest.raises(
        DaamError, match=r"No prompt contains one of the nouns 'Cra' as a separate word"
    ):
        faithfulness.ablation_effects([recording], None, nouns=["Cra"], progress=False)
    for nouns in ("cat", ["cat"]):  # a lone noun is one: there is something to draw
        with pytest.raises(StudyError, match="must be drawn again, but pipe is None"):
            faithfulness.ablation_effects([recording], None, nouns=nouns, progress=False)


def test_shares_of_curves(tmp_path: Path) -> None:
    for shares in ([50], [0], [1], [float("nan")], 0.5, [0.1, 0.1]):
        with pytest.raises(StudyError, match="shares"):
            curves_of_area((), None, None, shares=shares)  # type: ignore[arg-type]


def test_relations_are_compared_with_others() -> None:
    table = pd.DataFrame(
        {"relation": ["amod", "det"], "kind": "arc", "left_out": "", "prompt": "a", "iou": 0.5}
    )
    for options, said in (
        ({"among": "amod"}, "A relation must be compared with another one"),
        ({"among": ["amod", "amod"]}, "'amod' more than once"),
        ({"among": ["amod", "dett"]}, "no relation 'dett', did you mean 'det'"),
        ({"measure": "IoU"}, "measure='IoU' is not known"),
    ):
        with pytest.raises(DaamError, match=said):
            relation_statistics.differences(table, **options)  # type: ignore[arg-type]
