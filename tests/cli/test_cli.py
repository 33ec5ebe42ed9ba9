"""From a prompt to a folder and back to the screen, with a tiny pipeline from a folder."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import daam_nb
from daam_nb import menagerie
from daam_nb.cli import main
from daam_nb.cli.models import SHIPPED, load_pipeline
from daam_nb.cli.talking import say
from daam_nb.errors import WatchError
from daam_nb.menagerie.model import JOINT
from tests.pipelines import ddpm, sd1
from tests.tiny_recordings import joint_layers, tiny_recording, with_effects

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "a cat and a dog"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a tiny Stable Diffusion pipeline."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    sd1().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def made(model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a run wrote; tests only look at it."""
    folder = tmp_path_factory.mktemp("made") / "run"
    assert run(model, folder, "--threshold", "0.4", "--all-heads") == 0
    return folder


def run(model: str, folder: Path, *options: str, prompt: str = PROMPT) -> int:
    """A short run of the program in this process."""
    return main(
        [prompt, "--model", model, "--output-folder", str(folder), "--num-inference-steps", "2",
         "--size", "64x96", "--seed", "5", *options]
    )  # fmt: skip


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_writes_what_it_says(made: Path) -> None:
    words = ["a", "a-2", "and", "cat", "dog"]
    assert names(made) == sorted(
        [f"{word}.heat_map.png" for word in words]
        + [f"{word}.heads.png" for word in words]
        + ["output.png", "words.png", "prompt.txt", "seed.txt", "recording"]
    )
    assert (made / "prompt.txt").read_text(encoding="utf-8") == PROMPT
    assert (made / "seed.txt").read_text() == "5"


def test_the_image_is_the_pipelines_own(made: Path) -> None:
    pipe = sd1()
    untraced = pipe(
        PROMPT, num_inference_steps=2, height=64, width=96,
        generator=torch.Generator().manual_seed(5),
    ).images[0]  # fmt: skip
    with Image.open(made / "output.png") as image:
        assert image.size == (96, 64)
        assert image.convert("RGB").tobytes() == untraced.tobytes()


def test_the_recording_opens_in_python(made: Path) -> None:
    recording = daam_nb.load(made / "recording")
    assert recording.prompt.text == PROMPT
    assert (recording.facts.seed, recording.facts.num_steps) == (5, 2)
    assert recording.facts.image_size == (64, 96)


def test_maps_carry_where_they_come_from(made: Path) -> None:
    with Image.open(made / "cat.heat_map.png") as figure:
        assert figure.info["prompt"] == PROMPT
        assert figure.info["seed"] == "5"
        assert "0.4" in figure.info["drawing"]


def test_the_end_says_where_everything_is(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, tmp_path / "run", "--negative-prompt", "a bird", "--guidance", "3") == 0
    shown = capsys.readouterr()
    for file in ("output.png", "words.png", "a.heat_map.png", "recording"):
        assert str(tmp_path / "run" / file) in shown.out
    assert "seed 5, 2 steps, guidance 3" in shown.out
    assert "Traceback" not in shown.err
    assert main(["open", str(tmp_path / "run")]) == 0
    assert "negative prompt  a bird" in capsys.readouterr().out


def test_shipped_models_are_named_as_their_recordings_name_them() -> None:
    joint, unet = (load_pipeline(f"daam_nb/{name}") for name in ("menagerie-joint", "menagerie"))
    assert type(joint).__name__ == "StableDiffusion3Pipeline"
    assert type(unet).__name__ == type(load_pipeline(None)).__name__ == "StableDiffusionPipeline"
    cards = [menagerie.card(JOINT), menagerie.card()]
    assert [pipe.config._name_or_path for pipe in (joint, unet)] == [c.model_id for c in cards]
    assert set(SHIPPED) == {None, *(card.name for card in cards)}


def test_the_shipped_model_draws_by_default(tmp_path: Path) -> None:
    argv = [
        "a red car",
        "--num-inference-steps",
        "2",
        "--words",
        "car",
        "--output-folder",
        str(tmp_path),
    ]
    assert main(argv) == 0
    assert names(tmp_path)[0] == "car.heat_map.png"
    assert daam_nb.load(tmp_path / "recording").facts.model == daam_nb.menagerie.card().model_id


def test_effects_are_recorded_and_drawn_beside_attention(model: str, tmp_path: Path) -> None:
    assert run(model, tmp_path / "all", "--effects") == 0
    recording = daam_nb.load(tmp_path / "all" / "recording")
    assert recording.effects is not None
    with Image.open(tmp_path / "all" / "words.png") as image:
        assert "share of them" in image.info["choice"]
    assert run(model, tmp_path / "some", "--effects", "--words", "cat and,dog") == 0
    words = daam_nb.load(tmp_path / "some" / "recording").effects.words
    assert words == ((2, 3), (5,))


