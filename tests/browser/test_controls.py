"""What the explorer offers, control by control: strip, grid, files, keys, speech, syntax."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator

from tests.browser.conftest import opened
from tests.browser.explorer import ROOT, Explored, Explorer, close_to, eventually, explorers
from tests.browser.lab import Notebook, change_theme, open_notebook, write_notebook
from tests.browser.servers import Server
from tests.browser.watching import Watch

# "a banana and an apple on the grass": 7 steps, 7 layers of 4 heads. Its forming images are
# one color each here, so that they are told apart: more red and less green at every step.
CELLS = (
    "import ipywidgets\nfrom PIL import Image\n"
    "import daam_nb as dnb\nfrom daam_nb import language\n"
    "from tests.tiny_recordings import tiny_recording\nrun = dnb.sample()\n"
    "chosen = [run.layers[n].name for n in (0, 5, 6)]",
    "forming = [Image.new('RGB', (64, 64), (40 * n, 250 - 40 * n, 0)) for n in range(7)]\n"
    "parser = language.load_parser(language.CAPTION_PARSER)\n"
    "explorer = dnb.explore(run, images=forming, recommended=chosen, parser=parser)\n"
    "from daam_nb.show.explorer.controls import CHOICES\n"
    "first = {name: getattr(explorer, name) for name in CHOICES}\n"
    "explorer",
    "box = ipywidgets.VBox()\nbox",
)
BANANA, APPLE, GRASS = 1, 4, 7
# The accessible name of a control, as far as these controls go: label, text or aria-label.
NAMELESS = """root => [...root.querySelectorAll(
  'button, select, input, summary, canvas[tabindex], [role=slider], [role=radio], [role=gridcell],'
  + '[role=grid], [role=radiogroup], [role=group], [role=img]')]
  .filter(node => node.checkVisibility())
  .filter(node => !(node.getAttribute('aria-label')
    || [...(node.labels ?? [])].map(one => one.textContent).join('') || node.textContent).trim())
  .map(node => node.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def notebook(browser: Browser, server: Server) -> Iterator[tuple[Notebook, Watch]]:
    with opened(browser) as (page, watch):
        write_notebook(server.notebooks / "controls.ipynb", *CELLS)
        notebook = open_notebook(page, server, "controls.ipynb")
        notebook.run_all()
        yield notebook, watch


@pytest.fixture
def explored(notebook: tuple[Notebook, Watch]) -> Iterator[Explored]:
    """The explorer as it was opened."""
    lab, watch = notebook
    lab.do("explorer.choose(**first)")
    lab.page.mouse.move(1, 1)  # away from the tile that the test before may have left it on
    yield Explored(lab, explorers(lab.page)[0].settle())
    watch.check()


@pytest.fixture
def page(explored: Explored) -> Explorer:
    return explored.page_side


def another(explored: Explored, code: str) -> Explored:
    """A second explorer below the first one; `small` is its name in the kernel."""
    lab = explored.notebook
    lab.do(f"for gone in box.children: gone.close()\n{code}\nbox.children = [small]")
    root = lab.page.locator(ROOT)
    eventually(lambda: root.count() == 2)
    return Explored(lab, Explorer(root.nth(1)).settle(), name="small")


# --- what it is -----------------------------------------------------------------------------------


def test_it_says_what_is_shown_and_what_to_do_next(explored: Explored, page: Explorer) -> None:
    assert page.part("title").inner_text() == "Attention to “banana”"
    assert "Shift-click another to compare" in page.part("lead").inner_text()
    assert page.part("try").locator("li").count() == 4
    explored.notebook.do("explorer.word_b = 'apple'")
    eventually(lambda: "“banana” (A) and “apple” (B)" in page.part("title").inner_text())
    assert "dashed" in page.part("lead").inner_text()
    page.hover(0.5, 0.5)
    page.part("rank").first.wait_for()
    assert not page.part("try").is_visible()


@pytest.mark.parametrize("width", [800, 1068, 1500])
def test_nothing_runs_over_the_edge_and_the_controls_end_on_one_line(
    explored: Explored, page: Explorer, width: int
) -> None:
    page.root.evaluate("(root, width) => { root.style.width = width + 'px' }", width)
    page.move()
    wide = page.root.evaluate(
        "root => [...root.querySelectorAll('*')].filter(n => n.checkVisibility()"
        " && !n.closest('.daam-hidden')"
        " && n.getBoundingClientRect().right > root.getBoundingClientRect().right)"
        ".map(n => n.outerHTML.slice(0, 100))"
    )
    assert wide == []
    tops = {page.part(name).bounding_box()["y"] for name in ("mask-png", "image-png", "more")}  # type: ignore[index]
    assert len(tops) == 1
    if width > 1000:
        first = page.input("opacity").bounding_box()
        last = page.part("more").bounding_box()
        assert first is not None
        assert last is not None
        assert first["y"] < last["y"] + last["height"]
        assert last["y"] < first["y"] + first["height"]
    page.root.evaluate("root => { root.style.width = '' }")
    page.move()


def test_the_image_stays_sharp_when_the_theme_changes(page: Explorer) -> None:
    sharp = "n => Math.abs(n.width - n.getBoundingClientRect().width * devicePixelRatio) <= 1"
    image = page.part("image")
    eventually(lambda: image.evaluate(sharp))
    for name, theme in (("JupyterLab Dark", "dark"), ("JupyterLab Light", "light")):
        change_theme(page.page, name)  # for a moment JupyterLab hides everything
        eventually(lambda theme=theme: page.state("theme") == theme)
        page.move()
        eventually(lambda: image.evaluate(sharp))
        assert page.pixels().shape[0] > 200


def test_the_image_stays_sharp_when_it_alone_becomes_narrower(page: Explorer) -> None:
    """As when what stands beside it takes more room: the explorer's own width does not change."""
    sharp = "n => Math.abs(n.width - n.getBoundingClientRect().width * devicePixelRatio) <= 1"
    image, column = page.part("image"), page.root.locator(".daam-image")
    eventually(lambda: image.evaluate(sharp))
    before = page.pixels().shape[1]
    column.evaluate("n => { n.style.width = n.clientWidth - 60 + 'px' }")
    eventually(lambda: page.pixels().shape[1] < before and image.evaluate(sharp))
    column.evaluate("n => { n.style.width = '' }")
    eventually(lambda: page.pixels().shape[1] == before and image.evaluate(sharp))


# --- words and steps ------------------------------------------------------------------------------


def test_start_and_end_of_the_text_come_on_demand(explored: Explored, page: Explorer) -> None:
    assert "start of text" not in page.words()
    page.part("pieces").click()
    eventually(lambda: page.words()[0] == "start of text")
    assert page.words()[-1] == "end of text"
    page.part("chip", kind="start").click()
    eventually(lambda: page.part("chip", role="a").inner_text() == "start of text")
    page.settle()
    expected = explored.notebook.ask("dnb.heat_maps(run).start_of_text.values.tolist()")
    assert close_to(page.shown()[0], np.array(expected))


def test_a_word_of_several_tokens_shows_its_pieces(explored: Explored) -> None:
    small = another(
        explored,
        "import dataclasses\nmade = tiny_recording('a gir affe')\n"
        "spans = {1: (0, 1), 2: (2, 5), 3: (5, 9)}\n"
        "texts = {2: 'gir', 3: 'affe</w>'}\n"
        "tokens = tuple(dataclasses.replace(t, span=spans.get(n, t.span),"
        " piece=texts.get(n, t.piece)) for n, t in enumerate(made.prompt.tokens))\n"
        "prompt = dataclasses.replace(made.prompt, text='a giraffe', tokens=tokens)\n"
        "made = dataclasses.replace(made, prompt=prompt)\n"
        "small = dnb.explore(made, parser=False)",
    )
    page = small.page_side
    assert page.words() == ["a", "giraffe"]
    page.part("pieces").click()
    page.part("chip", kind="piece").first.wait_for()
    pieces = [one.inner_text() for one in page.part("chip", kind="piece").all()]
    assert pieces == ["gir", "affe"]
    page.part("chip", kind="piece").last.click()
    page.settle()
    expected = explored.notebook.ask("dnb.heat_maps(made).token(3).values.tolist()")
    assert close_to(page.shown()[0], np.array(expected))


def test_the_strip_shows_the_forming_image_and_the_attention_of_each_step(
    explored: Explored, page: Explorer
) -> None:
    explored.notebook.do("explorer.opacity = 0.0")  # the strip keeps a third of it
    eventually(lambda: page.trait("opacity") == 0)
    page.move()
    thumbnails = np.array_split(page.pixels("strip"), 7, axis=1)
    drawn = [one[one[..., 3] > 0][:, :3] for one in thumbnails]
    # Where attention is weak it adds no green; at the first steps that is not most of the image.
    green = np.array([np.quantile(one[:, 1], 0.05) for one in drawn])
    assert (np.diff(green) < -10).all()
    explored.notebook.do("explorer.opacity = 1.0")
    eventually(lambda: page.trait("opacity") == 1)
    page.move()
    stack = np.array(
        explored.notebook.ask("explorer.engine.stack(explorer.selected).values.tolist()")
    )
    step = int(stack.max((1, 2)).argmax())
    thumbnail = np.array_split(page.pixels("strip"), 7, axis=1)[step].astype(float)
    side = int((thumbnail[..., 3].max(0) > 0).sum())
    left = int(np.flatnonzero(thumbnail[..., 3].max(0) > 0)[0])
    bright = thumbnail[:side, left : left + side, :3].sum(-1)
    # The brightest dot of the thumbnail lies where the step's map is near its peak.
    y, x = (int(16 * place / side) for place in np.unravel_index(bright.argmax(), bright.shape))
    near = stack[step][max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
    assert near.max() > 0.7 * stack[step].max() > 2 * np.median(stack[step])


def test_the_image_can_follow_the_step(explored: Explored, page: Explorer) -> None:
    explored.notebook.do("explorer.choose(opacity=0.0, contour=False)")
    eventually(lambda: page.trait("opacity") == 0)
    page.input("follow_step").click()
    explored.wait(follow_step=True)
    for last in (7, 3):
        explored.notebook.do(f"explorer.steps = slice(0, {last})")
        eventually(lambda last=last: page.trait("steps") == [0, last])
        page.move()
        red, green, blue = page.pixels()[50, 50, :3]
        assert (red, green, blue) == (40 * (last - 1), 250 - 40 * (last - 1), 0)


# --- layers and heads -----------------------------------------------------------------------------


def test_tiles_are_named_with_layer_resolution_and_number(
    explored: Explored, page: Explorer
) -> None:
    layers = explored.notebook.ask("[[l.label, list(l.size), l.heads] for l in run.layers]")
    means = explored.notebook.ask("explorer.engine.tiles(explorer.selected).mean")
    tiles = page.atlas()["tiles"]
    for number, (label, (height, width), heads) in enumerate(layers):
        assert [head for layer, head in tiles if layer == number] == [-1, *range(heads)]
        page.tile(number, -1).hover()
        assert page.part("atlas-readout").inner_text() == f"{label} ({height}×{width}), all heads"
        page.tile(number, 1).hover()
        text, value = page.part("atlas-readout").inner_text().split(": mean ")
        assert text == f"{label} ({height}×{width}), head 1"
        assert float(value) == pytest.approx(means[number][1], rel=0.01)


def test_the_grid_is_ragged_where_heads_differ(explored: Explored) -> None:
    small = another(
        explored, "small = dnb.explore(tiny_recording('a fox', heads=(2, 4)), parser=False)"
    )
    heads = [layer for layer, head in small.page_side.atlas()["tiles"] if head >= 0]
    counts = [heads.count(layer) for layer in range(5)]
    assert counts == [2, 4, 4, 4, 2]
    small.page_side.tile(-1, 3).click()
    small.page_side.page.mouse.move(1, 1)
    small.wait(layer=-1, head=3)
    names = explored.notebook.ask("[l.name for l in small.run.layers if l.heads == 4]")
    paper = [name for name in names if "mid" not in name]
    assert close_to(small.page_side.shown()[0], small.map_of(layers=paper, heads=[3]))


@pytest.mark.parametrize(("by", "falling"), [("entropy", False), ("peak", True), ("overlap", True)])
def test_tiles_are_ranked_and_say_by_what(
    explored: Explored, page: Explorer, by: str, falling: bool
) -> None:
    rows = explored.notebook.ask(
        f"explorer.to_frame('head')[['layer', 'head', {by!r}]].values.tolist()"
    )
    names = explored.notebook.ask("[layer.name for layer in run.layers]")
    values = {(str(names.index(layer)), str(head)): value for layer, head, value in rows}
    page.input("tile_sort").select_option(by)
    explored.wait(tile_sort=by)
    places = page.settle().atlas()["tiles"]
    shown = [values[str(layer), str(head)] for layer, head in places]
    assert len(shown) == 28
    assert shown == sorted(shown, reverse=falling)
    assert page.trait("tile_measure") == by
    page.tile(*places[0]).hover()
    name, number = page.part("atlas-readout").inner_text().split(f": {by} ")
    assert name.endswith(f"head {places[0][1]}")
    assert float(number) == pytest.approx(shown[0], rel=0.01)


def test_a_common_scale_shows_which_heads_are_strong(explored: Explored, page: Explorer) -> None:
    peaks = np.array(explored.notebook.ask("explorer.engine.tiles(explorer.selected).peak"))
    layer, head = (int(one) for one in np.unravel_index(peaks.argmin(), peaks.shape))

    def brightest() -> float:
        box, pixels = page.tile(layer, head).box(), page.pixels("atlas-tiles")
        canvas = page.part("atlas").bounding_box()
        assert canvas is not None
        scale = pixels.shape[1] / canvas["width"]
        y, x = (round(box[a] * scale) for a in ("y", "x"))
        size = round(box["width"] * scale)
        return float(pixels[y : y + size, x : x + size, :3].sum(-1).max())

    own = brightest()
    page.tiles_option("tile_scale", "common")
    explored.wait(tile_scale="common")
    page.move()
    assert brightest() < own / 2


def test_the_recommended_layers_can_be_chosen(explored: Explored, page: Explorer) -> None:
    options = page.part("choice").locator("option").all_inner_texts()
    assert options == ["paper 6/7", "all 7/7", "recommended 3/7"]
    page.part("choice").select_option("recommended")
    explored.wait(choice="recommended")
    assert close_to(page.shown()[0], explored.map_of(layers="chosen"))


# --- how it looks ---------------------------------------------------------------------------------


def places_apart(explored: Explored, a: str, b: str) -> list[tuple[float, float]]:
    """Where one word's map, as a share of its peak, is farthest above the other's; both ways."""
    shares = [values / values.max() for values in (explored.map_of(word=w) for w in (a, b))]
    places = []
    for more, less in (shares, shares[::-1]):
        y, x = np.unravel_index((more - less).argmax(), more.shape)
        places.append(((float(y) + 0.5) / more.shape[0], (float(x) + 0.5) / more.shape[1]))
    return places


def color_at(page: Explorer, place: tuple[float, float]) -> Any:
    pixels = page.pixels()
    y, x = (int(share * side) for share, side in zip(place, pixels.shape[:2], strict=True))
    return pixels[y, x, :3].astype(int)


def test_two_words_have_two_families_of_colors_and_other_signs_too(
    explored: Explored, page: Explorer
) -> None:
    places = places_apart(explored, "banana", "apple")
    explored.notebook.do("explorer.choose(word_b='apple', opacity=1.0, contour=False)")
    eventually(lambda: page.trait("word_b") == APPLE and page.trait("opacity") == 1)
    page.settle().move()
    of_a, of_b = (color_at(page, place) for place in places)
    assert of_a[0] > of_a[2] + 60  # orange
    assert of_b[2] > of_b[0] + 60  # blue
    mark = "chip => getComputedStyle(chip.querySelector('.daam-chip-mark'), '::before').content"
    style = "chip => getComputedStyle(chip).borderTopStyle"
    chips = [page.part("chip", role=role) for role in "ab"]
    assert [one.evaluate(mark) for one in chips] == ['"A"', '"B"']
    assert [one.evaluate(style) for one in chips] == ["solid", "dashed"]


def test_a_minus_b_and_its_scale(explored: Explored, page: Explorer) -> None:
    places = places_apart(explored, "banana", "apple")
    assert not page.input("view").is_visible()
    explored.notebook.do("explorer.choose(word_b='apple', opacity=1.0, contour=False)")
    page.input("view").select_option("difference")
    explored.wait(view="difference", opacity=1)
    page.settle().move()
    of_a, of_b = (color_at(page, place) for place in places)
    assert of_a[0] > of_a[2] + 60  # red
    assert of_b[2] > of_b[0] + 60  # blue
    before = page.pixels()
    page.input("difference_scale").select_option("common")
    explored.wait(difference_scale="common")
    page.move()
    assert (page.pixels() != before).any()


def test_the_mask_and_the_image_are_saved_as_png(explored: Explored, page: Explorer) -> None:
    with page.page.expect_download() as waiting:
        page.part("mask-png").click()
    file = waiting.value
    assert file.suggested_filename == "banana-mask.png"
    saved = np.asarray(Image.open(io.BytesIO(file.path().read_bytes())))
    expected = explored.notebook.ask(
        "dnb.heat_maps(run).word('banana').mask(0.4, size=(64, 64)).tolist()"
    )
    assert ((saved > 127) == np.array(expected)).all()
    assert 0 < (saved > 127).mean() < 1
    with page.page.expect_download() as waiting:
        page.part("image-png").click()
    saved = np.asarray(Image.open(io.BytesIO(waiting.value.path().read_bytes())).convert("RGBA"))
    assert (saved == page.pixels()).all()


# --- keys, screen readers, motion -----------------------------------------------------------------


def test_tab_reaches_every_control(page: Explorer) -> None:
    page.part("chip", role="a").focus()
    focused = "() => document.activeElement.dataset.testid ?? ''"
    reached = []
    while len(reached) < 50 and "more" not in reached:
        reached.append(page.page.evaluate(focused))
        page.page.keyboard.press("Tab")
    assert {
        "chip", "compare", "pieces", "syntax", "image", "tool-box", "tool-lasso", "choice",
        "control-tile_sort", "control-tile_measure", "atlas-more", "atlas", "atlas-lasso",
        "atlas-in", "saved", "play",
        "step-lo", "step-hi", "control-opacity", "control-threshold", "control-contour",
        "control-follow_step", "control-colormap", "mask-png", "image-png", "more",
    } <= set(reached)  # fmt: skip


def test_heads_steps_and_regions_go_by_keys(explored: Explored, page: Explorer) -> None:
    keys = page.page.keyboard
    page.tile(0, 0).focus()
    keys.press("ArrowDown")
    keys.press("ArrowRight")
    keys.press("Enter")
    explored.wait(layer=1, head=1)
    keys.press("Escape")
    keys.press("Escape")
    explored.wait(layer=-1, head=-1)
    page.part("step-lo").focus()
    keys.press("PageUp")
    explored.wait(steps=[5, 6])
    keys.press("Home")
    page.part("step-hi").focus()
    keys.press("PageDown")
    explored.wait(steps=[0, 1])
    keys.press(".")
    explored.wait(steps=[1, 2])
    keys.press(",")
    explored.wait(steps=[0, 1])
    page.part("image").focus()
    keys.press("Space")
    eventually(lambda: page.state("playing") == "true")
    keys.press("Space")
    explored.wait(playing=False)
    keys.press("a")
    keys.press("ArrowLeft")
    keys.press("Enter")
    for _ in range(3):
        keys.press("ArrowRight")
        keys.press("ArrowDown")
    keys.press("Enter")
    region = eventually(lambda: explored.trait("region"))
    assert (np.ptp(np.array(region), axis=0) > 0).all()
    page.part("rank").first.wait_for()
    keys.press("Escape")  # the crosshair
    keys.press("Escape")
    explored.wait(region=[])
    keys.press("c")
    eventually(lambda: page.part("compare").get_attribute("aria-pressed") == "true")
    keys.press("c")


def test_the_list_of_keys_is_there_and_closes_by_a_key(page: Explorer) -> None:
    page.part("more").click()
    listed = page.root.locator(".daam-keys")
    assert listed.is_visible()
    assert {"Space", "Esc", "t"} <= set(listed.locator("dt").all_inner_texts())
    page.page.keyboard.press("Escape")
    assert not listed.is_visible()


def test_a_screen_reader_is_told(explored: Explored, page: Explorer) -> None:
    assert page.root.evaluate(NAMELESS) == []
    live = page.part("live")
    assert live.get_attribute("role") == "status"
    page.part("chip", word=GRASS).click()
    eventually(lambda: "“grass”" in live.inner_text() and "exact map" in live.inner_text())
    assert "“grass”" in str(page.part("image").get_attribute("aria-label"))
    assert page.part("chip", word=GRASS).get_attribute("aria-checked") == "true"
    assert "step 6" in str(page.part("step-hi").get_attribute("aria-valuetext"))
    page.part("image").focus()
    page.page.keyboard.press("ArrowRight")
    eventually(lambda: "percent" in live.inner_text())


def test_less_motion_is_respected(explored: Explored, page: Explorer) -> None:
    check = page.input("contour")
    moving = "node => getComputedStyle(node, '::after').transitionDuration"
    times = []
    for wish in ("reduce", "no-preference"):
        page.page.emulate_media(reduced_motion=wish)
        times.append(check.evaluate(moving))
        explored.notebook.do("explorer.choose(steps=0, interval=50, playing=True)")
        took = page.root.evaluate(
            """root => new Promise(done => {
              const {model} = root.__daam, seen = [];
              const heard = () => {
                seen.push(performance.now());
                if (seen.length < 3) return;
                model.off('change:steps', heard);
                done((seen[2] - seen[1]));
              };
              model.on('change:steps', heard);
            })"""
        )
        explored.notebook.do("explorer.playing = False")
        times.append(took)
    page.page.emulate_media(reduced_motion="reduce")
    still, slow, moved, quick = times
    assert (still, moved) == ("0s", "0.12s")
    assert slow > 600
    assert quick < slow / 2


# --- syntax and Python ----------------------------------------------------------------------------


def arcs_of(page: Explorer) -> list[tuple[str | None, str | None, str]]:
    def text(arc: Locator) -> str:
        return arc.locator("text").inner_html()

    return sorted(
        (one.get_attribute("data-head"), one.get_attribute("data-dependent"), text(one))
        for one in page.part("arc").all()
    )


def test_the_shipped_parsers_arcs_compare_head_and_dependent(
    explored: Explored, page: Explorer
) -> None:
    page.part("syntax").click()
    page.part("arc").first.wait_for()
    parsed = explored.notebook.ask(
        "sorted([str(a.head), str(a.dependent), a.relation] for a in parser(run.prompt.text).arcs)"
    )
    assert arcs_of(page) == [tuple(one) for one in parsed]
    assert "daam_nb caption parser" in (page.part("provenance").text_content() or "")
    head, dependent, relation = next(one for one in parsed if one[2] == "det")
    arc = page.part("arc", head=head, dependent=dependent)
    arc.locator("text").click()
    explored.wait(word=int(head), word_b=int(dependent))
    assert arc.get_attribute("aria-pressed") == "true"
    assert f"is {relation} of" in str(arc.get_attribute("aria-label"))


def test_what_the_hand_chose_is_in_the_numbers_and_files(
    explored: Explored, page: Explorer
) -> None:
    page.part("chip", word=APPLE).click()
    page.tile(5, 2).click()
    page.page.mouse.move(1, 1)
    explored.wait(word=APPLE, layer=5, head=2)
    shown, _ = page.shown()
    peak, area = explored.notebook.ask(
        "explorer.to_frame().set_index('number').loc[4, ['peak', 'area']].tolist()"
    )
    assert peak == pytest.approx(shown.max())
    assert page.part("area").inner_text() == f"{100 * area:.0f} %"
    told = explored.notebook.ask("repr(explorer.to_figure())")
    assert "apple" in told
    written = explored.notebook.ask(
        "[p.stat().st_size for p in [explorer.to_png('here.png', overwrite=True)]]"
    )
    assert written[0] > 1000
