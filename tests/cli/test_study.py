"""`daam-nb study NAME`: what is typed, and a whole study of another model with ready masks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from daam_nb.cli import main
from daam_nb.cli.arguments import UsageError, read_arguments
from daam_nb.cli.study_arguments import Study
from daam_nb.cli.studying import _scenes
from daam_nb.studies.registry import BUILT_IN, entry_of, study_named
from tests.pipelines import sd1


def studies(*argv: str) -> Study:
    read = read_arguments(["study", *argv])
    assert isinstance(read, Study)
    return read


def test_defaults_and_the_command_as_it_was_typed() -> None:
    read = studies("attribution", "--into", "runs/my study")
    assert read == Study(
        name="attribution", into=Path("runs/my study"), results=None, options={}, model=None,
        num_inference_steps=None, guidance=None, batch=1, device=None, dtype=None,
        quiet=False, traceback=False, command="daam-nb study attribution --into 'runs/my study'",
    )  # fmt: skip


def test_numbers_are_read() -> None:
    read = studies(
        "cohyponyms", "--into", "x", "--images", "40", "--seeds=4", "-n", "20", "-g", "4"
    )
    assert read.options == {"images": 40, "seeds": 4}
    assert (read.num_inference_steps, read.guidance) == (20, 4.0)


def arguments(name: str, *argv: str) -> dict[str, Any]:
    """What the options that were typed are as arguments of `run_study`."""
    return entry_of(name).options_type.from_typed(studies(name, "--into", "x", *argv).options)


def test_choices_of_layers_are_typed_with_commas_and_plus_signs() -> None:
    typed = arguments("maps", "--choices", "all,up_blocks.1 + up_blocks.2, mid_block")
    assert typed["choices"] == {
        "all": "all",
        "up_blocks.1 + up_blocks.2": ["up_blocks.1", "up_blocks.2"],
        "mid_block": "mid_block",
    }
    for text in ("all,up_blocks.1+", "all,,up", ""):
        with pytest.raises(UsageError, match="choices"):
            studies("maps", "--into", "x", "--choices", text)


def test_heads_of_one_choice_are_joined_by_plus_signs() -> None:
    for name in ("attribution", "visuosyntax", "cohyponyms", "adjectives"):
        assert arguments(name, "--heads", "0+3")["heads"] == [0, 3]
        assert arguments(name, "--heads", "mid_block:1")["heads"] == [("mid_block", 1)]
        with pytest.raises(UsageError, match="heads cannot be read"):
            studies(name, "--into", "x", "--heads", "all")


def test_choices_of_heads_stand_between_commas_where_they_are_tried_one_by_one() -> None:
    typed = arguments("maps", "--heads", "0,1,0+3,mid_block:1+up_blocks.1:0")
    assert typed["heads"] == (0, 1, [0, 3], [("mid_block", 1), ("up_blocks.1", 0)])
    with pytest.raises(UsageError, match="heads cannot be read"):
        studies("maps", "--into", "x", "--heads", "0,,1")


def test_captions_are_drawn_from_their_own_seeds(tmp_path: Path) -> None:
    coco, text = tmp_path / "captions.json", tmp_path / "mine.txt"
    notes = [
        {"image_id": i, "id": i, "caption": f"A {noun}."} for i, noun in ((9, "cat"), (4, "dog"))
    ]
    coco.write_text(json.dumps({"annotations": notes}))
    text.write_text("a cat\na dog\n")
    offered = arguments("attribution", "--captions", str(coco))
    assert offered["seeds"] is None
    assert [caption.facts["seed"] for caption in offered["captions"]] == [4, 9]  # the image ids
    offered = arguments("attribution", "--captions", str(text), "--seeds=3")
    assert offered["seeds"] is None
    assert len({caption.facts["seed"] for caption in offered["captions"]}) == 6


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--into", "x"], "a study is one of attribution, .*, not none"),
        (["segmentation", "--into", "x"], "a study is one of attribution, .*, not segmentation"),
        (["attribution", "visuosyntax", "--into", "x"], "not attribution visuosyntax"),
        (["attribution"], "name the folder of the recordings: --into FOLDER"),
        (["attribution", "--into", "x", "--images", "0"], "'0' must be"),
        (["attribution", "--into", "x", "--prompt"], "--prompt is not an option"),
        (
            ["cohyponyms", "--into", "x", "--captions", "mine.txt"],
            "cohyponyms takes no --captions; it is for attribution, visuosyntax, faithfulness, "
            "atlas, maps",
        ),
        (
            ["attribution", "--into", "x", "--head-images", "9"],
            "attribution takes no --head-images; it is for faithfulness",
        ),
        (["cohyponyms", "--into", "x", "--threshold", "1.5"], "it must be a number from 0 to 1"),
        (
            ["cohyponyms", "--into", "x", "--threshold", "half"],
            "'half' is not a number from 0 to 1",
        ),
        (["faithfulness", "--into", "x", "--head-images", "-1"], "a whole number >= 0"),
        (["faithfulness", "--into", "x", "--no-skip-unseem"], "did you mean --no-skip-unseen"),
    ],
)
def test_what_cannot_be_read_is_said(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_arguments(["study", *argv])


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_study_says_the_same_before_and_after_it_is_loaded(name: str) -> None:
    study, entry = study_named(name), entry_of(name)
    assert (study.name, study.question) == (name, BUILT_IN[name]) == (entry.name, entry.question)
    assert study.options_type is entry.options_type


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_help_of_a_study_lists_its_options_and_no_others(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", name, "--help"]) == 0
    shown = capsys.readouterr().out
    flags = {each.flag for other in BUILT_IN for each in entry_of(other).options if each.flag}
    own = {each.flag for each in entry_of(name).options if each.flag}
    assert {flag for flag in flags if f"{flag} " in shown or f"{flag}," in shown} == own
    assert BUILT_IN[name] in shown


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from daam_nb.cli import main; main(['study', '--help']); "
        "main(['study', 'attribution', '--help']); "
        "print([m for m in ('torch', 'pandas', 'numpy', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_prompt_that_is_called_study() -> None:
    assert not isinstance(read_arguments(["--", "study"]), Study)
    assert not isinstance(read_arguments(["study of a cat"]), Study)


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiny pipeline's folder, and two images annotated as COCO-Gen is."""
    root = tmp_path_factory.mktemp("annotated")
    sd1().save_pretrained(root / "model")
    for number, prompt in enumerate(("a cat", "a dog and a cat")):
        place = root / "coco-gen" / f"{number}"
        place.mkdir(parents=True)
        (place / "prompt.txt").write_text(prompt)
        (place / "seed.txt").write_text(f"{number}")
        mask = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
        mask.paste((0, 0, 0, 255), (0, 0, 48, 96))
        mask.save(place / "cat.gt.png")
    return root / "model", root / "coco-gen"


