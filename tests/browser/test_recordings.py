"""The explorer of other recordings: hostile prompts, many layers, two at once, parsed, handed out.

One notebook shows them one after the other in the same output.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import opened
from tests.browser.explorer import Explored, Explorer, close_to, eventually, explorers
from tests.browser.lab import Notebook, open_notebook, write_notebook
from tests.browser.servers import Server
from tests.browser.watching import Watch

# Recordings are explored by people who have no diffusers: here it cannot even be imported.
CELLS = (
    "import sys\nsys.modules['diffusers'] = sys.modules['transformers'] = None",
    "import dataclasses, ipywidgets\nimport daam_nb as dnb\nfrom daam_nb import language\n"
    "from tests.show.explorer.model.test_subject import sdxl\n"
    "from tests.tiny_recordings import tiny_recording",
    "box = ipywidgets.VBox()\nbox",
)
HOSTILE = (
    '<script>window.hacked=1</script> <img src=x onerror=window.hacked=1> "quoted" \'n & m '
    "🦊 שלום \\ `${1}` {{7*7}}"
)
HOSTILE_WORDS = ("script", "window", "hacked", "quoted", "🦊", "שלום")


@pytest.fixture(scope="module")
def lab(browser: Browser, server: Server) -> Iterator[tuple[Notebook, Watch]]:
    with opened(browser) as (page, watch):
        write_notebook(server.notebooks / "recordings.ipynb", *CELLS)
        notebook = open_notebook(page, server, "recordings.ipynb")
        notebook.run_all()
        yield notebook, watch


@pytest.fixture
def notebook(lab: tuple[Notebook, Watch]) -> Iterator[Notebook]:
    """The notebook with an empty box; it is emptied again, so that nothing is drawn unseen."""
    notebook, watch = lab
    notebook.page.mouse.move(1, 1)
    yield notebook
    watch.check()
    notebook.do("gone, box.children = box.children, []\nfor child in gone: child.close()")
    eventually(lambda: notebook.page.locator("[data-testid=explorer]").count() == 0)


def show(notebook: Notebook, code: str, count: int = 1) -> list[Explorer]:
    """Run code that fills the box, and wait for its explorers."""
    notebook.do(code)
    page = notebook.page
    eventually(lambda: page.locator("[data-testid=explorer][data-settled=true]").count() == count)
    return explorers(page)


def assert_text_stayed_text(page: Explorer) -> None:
    root = page.root
    assert page.page.evaluate("() => window.hacked") is None
    assert root.locator("script, img[src=x]").count() == 0
    shown = root.inner_text()
    assert "49" not in (page.part("provenance").text_content() or "").split("·")[0]
    for word in HOSTILE_WORDS:
        assert word in shown
    assert HOSTILE in (page.part("provenance").text_content() or "")


def test_hostile_prompts_are_text(notebook: Notebook, tmp_path: Path) -> None:
    [page] = show(
        notebook,
        f"run = tiny_recording({HOSTILE!r}, length=50)\n"
        "named = dataclasses.replace(run.facts, model='<b id=bold>model</b>')\n"
        "run = dataclasses.replace(run, facts=named)\n"
        "explorer = dnb.explore(run, parser=False)\nbox.children = [explorer]",
    )
    assert_text_stayed_text(page)
    assert page.root.locator("#bold").count() == 0
    page.part("pieces").click()
    page.part("chip", kind="start").wait_for()
    page.part("chip", role="a").focus()
    page.page.keyboard.press("End")
    page.settle()
    assert_text_stayed_text(page)
    hebrew = page.root.locator("[data-testid=chip]", has_text="שלום").first
    assert hebrew.evaluate(
        "chip => getComputedStyle(chip.querySelector('[dir]') ?? chip).direction"
    )
    file = tmp_path / "a <b> & 'c'.html"
    notebook.do(f"explorer.to_html({str(file)!r})")
    hand_out = notebook.page.context.new_page()
    hand_out.goto(file.as_uri())
    [handed] = explorers(hand_out)
    assert_text_stayed_text(handed)
    hand_out.close()


def test_a_hand_out_is_explored_from_a_file_offline(
    notebook: Notebook, browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "banana.html"
    notebook.do(
        f"explorer = dnb.explore(dnb.sample(), parser=False)\nexplorer.to_html({str(file)!r})"
    )
    assert file.stat().st_size < 5_000_000
    with opened(browser, offline=True) as (page, _):
        page.goto(file.as_uri())
        [handed] = explorers(page)
        assert "banana" in handed.part("chip", role="a").inner_text()
        provenance = page.locator(".daam-origin").inner_text()
        seed, model = notebook.ask("[str(explorer.run.facts.seed), explorer.run.facts.model]")
        assert f"seed {seed}" in provenance
        assert model in provenance
        assert f"daam_nb {notebook.ask('dnb.__version__')}" in provenance
        assert "a banana and an apple on the grass" in (
            handed.part("provenance").text_content() or ""
        )
        held = page.locator(".daam-holds").text_content() or ""
        assert "Not in it: pieces and special tokens." in held
        ranked = notebook.ask(
            "explorer.to_frame('head').sort_values('overlap', ascending=False)"
            "[['layer', 'head']].values[0].tolist()"
        )
        names = notebook.ask("[layer.name for layer in explorer.run.layers]")
        handed.input("tile_sort").select_option("overlap")  # worked out in the page
        first = [names.index(ranked[0]), ranked[1]]
        eventually(lambda: handed.atlas()["tiles"][0] == first)
        handed.input("tile_sort").select_option("network")
        before = handed.pixels()
        handed.part("chip", word=4).click()
        handed.settle()
        explored = Explored(notebook, handed)
        shown, facts = handed.shown()
        assert facts["kind"] == "exact"
        expected = explored.map_of(word="apple", layers="'paper'")
        assert close_to(shown, expected)
        assert (handed.pixels() != before).any()
        handed.draw([(0.5, 0.01), (0.5, 3 / 7)], part="steps-slider")
        eventually(lambda: handed.trait("steps") == [3, 7])
        assert handed.state("kind") == "preview"
        assert "preview" in handed.part("status").inner_text()
        handed.part("chip", word=1).click(modifiers=["Shift"])
        eventually(lambda: 0 <= float(handed.part("iou").inner_text() or "nan") <= 1)
        handed.slide("threshold", 0.8)
        handed.hover(0.5, 0.5)
        handed.part("rank").first.wait_for()
        handed.tile(5, 0).click()
        page.mouse.move(1, 1)
        eventually(lambda: handed.trait("layer") == 5)
        handed.root.screenshot(path=str(tmp_path / "hand-out.png"))


def test_two_runs_move_together_and_their_difference_is_drawn(notebook: Notebook) -> None:
    left, right = show(
        notebook,
        "runs = [tiny_recording(text, steps=5, seed=seed)"
        " for seed, text in enumerate(('a red fox', 'a red cat'))]\n"
        "both = dnb.explore(*runs, parser=False, word=2)\nbox.children = [both]",
        count=2,
    )
    page = notebook.page
    scale = page.get_by_test_id("pair-scale")
    assert page.locator("[data-testid=chip]:visible").count() == 3  # one row of words
    assert "“fox”" in page.get_by_test_id("side-title").first.inner_text()
    assert "“cat”" in page.get_by_test_id("side-title").last.inner_text()
    left.draw([(0.5, 0.01), (0.5, 2 / 5)], part="steps-slider")
    eventually(lambda: right.trait("steps") == [2, 5])
    right.settle()
    assert notebook.ask("[both.left.steps, both.right.steps]") == [[2, 3, 4], [2, 3, 4]]
    before = left.pixels("difference")
    left.tile(1, 1).click()
    eventually(lambda: right.trait("layer") == 1 and right.trait("head") == 1)
    eventually(lambda: not np.array_equal(left.pixels("difference"), before))
    before = left.pixels("difference")
    scale.select_option("common")
    eventually(
        lambda: (
            notebook.ask("[both.left.difference_scale, both.right.difference_scale]")
            == (["common", "common"])
        )
    )
    for side, page in (("left", left), ("right", right)):
        page.page.mouse.move(1, 1)
        page.settle()
        explored = Explored(notebook, page, name=f"both.{side}")
        layers = f"[both.{side}.run.layers[1].name]"
        expected = explored.map_of(layers=layers, heads=[1], steps="slice(2, 5)")
        assert close_to(page.shown()[0], expected)


def test_two_explorers_of_one_run_can_be_linked(notebook: Notebook) -> None:
    one, other = show(
        notebook,
        "run = tiny_recording('a red fox', steps=5)\n"
        "pair = [dnb.explore(run, parser=False), dnb.explore(run, parser=False)]\n"
        "links = [ipywidgets.jslink((pair[0], name), (pair[1], name))"
        " for name in ('word', 'threshold')]\nbox.children = pair",
        count=2,
    )
    one.part("chip", word=0).click()
    one.slide("threshold", 0.9)
    eventually(lambda: (other.trait("word"), other.trait("threshold")) == (0, 0.9))
    other.settle()
    assert other.part("chip", role="a").inner_text() == "a"
    eventually(lambda: notebook.ask("[pair[1].word, pair[1].threshold]") == [0, 0.9])


def test_a_click_on_an_arc_compares_head_and_dependent(notebook: Notebook) -> None:
    words = [("a", 0, 1, 2, "det"), ("red", 2, 5, 2, "amod"), ("fox", 6, 9, 3, "nsubj")]
    words.append(("jumps", 10, 15, 3, "ROOT"))
    parsed = ", ".join(
        f"language.ParsedWord({text!r}, {start}, {end}, '', '', '', {head}, {relation!r})"
        for text, start, end, head, relation in words
    )
    [page] = show(
        notebook,
        f"parse = language.Parse('a red fox jumps', ({parsed},), parser='by hand')\n"
        "run = tiny_recording('a red fox jumps', steps=3)\n"
        "explorer = dnb.explore(run, parser=parse)\nbox.children = [explorer]",
    )
    page.part("syntax").click()
    page.part("arc").first.wait_for()
    assert page.part("arc").count() == 3
    page.part("arc", head=2, dependent=1).locator("text").click()
    explored = Explored(notebook, page)
    explored.wait(word=2, word_b=1, show_syntax=True)
    shares = "[f(*(dnb.heat_maps(run).word(w) for w in ('red', 'fox')), threshold=0.4)"
    expected = notebook.ask(f"{shares} for f in (dnb.iod, dnb.ioh)]")
    assert explored.trait("iod", "ioh") == pytest.approx(expected)
    for name, value in zip(("iod", "ioh"), expected, strict=True):
        assert page.part(name).inner_text() == f"{value:.2f}"


def test_many_layers_are_all_there_and_served_smaller_as_it_says(notebook: Notebook) -> None:
    [page] = show(
        notebook,
        "explorer = dnb.explore(sdxl(), parser=False, word='fox')\nbox.children = [explorer]",
    )
    assert page.shown()[1]["shape"] == [128, 128]  # at rest it is whole
    values, facts = page.move(steps=[0, 1])
    assert facts["kind"] == "preview"
    assert facts["shape"] == [64, 64]
    assert "64 × 64 instead of 128 × 128" in page.root.text_content()
    heads = notebook.ask("[layer.heads for layer in explorer.run.layers]")
    assert len(page.atlas()["tiles"]) == sum(heads) + 70  # and the mean of each layer's
    assert np.isfinite(values).all()


def test_it_comes_back_after_saving_and_reloading(notebook: Notebook) -> None:
    """The last one here: whatever the kernel made and closed before, one reload suffices."""
    [page] = show(
        notebook,
        "explorer = dnb.explore(dnb.sample(), parser=False)\nbox.children = [explorer]",
    )
    page.part("chip", word=4).click()
    page.tile(6, 1).click()
    page.page.mouse.move(1, 1)
    explored = Explored(notebook, page)
    explored.wait(word=4, layer=6, head=1)
    before, _ = page.settle().shown()
    notebook.save()
    notebook.ask("0")  # nothing waits for the kernel any more
    page.page.reload()
    [again] = explorers(page.page)
    after, facts = again.settle().shown()
    assert facts["kind"] == "exact"
    assert (before == after).all()
    again.part("chip", word=1).click()
    Explored(notebook, again).wait(word=1, layer=6, head=1)


def test_an_arc_to_a_part_of_a_word_hangs_on_the_words_chip(notebook: Notebook) -> None:
    """Of "dog's ball" the dog alone is compared, as in the studies, and drawn over "dog's"."""
    words = [("dog", 0, 3, 2, "poss"), ("'s", 3, 5, 0, "case"), ("ball", 6, 10, 2, "ROOT")]
    parsed = ", ".join(
        f"language.ParsedWord({text!r}, {start}, {end}, '', '', '', {head}, {relation!r})"
        for text, start, end, head, relation in words
    )
    [page] = show(
        notebook,
        f'parse = language.Parse("dog\'s ball", ({parsed},), parser="by hand")\n'
        'run = tiny_recording("dog\'s ball", steps=3)\n'
        "explorer = dnb.explore(run, parser=parse)\nbox.children = [explorer]",
    )
    page.part("syntax").click()
    page.part("arc").first.wait_for()
    assert page.part("arc").count() == 1  # that of 's to dog would end where it begins
    page.part("arc").locator("text").click()
    explored = Explored(notebook, page)
    explored.wait(word=1, show_syntax=True)
    assert notebook.ask("explorer.words[explorer.word_b].text") == "dog"
    expected = notebook.ask(
        "dnb.iod(*(dnb.heat_maps(run).word(w) for w in ((0, 3), (6, 10))), threshold=0.4)"
    )
    assert explored.trait("iod") == pytest.approx(expected)
