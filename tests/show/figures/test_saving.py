"""Files: whole or not there, with where they come from inside."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

import daam_nb
from daam_nb.errors import MissingExtraError, SelectionError, UnknownOptionError
from daam_nb.show.figures import overlay, saving, token_bars, words_row
from daam_nb.show.figures.figure import Figure
from tests.tiny_recordings import tiny_recording

PROMPT = "a cat <b>$x$</b> 🦓"
RUN = tiny_recording(PROMPT)


@pytest.fixture(scope="module")
def figure() -> Figure:
    return overlay(RUN, "cat", width=120)


def test_a_png_says_where_it_comes_from(figure: Figure, tmp_path: Path) -> None:
    path = figure.save(tmp_path / "cat.png", scale=2)
    with Image.open(path) as image:
        image.load()
        facts = dict(image.text)  # type: ignore[attr-defined]
        assert image.size == (figure.size[1] * 2, figure.size[0] * 2)
        assert image.info["dpi"] == pytest.approx((192, 192), abs=0.1)
    assert facts["prompt"] == facts["Title"] == PROMPT
    assert facts["seed"] == "0"
    assert facts["model"] == "tiny/by-hand"
    assert facts["word"] == "cat"
    assert "down and up blocks (4 of 5 layers), steps 0-2 of 3" in facts["choice"]
    assert facts["drawn with"] == daam_nb.__version__
    assert facts["recorded with"] == "0.0.0"
    assert facts["Description"] == "\n".join(figure.caption)
    assert json.loads(facts["daam_nb"]) == dict(figure.metadata)


def test_signs_that_a_terminal_obeys_survive_as_json(tmp_path: Path) -> None:
    prompt = "bell \x07 and nul \0 cat"
    path = overlay(tiny_recording(prompt), "cat", width=100).save(tmp_path / "x.png", scale=0.5)
    with Image.open(path) as image:
        image.load()
        text = image.text  # type: ignore[attr-defined]
    assert text["prompt"] == r"bell \x07 and nul \x00 cat"
    assert json.loads(text["daam_nb"])["prompt"] == prompt


def test_an_svg_is_well_formed_and_says_where_it_comes_from(figure: Figure, tmp_path: Path) -> None:
    tree = ElementTree.parse(figure.save(tmp_path / "cat.svg"))
    space = {"dc": "http://purl.org/dc/elements/1.1/", "s": "http://www.w3.org/2000/svg"}
    assert tree.findtext(".//dc:title", namespaces=space) == PROMPT
    source = tree.findtext(".//dc:source", namespaces=space)
    assert source is not None and json.loads(source)["seed"] == "0"
    ids = {element.get("id") for element in tree.iter()}
    assert {"image-0", "heat-0", "color-bar-0"} <= ids


def test_text_in_an_svg_is_text(figure: Figure, tmp_path: Path) -> None:
    tree = ElementTree.parse(figure.save(tmp_path / "cat.svg"))
    texts = ["".join(node.itertext()) for node in tree.iter("{http://www.w3.org/2000/svg}text")]
    together = " ".join(" ".join(texts).split())
    assert figure.title in together or all(word in together for word in figure.title.split())
    for line in figure.caption:
        assert all(word in together for word in line.split()[:3])


def test_text_in_a_pdf_is_text_in_embedded_fonts(figure: Figure, tmp_path: Path) -> None:
    raw = figure.save(tmp_path / "cat.pdf").read_bytes()
    assert b"/FontFile2" in raw  # TrueType, whole: type 42
    assert b"/ToUnicode" in raw  # so that it is found and copied as it is read
    assert b"/Type3" not in raw


def test_images_in_an_svg_keep_their_own_pixels(figure: Figure, tmp_path: Path) -> None:
    tree = ElementTree.parse(figure.save(tmp_path / "cat.svg"))
    links = [e.get("{http://www.w3.org/1999/xlink}href") for e in tree.iter() if "image" in e.tag]
    contents = [base64.b64decode(link.split(",")[1]) for link in links if link]
    sizes = [Image.open(BytesIO(content)).size for content in contents]
    assert sizes[:2] == [(288, 192)] * 2


def test_a_pdf_says_where_it_comes_from(figure: Figure, tmp_path: Path) -> None:
    content = figure.save(tmp_path / "cat.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert b'"seed": "0"' in content
    assert b"/Subtype /Type0" in content  # letters are embedded


def test_a_page_needs_no_network(figure: Figure, tmp_path: Path) -> None:
    page = figure.save(tmp_path / "cat.html").read_text("utf-8")
    assert len(page) > 3_000_000  # plotly's library is inside
    assert "<script src=" not in page and "cdn.plot.ly/plotly" not in page
    assert "mathjax" not in page.split("<script")[0].lower()
    assert '<meta name="seed" content="0">' in page
    assert "<title>a cat &lt;b&gt;$x$&lt;/b&gt; 🦓</title>" in page


def test_an_unknown_suffix_is_refused(figure: Figure, tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match=r"'cat\.jpg'.*Use one of \.png, \.svg, \.pdf, \.html"):
        figure.save(tmp_path / "cat.jpg")
    with pytest.raises(SelectionError, match="suffix '' is not known"):
        figure.save(tmp_path / "cat")
    assert list(tmp_path.iterdir()) == []


def test_capitals_and_strings_are_taken(figure: Figure, tmp_path: Path) -> None:
    assert figure.save(f"{tmp_path}/CAT.PNG", scale=0.5).exists()


def test_a_failure_leaves_the_old_file_and_nothing_else(
    figure: Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        figure.save(path, scale=0.5)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_while_drawing_leaves_nothing(
    figure: Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "svg_bytes", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        figure.save(tmp_path / "cat.svg")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(figure: Figure, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder.*nowhere"):
        figure.save(tmp_path / "nowhere" / "cat.svg")


def test_without_plotly_the_extra_is_named(
    figure: Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(MissingExtraError, match=r'pip install "daam_nb\[widgets\]"'):
        figure.save(tmp_path / "cat.html")
    assert list(tmp_path.iterdir()) == []


def test_a_figure_shows_itself_as_a_small_png(figure: Figure) -> None:
    bundle, about = figure._repr_mimebundle_()
    content = base64.b64decode(bundle["image/png"])
    with Image.open(BytesIO(content)) as image:
        assert image.width == 2 * figure.size[1]
    assert about["image/png"] == {"width": figure.size[1], "height": figure.size[0]}
    assert bundle["text/plain"] == repr(figure)
    assert repr(figure).startswith("<Figure: 1 panels, ") and repr(PROMPT) in repr(figure)


def test_a_row_stays_small_in_a_notebook() -> None:
    run = tiny_recording("a cat sees one big dog run")  # its image is noise, the worst there is
    noise = base64.b64decode(words_row(run)._repr_mimebundle_()[0]["image/png"])
    with Image.open(BytesIO(noise)) as image:
        assert image.mode == "P"
    assert len(noise) < 250_000 < len(words_row(run).to_png())
    ramp = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
    usual = words_row(replace(run, image=ramp))
    shown = base64.b64decode(usual._repr_mimebundle_()[0]["image/png"])
    with Image.open(BytesIO(shown)) as image:
        assert image.mode == "RGB"  # every color is the map's
    assert len(shown) <= saving.NOTEBOOK_BYTES


def test_the_same_figure_is_the_same_file() -> None:
    figure = token_bars(RUN)
    assert saving.svg_bytes(figure) == saving.svg_bytes(figure)
    assert saving.png_bytes(figure, scale=1) == saving.png_bytes(figure, scale=1)


def test_no_pyplot_no_settings_touched_and_nothing_imported_early(tmp_path: Path) -> None:
    program = """