def test_a_study_from_end_to_end_and_again(
    annotated: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, masks = annotated
    argv = [
        "study", "attribution", "--into", f"{tmp_path / 'runs'}", "--truth", f"{masks}",
        "--model", f"{model}", "--num-inference-steps", "2",
        "--results", f"{tmp_path / 'results'}", "--quiet",
    ]  # fmt: skip
    assert main(argv) == 0, capsys.readouterr().err
    assert capsys.readouterr().out == ""
    page = tmp_path / "results/attribution.md"
    text = page.read_text()
    assert "daam-nb study attribution --into" in text
    assert "<!-- not run: the whole study -->" in text  # the documents' tests leave it alone
    assert "| objects named | 2 |" in text
    before = {f: f.stat().st_mtime_ns for f in (tmp_path / "runs").rglob("*") if f.is_file()}
    assert main(argv[:-1]) == 0
    said = capsys.readouterr()
    assert f"The page: {page}" in said.out and "DAAM" in said.out
    after = {f: f.stat().st_mtime_ns for f in (tmp_path / "runs").rglob("*") if f.is_file()}
    assert {f for f in after if f.name != "rows.jsonl"} == {
        f for f in before if f.name != "rows.jsonl"
    }
    assert all(after[f] == before[f] for f in before if f.parent.parent.name == "runs")


def test_another_model_needs_its_own_captions_and_truth(
    annotated: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["study", "attribution", "--into", f"{tmp_path}", "--model", f"{annotated[0]}", "-q"]
    assert main(argv) == 1
    assert "needs to know where the objects are" in capsys.readouterr().err
    captions = tmp_path / "c.docx"
    captions.write_text("a cat")
    assert main([*argv, "--captions", f"{captions}"]) == 1
    assert "the suffix '.docx' is unknown" in capsys.readouterr().err


def test_what_is_misspelt_is_said_before_a_model_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["study", "maps", "--into", f"{tmp_path}", "--methods", "attention,efect"]
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert "There is no method 'efect', did you mean 'effect'?" in said
    assert "loading" not in said


def test_captions_of_the_shipped_world_share_no_noise() -> None:
    one, two = _scenes(5, 1), _scenes(5, 2)
    assert [caption.facts["seed"] for caption in one] == [0, 1, 2, 3, 4]
    assert [caption.facts["seed"] for caption in two] == list(range(10))
    assert [caption.text for caption in two] == [c.text for c in one for _ in range(2)]
    assert len({caption.text for caption in one}) == 5
    assert _scenes(3, 1) == one[:3]  # studies of one folder share their images


def test_without_the_extra_the_way_out_is_said(tmp_path: Path) -> None:
    """In a process of its own: modules that were imported anew here would stay for other tests."""
    code = (
        "import sys; sys.modules['pandas'] = None; from daam_nb.cli import main; "
        f"sys.exit(main(['study', 'attribution', '--into', {str(tmp_path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert 'pip install "daam_nb[studies]"' in done.stderr


@pytest.mark.parametrize("option", ["--images", "--seeds"])
def test_a_number_that_is_none_is_not_called_steps(option: str) -> None:
    with pytest.raises(UsageError, match=r"'0' must be a whole number from 1") as caught:
        studies("visuosyntax", option, "0")
    assert "steps" not in str(caught.value)
