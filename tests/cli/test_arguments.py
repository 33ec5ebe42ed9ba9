"""What is typed is read as meant, and what cannot be read is said in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from daam_nb.cli import main
from daam_nb.cli.arguments import Draw, Open, UsageError, read_arguments

ROOT = Path(__file__).resolve().parents[2]


def draws(*argv: str) -> Draw:
    read = read_arguments(argv)
    assert isinstance(read, Draw)
    return read


def test_a_prompt_alone_has_defaults() -> None:
    read = draws("a dog")
    assert read == Draw(
        prompt="a dog", output_folder=Path(), model=None, seed=None, num_inference_steps=None,
        guidance=None, size=None, negative_prompt=None, effects=False, device=None, dtype=None,
        words=None, threshold=None, heads=None, all_heads=False, overwrite=False, quiet=False,
        traceback=False,
    )  # fmt: skip


def test_options_stand_before_or_behind_the_prompt() -> None:
    before, behind = (
        draws("--seed", "7", "-n", "3", "a dog"),
        draws("a dog", "-s7", "--num-inference-steps=3"),
    )
    assert before == behind
    assert (before.seed, before.num_inference_steps) == (7, 3)


def test_size_is_height_by_width() -> None:
    assert draws("a", "--size", "512x768").size == (512, 768)
    assert draws("a", "--size", "64X32").size == (64, 32)


def test_the_home_folder_is_known() -> None:
    assert draws("a", "--output-folder=~/x").output_folder == Path.home() / "x"


def test_words_add_up_each_once() -> None:
    assert draws("a", "-w", "zebra,red car", "--words", "dog, zebra").words == (
        "zebra", "red car", "dog",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "prompt"),
    [
        (["--", "open"], "open"),
        (["--seed", "1", "--", "--help"], "--help"),
        (["--", "--"], "--"),
        (["open a door"], "open a door"),
        (["-5 degrees"], "-5 degrees"),
        ([""], ""),
    ],
)
def test_every_text_can_be_a_prompt(argv: list[str], prompt: str) -> None:
    assert draws(*argv).prompt == prompt


def test_open_is_a_command_as_the_first_word_only() -> None:
    assert isinstance(read_arguments(["open", "runs/x"]), Open)
    assert draws("--quiet", "open").prompt == "open"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "no prompt was given"),
        (["a", "dog"], 'daam-nb "a dog"'),
        (["--sed", "3", "a"], "--sed is not an option of daam-nb (did you mean --seed?)"),
        (["a", "--steps", "20"], "of daam-nb (did you mean --num-inference-steps?)"),
        (["a", "--num-inference", "20"], "(did you mean --num-inference-steps?)"),
        (["a", "--guidance-scale=4"], "(did you mean --guidance?)"),
        (["study", "attribution", "--steps=20"], "of daam-nb study (did you mean --num-inf"),
        (["open", "x", "--threshhold", ".4"], "of daam-nb open (did you mean --threshold?)"),
        (["-v", "open", "x"], "`open` comes first"),
        (["open"], "the word alone: daam-nb -- open"),
        (["open", "a", "b"], "takes one folder, not 2"),
        (["open", "x", "--words", "a"], "name their folder with --output-folder"),
        (["open", "x", "--seed", "1"], "--seed is not an option"),
        (["open", "x", "--kind", "effect"], "where they go with --html or --output-folder"),
        (["open", "x", "-o", "y", "--kind", "share", "--all-heads"], "--kind is 'share'. Leave"),
        (["a", "--seed", "-1"], "a whole number from 0"),
        (["a", "--seed", "x"], "'x' is not a seed"),
        (["a", "--seed", str(2**63)], "is not a seed"),
        (["a", "--num-inference-steps", "0"], "a whole number from 1"),
        (["a", "--size", "512"], "such as 512x768"),
        (["a", "--size", "0x8"], "such as 512x768"),
        (["a", "--guidance", "nan"], "is not a number"),
        (["a", "--threshold", "1.5"], "0 to 1"),
        (["a", "--threshold", "nan"], "0 to 1"),
        (["a", "--words", " , "], "contains no word"),
        (["a", "--dtype", "int8"], "float16"),
        (["a \udcff"], "not valid text"),
    ],
)
def test_what_cannot_be_read_is_said(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_arguments(argv)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mistyped_is_exit_code_2_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a", "dog"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("daam-nb: the prompt must be one text")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["open", "--help"]])
def test_help_and_version_are_exit_code_0(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 0
    assert capsys.readouterr().out


def test_help_names_every_option_and_file(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    shown = capsys.readouterr().out
    asked = [
        "--model", "--seed", "--num-inference-steps", "--guidance", "--size", "--words",
        "--threshold", "--all-heads", "--negative-prompt", "--device", "--dtype",
        "--overwrite", "--quiet", "--output-folder", "--version", "--traceback",
        "daam-nb open FOLDER", "exit codes",
        "output.png", "WORD.heat_map.png", "prompt.txt", "seed.txt", "recording/",
    ]  # fmt: skip
    assert [name for name in asked if name not in shown] == []
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("argv", [["--help"], ["a", "dog"], ["a dog", "--words", "cat"]])
def test_nothing_heavy_is_loaded_for_help_and_mistakes(argv: list[str]) -> None:
    code = (
        "import sys\nfrom daam_nb.cli import main\nmain(sys.argv[1:])\n"
        "heavy = ('torch', 'numpy', 'PIL', 'diffusers', 'transformers', 'matplotlib')\n"
        "print('LOADED', *[name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *argv],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1].split() == ["LOADED"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["open", ""], "the folder's name is empty"),
        (["a cat", "--output-folder", ""], "the folder's name is empty"),
        (["a cat", "--seed", "0", "--seed", "1"], "--seed is given more than once"),
        (["a cat", "-s0", "--seed=1"], "--seed is given more than once"),
        (["open", "x", "-t", "0.4", "-t", "0.5"], "-t is given more than once"),
    ],
)
def test_what_would_be_taken_in_silence_is_refused(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_arguments(argv)


def test_words_add_up() -> None:
    assert read_arguments(["a cat", "-w", "a", "-w", "cat"]).words == ("a", "cat")


def test_heads_are_typed_by_number_or_with_their_layers() -> None:
    assert draws("a", "--heads", "3").heads == [3]
    assert draws("a", "--heads", "0 + 3").heads == draws("a", "--heads=0,3").heads == [0, 3]
    pairs = [("up_blocks.1.attentions.0", 3), ("mid_block", 0)]
    assert draws("a", "--heads", "up_blocks.1.attentions.0:3+mid_block:0").heads == pairs
    for text in ("", "x", "0+", "-1", "0+mid_block:1", ":1", "mid_block:", "1.5", "²"):
        with pytest.raises(UsageError, match=r"heads cannot be read from .*LAYER:HEAD\+LAYER"):
            draws("a", f"--heads={text}")
    with pytest.raises(UsageError, match="names 1 more than once"):
        draws("a", "--heads", "1+1")
    with pytest.raises(UsageError, match="--output-folder"):
        read_arguments(["open", "x", "--heads", "1"])
    assert read_arguments(["open", "x", "--heads", "1", "--html", "y.html"])