def test_quiet_says_nothing(model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(model, tmp_path / "run", "--quiet", "--words", "cat") == 0
    assert tuple(capfd.readouterr()) == ("", "")


def test_chosen_words_only_each_wherever_it_occurs(model: str, tmp_path: Path) -> None:
    assert run(model, tmp_path, "--words", "A,cat and") == 0
    maps = [name for name in names(tmp_path) if name.endswith(".heat_map.png")]
    assert maps == ["a-2.heat_map.png", "a.heat_map.png", "cat_and.heat_map.png"]


def test_a_drawn_seed_is_noted_and_draws_the_same_again(model: str, tmp_path: Path) -> None:
    argv = [
        "a cat",
        "--model",
        model,
        "--num-inference-steps",
        "1",
        "--size",
        "64x64",
        "--words",
        "cat",
    ]
    assert main([*argv, "--output-folder", str(tmp_path / "one")]) == 0
    seed = (tmp_path / "one/seed.txt").read_text()
    assert main([*argv, "--seed", seed, "--output-folder", str(tmp_path / "two")]) == 0
    first, second = ((tmp_path / n / "output.png").read_bytes() for n in ("one", "two"))
    assert first == second


def test_a_prompt_without_words_still_gives_its_image(model: str, tmp_path: Path) -> None:
    assert run(model, tmp_path, prompt="") == 0
    assert names(tmp_path) == ["output.png", "prompt.txt", "recording", "seed.txt", "words.png"]


def test_what_the_model_did_not_read_is_said(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, tmp_path, "--words", "cat", prompt="a cat and " + "a " * 80 + "zebra") == 0
    assert "the model did not read" in capsys.readouterr().out


# --- nothing is lost ------------------------------------------------------------------------


def test_an_earlier_run_is_not_replaced_unasked(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    assert run("no/model-is-needed", made) == 1
    assert "already" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


@pytest.mark.parametrize("name", ["output.png", "words.png", "seed.txt", "old.heat_map.png"])
def test_one_file_in_the_way_is_enough(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    assert run("no/model-is-needed", tmp_path) == 1
    assert names(tmp_path) == [name]


def test_overwrite_replaces_the_run_and_its_maps_alone(model: str, tmp_path: Path) -> None:
    assert run(model, tmp_path, prompt="a fox") == 0
    mine = tmp_path / "mine.heat_map.png"
    Image.new("L", (4, 4)).save(mine)
    (tmp_path / "notes.txt").write_text("mine")
    assert run(model, tmp_path, "--overwrite", prompt="a bird") == 0
    assert names(tmp_path) == [
        "a.heat_map.png", "bird.heat_map.png", "mine.heat_map.png", "notes.txt", "output.png",
        "prompt.txt", "recording", "seed.txt", "words.png",
    ]  # fmt: skip
    assert daam_nb.load(tmp_path / "recording").prompt.text == "a bird"


def test_a_recording_folder_that_is_none_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recording").mkdir()
    (tmp_path / "recording" / "song.wav").touch()
    assert run("no/model-is-needed", tmp_path, "--overwrite") == 1
    assert "not a readable recording" in capsys.readouterr().err
    assert names(tmp_path / "recording") == ["song.wav"]


def test_an_output_folder_that_is_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert run("no/model-is-needed", tmp_path / "file") == 1
    assert "is a file. Give a folder" in capsys.readouterr().err


def test_an_image_whose_watching_failed_is_written(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = Image.new("RGB", (8, 8), "red")

    def fail(*_: Any, **__: Any) -> None:
        raise WatchError("The pipeline finished, but watching it failed: why.", [image])

    monkeypatch.setattr("daam_nb.tracing.generate", fail)
    assert run(model, tmp_path) == 1
    assert names(tmp_path) == ["output.png", "prompt.txt", "seed.txt"]
    assert (tmp_path / "seed.txt").read_text() == "5"
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("daam-nb: The pipeline finished, but watching it failed: why.")
    assert str(tmp_path / "output.png") in said


def test_an_image_survives_a_figure_that_fails(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("daam_nb.show.figures.overlay", fail)
    assert run(model, tmp_path) == 1
    assert {"output.png", "recording"} <= set(names(tmp_path))
    *_, kept, said = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "output.png") in kept and "daam-nb open" in kept
    assert said == "daam-nb: OSError: No space left on device (--traceback shows the details)"


def test_interrupted_is_exit_code_130(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("daam_nb.tracing.generate", interrupt)
    assert run(model, tmp_path) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "daam-nb: interrupted."


# --- what goes wrong is said in one line ----------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--words", "zebra"], "'zebra' is not a word or phrase of 'a cat and a dog'"),
        (["--words", "ca"], "Its words are 'a', 'cat', 'and', 'dog'"),
        (["--model", "/no/such/folder"], "There is no folder /no/such/folder"),
        (["--device", "nowhere"], "--device nowhere cannot be used here"),
    ],
)
def test_errors_are_one_line_and_exit_code_1(
    model: str,
    options: Sequence[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    # An option that counts once is said once: another model takes the usual one's place.
    other = options[0] == "--model"
    assert run(*((options[1], folder) if other else (model, folder, *options))) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    last = shown.err.splitlines()[-1]
    assert last.startswith("daam-nb: ") and said in last
    assert not folder.exists()


def test_a_word_that_will_not_be_read_is_refused_before_drawing(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = "a cat and " + "a " * 80 + "zebra"
    assert run(model, tmp_path / "run", "--words", "zebra", prompt=prompt) == 1
    assert "zebra" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_maps_are_of_the_heads_asked_for(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, tmp_path / "one", "--heads", "1", "--words", "dog") == 0
    recording = daam_nb.load(tmp_path / "one" / "recording")
    (path,) = (tmp_path / "one").glob("*.heat_map.png")
    with Image.open(path) as image:
        assert "head 1" in " ".join(map(str, image.info.values()))
    pairs = "+".join(f"{layer.name}:0" for layer in recording.layers[:2])
    again = ["open", str(tmp_path / "one"), "--heads", pairs]
    assert main([*again, "-o", str(tmp_path / "two"), "--html", str(tmp_path / "two.html")]) == 0
    (path, *_) = (tmp_path / "two").glob("*.heat_map.png")
    with Image.open(path) as image:
        assert "2 single heads" in " ".join(map(str, image.info.values()))
    capsys.readouterr()
    for heads, said in (("99", "has no head 99"), ("mid:0", "there is no such layer")):
        assert run(model, tmp_path / "three", "--heads", heads) == 1
        assert said in capsys.readouterr().err
        assert not (tmp_path / "three").exists()  # before anything is drawn
        command = ["open", str(tmp_path / "one"), "-o", str(tmp_path / "four"), "--heads", heads]
        assert main(command) == 1
        assert said in capsys.readouterr().err
        assert not (tmp_path / "four").exists()


def test_a_traceback_only_on_request(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, tmp_path, "--words", "zebra") == 1
    assert "Traceback" not in capsys.readouterr().err
    assert run(model, tmp_path, "--words", "zebra", "--traceback") == 1
    shown = capsys.readouterr().err
    assert "Traceback (most recent call last)" in shown
    assert shown.splitlines()[-1].startswith("daam-nb: 'zebra' is not")


def test_a_folder_that_is_no_pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(tmp_path), tmp_path / "run") == 1
    assert "it has no model_index.json" in capsys.readouterr().err


def test_a_single_file_says_how_to_convert_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.safetensors").touch()
    assert run(str(tmp_path / "model.safetensors"), tmp_path / "run") == 1
    assert "from_single_file" in capsys.readouterr().err


def test_a_pipeline_without_text_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ddpm().save_pretrained(tmp_path / "ddpm")
    assert run(str(tmp_path / "ddpm"), tmp_path / "run") == 1
    assert "DDPMPipeline" in capsys.readouterr().err


def test_an_id_that_was_never_downloaded_without_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Read by the hub's library when it is imported, so the constants are set as well.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert run("nobody/no-such-model", tmp_path / "run") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "cannot be reached (HF_HUB_OFFLINE is set)" in said
    assert "the shipped model needs no network" in said


# --- open -----------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["", "recording"])
def test_open_prints_facts_words_layers_and_manifest(
    made: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["open", str(made / where)]) == 0
    shown = capsys.readouterr().out
    recording = daam_nb.load(made / "recording")
    assert PROMPT in shown and "characters 12-15" in shown
    for skipped in recording.manifest.skipped:
        assert f"{skipped.what}: {skipped.why}" in shown
    for block in ("down_blocks.0", "mid_block", "up_blocks.2"):
        assert block in shown


def test_open_lists_the_joint_layers_of_a_transformer_by_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_recording(layers=joint_layers(double=2, single=3)).save(tmp_path / "run")
    assert main(["open", str(tmp_path / "run")]) == 0
    shown = capsys.readouterr().out
    assert "Layers (5 of joint attention, image to text, in the order of the network)" in shown
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "double 4 x 6 2 layers 2 heads each double_blocks" in lines
    assert "single 4 x 6 3 layers 2 heads each single_blocks" in lines


def test_open_draws_again_elsewhere(made: Path, tmp_path: Path) -> None:
    assert main(["open", str(made), "-o", str(tmp_path), "-w", "dog", "--all-heads"]) == 0
    assert names(tmp_path) == ["dog.heads.png", "dog.heat_map.png", "output.png", "words.png"]
    assert main(["open", str(made), "-o", str(tmp_path), "-w", "cat"]) == 1
    assert main(["open", str(made), "-o", str(tmp_path), "-w", "cat", "--overwrite"]) == 0
    assert names(tmp_path) == ["cat.heat_map.png", "output.png", "words.png"]


def test_open_writes_a_page_for_any_browser(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "new" / "page.html"
    assert main(["open", str(made), "--html", str(page), "--threshold", "0.7"]) == 0
    told = capsys.readouterr().out
    assert str(page) in told and "Draw its images again" not in told
    text = page.read_text(encoding="utf-8")
    assert PROMPT in text and "default-src 'none'" in text
    assert main(["open", str(made), "--html", str(page), "--quiet"]) == 1
    assert "--overwrite to replace it" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == text
    assert main(["open", str(made), "--html", str(page), "--overwrite", "--quiet"]) == 0
    assert page.read_text(encoding="utf-8") != text  # another threshold
    assert not capsys.readouterr().out


def test_open_shows_another_kind_of_map(tmp_path: Path) -> None:
    recording = with_effects(tiny_recording(PROMPT))  # of "cat" and "dog"
    folder = str(recording.save(tmp_path / "run"))
    page = tmp_path / "effect.html"
    assert main(["open", folder, "--html", str(page), "--kind", "effect"]) == 0
    assert "Values are change of the layers&#x27; outputs" in page.read_text(encoding="utf-8")
    images = tmp_path / "images"
    assert main(["open", folder, "-o", str(images), "--kind", "effect", "--quiet"]) == 0
    assert names(images) == ["cat.heat_map.png", "dog.heat_map.png", "output.png", "words.png"]
    with Image.open(images / "cat.heat_map.png") as drawn:
        assert any("change of the layers' outputs" in str(text) for text in drawn.info.values())


@pytest.mark.parametrize(
    ("kind", "said"), [("effect", "effects=True"), ("efect", "kind='efect' is not a kind of map")]
)
def test_a_kind_that_cannot_be_is_refused_before_any_work(
    made: Path, tmp_path: Path, *, capsys: pytest.CaptureFixture[str], kind: str, said: str
) -> None:
    page = tmp_path / "page.html"
    assert main(["open", str(made), "--html", str(page), "--kind", kind]) == 1
    assert said in capsys.readouterr().err and not page.exists()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--html", "page.txt"], 1, "ends in .html, not 'page.txt'"),
        (["--html", ""], 2, "the file's name is empty"),
        (["--html", "page.html", "--words", "cat"], 2, "name their folder with --output-folder"),
        (["--threshold", "0.5"], 2, "With --html, --threshold"),
    ],
)
def test_a_page_that_cannot_be_is_refused_before_any_work(
    made: Path,
    tmp_path: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["open", str(made), *options]) == code
    captured = capsys.readouterr()
    assert message in captured.err and not captured.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("there", [True, False])
def test_open_where_no_recording_is(
    there: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["open", str(tmp_path if there else tmp_path / "x")]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1


# --- as a program ---------------------------------------------------------------------------


def program(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "daam_nb", *argv],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip


def test_the_program_draws_with_a_progress_bar(model: str, tmp_path: Path) -> None:
    done = program(
        PROMPT, "-m", model, "-o", str(tmp_path), "-n", "2", "--size", "64x96", "-w", "cat"
    )
    assert done.returncode == 0, done.stderr
    assert "2/2" in done.stderr  # the pipeline's own bar
    assert "Loading" not in done.stderr and "Warning" not in done.stderr
    assert "cat.heat_map.png" in done.stdout


def test_a_recording_opens_and_is_drawn_without_diffusers(made: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom daam_nb.cli import main\n"
        "assert main(['open', *sys.argv[1:]]) == 0\n"
        "models = ('diffusers', 'transformers', 'tokenizers', 'plotly')\n"
        "print('LOADED', *[name for name in models if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(made), "-o", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8",
    )  # fmt: skip
    assert done.stdout.splitlines()[-1].split() == ["LOADED"]


def test_a_terminal_without_unicode() -> None:
    shown = io.BytesIO()
    terminal = io.TextIOWrapper(shown, encoding="ascii", write_through=True)
    say("“🐱”", to=terminal)
    assert shown.getvalue().decode("ascii").splitlines() == ["\\u201c\\U0001f431\\u201d"]


def test_a_reader_that_leaves_early_is_no_error(made: Path) -> None:
    shell = f'"{sys.executable}" -m daam_nb open "{made}" | head -n 1'
    done = subprocess.run(["sh", "-c", shell], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