import sys
import daam_nb.show.figures as figures
assert not {"matplotlib", "plotly", "diffusers", "transformers"} & set(sys.modules)
from tests.tiny_recordings import tiny_recording
figure = figures.overlay(tiny_recording(), "cat", threshold=0.4, width=100)
assert "plotly" not in sys.modules
import matplotlib
matplotlib.rcParams.update({
    "text.usetex": True, "figure.autolayout": True, "axes.facecolor": "red", "font.size": 40,
    "figure.facecolor": "red", "text.color": "red", "savefig.bbox": "tight",
    "axes.xmargin": 3, "image.interpolation": "bilinear", "lines.linewidth": 9,
})
before = matplotlib.rcParams.copy()  # as a dict it would choose a back end
for suffix in ("png", "svg", "pdf"):
    figure.save(f"cat.{suffix}", scale=1)
assert matplotlib.rcParams.copy() == before
assert "matplotlib.pyplot" not in sys.modules
"""
    here = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(here)}
    command = [sys.executable, "-W", "error::UserWarning", "-c", program]
    subprocess.run(command, cwd=tmp_path, check=True, env=environment)
    figure = overlay(tiny_recording(), "cat", threshold=0.4, width=100)
    assert (tmp_path / "cat.png").read_bytes() == saving.png_bytes(figure, scale=1)


@pytest.mark.parametrize("suffix", ["png", "svg"])
@pytest.mark.parametrize("scale", ["2", None, 0, -1, float("nan"), True, "x", 1e9, 1e-9])
def test_a_scale_is_a_number_above_0(tmp_path: Path, suffix: str, scale: Any) -> None:
    figure = overlay(tiny_recording(), "dog")
    with pytest.raises(SelectionError, match="scale="):
        figure.save(tmp_path / f"a.{suffix}", scale=scale)
    assert not list(tmp_path.iterdir())


def test_names_that_save_does_not_take(tmp_path: Path) -> None:
    with pytest.raises(UnknownOptionError, match="takes no argument 'dpi'"):
        overlay(tiny_recording(), "dog").save(tmp_path / "a.png", dpi=100)  # type: ignore[call-arg]
