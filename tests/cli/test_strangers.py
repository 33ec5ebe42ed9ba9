"""What a stranger wrote into a recording is shown, and never obeyed by the terminal."""

from __future__ import annotations

import dataclasses
import re
import warnings
from pathlib import Path

import pytest

from daam_nb.cli import main
from daam_nb.recording import Facts, Manifest, Recording, Skipped
from tests.storage.contents import resign
from tests.tiny_recordings import tiny_recording

CLIPBOARD, TITLE, HIDDEN = "\x1b]52;c;cm0gLXJm\x07", "\x1b]0;root\x07", "\x1b[8m\x1b[2K\r"
TURNED, UNSEEN, FORGED = "\u202etxt.exe", "\u200b\u2060\U000e0041", "\n  seed   12345"
EVIL = CLIPBOARD + TITLE + HIDDEN + TURNED + UNSEEN + FORGED
SHOWN = (
    r"\x1b]52;c;cm0gLXJm\x07\x1b]0;root\x07\x1b[8m\x1b[2K\r\u202etxt.exe\u200b\u2060\U000e0041"
    r"\n  seed   12345"
)


def evil_recording() -> Recording:
    """Every text of a recording that people are shown."""
    run = tiny_recording("a cat" + EVIL, length=40)
    facts = {"model": EVIL, "pipeline": EVIL, "scheduler": EVIL, "dtype": EVIL, "device": EVIL}
    facts |= {"created": EVIL, "versions": {EVIL: EVIL}}
    batch = {"negative_prompts": [EVIL], "prompts": [EVIL]}
    prompt = run.prompt
    tokens = tuple(dataclasses.replace(token, piece=EVIL) for token in prompt.tokens)
    layers = tuple(dataclasses.replace(layer, name=layer.name + EVIL) for layer in run.layers)
    return dataclasses.replace(
        run,
        prompt=dataclasses.replace(prompt, tokens=tokens),
        layers=layers,
        attention={
            new.name: run.attention[old.name] for new, old in zip(layers, run.layers, strict=True)
        },
        facts=dataclasses.replace(run.facts, **facts, batch=batch),
        manifest=Manifest(captured=(EVIL,), skipped=(Skipped(EVIL, EVIL),)),
    )


def safe(text: str) -> bool:
    return re.search(r"[^\n -~À-ſ“”…–—×·]", text) is None


def test_open_shows_a_strangers_signs_and_obeys_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = evil_recording().save(tmp_path / f"run{TITLE}{TURNED}")
    assert main(["open", str(folder)]) == 0
    said = capsys.readouterr()
    assert safe(said.out), re.findall(r"[^\n -~]", said.out)
    lines = said.out.splitlines()
    assert [line for line in lines if line.startswith("  prompt")] == [
        f"  prompt           a cat{SHOWN}"
    ]
    assert [line for line in lines if line.startswith("  seed    " + " " * 8)] == [
        "  seed             0"
    ]
    assert said.out.count(SHOWN) > 12
    assert said.err == ""


def test_images_of_it_are_drawn_and_their_names_are_safe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = evil_recording().save(tmp_path / "run")
    into = tmp_path / f"drawn{TITLE}"
    assert main(["open", str(folder), "--words", "cat", "--output-folder", str(into)]) == 0
    said = capsys.readouterr()
    assert safe(said.out + said.err)
    assert sorted(path.name for path in into.iterdir())[0] == "cat.heat_map.png"


@pytest.mark.parametrize("traced", [[], ["--traceback"]])
def test_errors_that_quote_a_strangers_names_are_safe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], traced: list[str]
) -> None:
    folder = tiny_recording().save(tmp_path / f"run{TITLE}")
    resign(folder, lambda found: found["facts"]["source"]["versions"].update({EVIL: 5}))
    assert main(["open", str(folder), *traced]) == 1
    said = capsys.readouterr()
    assert said.out == "" and safe(said.err)
    assert r"\x1b]0;root\x07" in said.err and "is 5 where text is needed" in said.err
    assert main(["open", str(tmp_path / f"none{EVIL}"), *traced]) == 1
    assert safe(capsys.readouterr().err)


def test_warnings_on_the_way_are_safe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from daam_nb.cli import program

    def warned(options: object) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = lambda *said: print(warnings.formatwarning(*said[:4]))
            warnings.warn(EVIL, stacklevel=1)

    before = warnings.formatwarning
    monkeypatch.setattr(program, "_run", warned)
    assert main(["open", str(tmp_path)]) == 0
    assert safe(capsys.readouterr().out)
    assert warnings.formatwarning is before


def test_what_a_notebook_shows_is_safe() -> None:
    run = evil_recording()
    for shown in (repr(run), repr(run.layers), run._repr_html_(), run.layers._repr_html_()):
        assert safe(shown), re.findall(r"[^\n -~]", shown)
    assert safe(run.prompt._repr_html_()) and safe(repr(run.prompt))
    assert isinstance(run.facts, Facts)
