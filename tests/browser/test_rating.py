"""The rating page in a real JupyterLab, by keys alone: answer, go back, skip, finish, go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from tests.browser.conftest import opened
from tests.browser.explorer import eventually
from tests.browser.lab import Notebook, open_notebook, write_notebook
from tests.browser.servers import Server
from tests.browser.watching import Watch

HOSTILE = (
    '<script>window.hacked=1</script> <img src=x onerror=window.hacked=1> a "red"\ncat {{7*7}}'
)
CELLS = (
    "import ipywidgets, json\nfrom daam_nb.studies import rating\n"
    "from tests.studies.rating.raters import item_at, pairs, words",
    "box = ipywidgets.VBox()\nbox",
)
ROOT = "[data-testid=rating]"
BACK_IN_TIME = 20_000  # milliseconds


@pytest.fixture(scope="module")
def lab(browser: Browser, server: Server) -> Iterator[tuple[Notebook, Watch]]:
    with opened(browser) as (page, watch):
        write_notebook(server.notebooks / "rating.ipynb", *CELLS)
        notebook = open_notebook(page, server, "rating.ipynb")
        notebook.run_all()
        yield notebook, watch


@pytest.fixture
def notebook(lab: tuple[Notebook, Watch]) -> Iterator[Notebook]:
    notebook, watch = lab
    yield notebook
    watch.check()
    notebook.do("gone, box.children = box.children, []\nfor child in gone: child.close()")
    eventually(lambda: notebook.page.locator(ROOT).count() == 0)


def show(notebook: Notebook, deck: str, into: Path, *, rater: str = "anna") -> Locator:
    """Open a page and give it the keys."""
    notebook.do(
        f"page = rating.rate({deck}, rater={rater!r}, into={str(into)!r})\nbox.children = [page]"
    )
    return taking_keys(notebook.page)


def taking_keys(page: Page) -> Locator:
    root = page.locator(ROOT)
    root.wait_for(timeout=60_000)
    root.focus()
    return root


def ready(root: Locator, screen: str = "card") -> Locator:
    """Wait until the card can be answered."""
    expect(root).to_have_attribute("data-screen", screen, timeout=30_000)
    expect(root).to_have_attribute("data-ready", "true", timeout=30_000)
    return root


def press(root: Locator, key: str, *, screen: str = "card") -> None:
    """Press a key, and wait for the next card."""
    turn = ready(root).get_attribute("data-turn")
    root.page.keyboard.press(key)
    expect(root).not_to_have_attribute("data-turn", turn or "", timeout=30_000)
    ready(root, screen)


def answers(notebook: Notebook) -> list[list[str]]:
    """Number of the row, act, answer and reason, as they stand in the file."""
    rows = "rating.ratings(page.asker.path.parent, skipped=True)"
    return list(
        notebook.ask(f"sorted({rows}[['number', 'act', 'answer', 'reason']].values.tolist())")
    )


def part(root: Locator, name: str) -> Locator:
    return root.locator(f"[data-testid={name}]")


def cells(notebook: Notebook) -> int:
    return int(
        notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length")
    )


def test_scores_by_keys_with_a_reload_on_the_way(notebook: Notebook, tmp_path: Path) -> None:
    root = show(notebook, "words('a red fox')", tmp_path)
    page = notebook.page
    ready(root, "instructions")
    assert "anna: 0 of 3 answered" in root.inner_text()
    page.keyboard.press("Enter")
    press(root, "4")
    assert part(root, "count").inner_text() == "2 of 3"
    press(root, "ArrowLeft")  # back
    assert "This is your answer" in part(root, "given").inner_text()
    assert root.locator("[aria-pressed=true]").get_attribute("data-value") == "4"
    press(root, "2")  # another answer takes its place; on to the first that is open
    assert part(root, "count").inner_text() == "2 of 3"
    assert answers(notebook) == [[2, "answer", "2", ""]]

    notebook.save()
    notebook.ask("0")
    root = reloaded(page)
    assert "1 of 3 answered" in root.inner_text()
    page.keyboard.press("Enter")
    ready(root)
    page.keyboard.press("s")
    expect(root).to_have_attribute("data-screen", "skipping")
    page.keyboard.press("Escape")
    ready(root)
    page.keyboard.press("s")
    page.keyboard.press("t")
    page.keyboard.type("blurred, by 1 pixel: ibs")  # letters are letters here
    turn = root.get_attribute("data-turn")
    page.keyboard.press("Enter")
    expect(root).not_to_have_attribute("data-turn", turn or "")
    press(root, "5", screen="end")
    assert "3 of 3 answered, 1 of them skipped. Saved in anna-" in part(root, "end").inner_text()
    assert answers(notebook) == [
        [2, "answer", "2", ""],
        [3, "skip", "", "blurred, by 1 pixel: ibs"],
        [4, "answer", "5", ""],
    ]
    assert cells(notebook) == len(CELLS)  # the notebook's own keys did nothing


def reloaded(page: Page) -> Locator:
    """The page after it was loaded again; JupyterLab now and then shows it at the second time."""
    for _ in range(2):
        page.reload()
        try:
            page.wait_for_selector(ROOT, timeout=BACK_IN_TIME)
        except TimeoutError:
            continue
        break
    root = taking_keys(page)
    return ready(root, "instructions")


def test_both_one_neither_by_letters_and_numbers(notebook: Notebook, tmp_path: Path) -> None:
    root = show(notebook, "pairs(6)", tmp_path, rater="ben")
    page = notebook.page
    page.keyboard.press("Enter")
    ready(root)
    assert part(root, "ask").inner_text() == "Does the image show “cat” and “dog”?"
    assert part(root, "images").locator("img").count() == 1
    assert not part(root, "prompt").is_visible()
    for place, key in enumerate("bon210", 1):
        press(root, key, screen="end" if place == 6 else "card")
    given = [row[2] for row in answers(notebook)]
    assert given == ["both", "one", "neither", "both", "one", "neither"]
    assert cells(notebook) == len(CELLS)  # "b" makes a cell in a notebook, outside


def test_a_prompt_is_text_and_nothing_tells_the_condition(
    notebook: Notebook, tmp_path: Path
) -> None:
    root = show(notebook, f"words({HOSTILE!r}, controls=3)", tmp_path, rater="<b id=bold>x</b>")
    page = notebook.page
    assert "<b id=bold>x</b>: 0 of" in root.inner_text()
    page.keyboard.press("Enter")
    ready(root)
    assert part(root, "prompt").text_content() == HOSTILE
    word = part(root, "prompt").locator("mark").text_content()
    assert word == notebook.ask("item_at(page).facts['word']")
    assert page.evaluate("() => window.hacked") is None
    assert root.locator("script, img[src=x], #bold").count() == 0
    markup = root.evaluate("root => root.outerHTML")
    for secret in ("seed", "tiny/by-hand", "control", "down and up"):
        assert secret not in markup
    assert notebook.ask("item_at(page).run.key") not in markup


PRESSED_AT_THE_NEXT_CARD = """root => {
  const watcher = new MutationObserver(() => {
    watcher.disconnect();
    const key = {key: '3', code: 'Digit3', bubbles: true};
    root.dispatchEvent(new KeyboardEvent('keydown', key));
    root.dataset.pressed = 'true';
  });
  watcher.observe(root, {attributes: true, attributeFilter: ['data-turn']});
}"""


def test_a_key_that_is_held_or_pressed_twice_answers_once(
    notebook: Notebook, tmp_path: Path
) -> None:
    root = show(notebook, "words('a red fox')", tmp_path)
    page = notebook.page
    page.keyboard.press("Enter")
    turn = ready(root).get_attribute("data-turn")
    root.evaluate(PRESSED_AT_THE_NEXT_CARD)  # which nobody can have seen
    page.keyboard.down("3")
    for _ in range(5):
        page.keyboard.down("3")  # as a key that is held repeats
    page.keyboard.up("3")
    expect(root).not_to_have_attribute("data-turn", turn or "")
    expect(root).to_have_attribute("data-pressed", "true")
    ready(root)
    assert len(answers(notebook)) == 1


def test_by_mouse_large_dark_and_what_is_said(notebook: Notebook, tmp_path: Path) -> None:
    root = show(notebook, "words('a red fox')", tmp_path)
    page = notebook.page
    part(root, "go").click()
    ready(root)
    turn = root.get_attribute("data-turn")
    root.locator("[data-value='3']").click()
    expect(root).not_to_have_attribute("data-turn", turn or "")
    ready(root)
    assert root.evaluate("root => root === document.activeElement")  # Enter answers nothing
    assert answers(notebook)[0][2] == "3"
    said = part(root, "live").text_content() or ""
    assert said.startswith("2 of 3. Sentence: a red fox. How well do the colored places fit")
    assert "1: Bad" in said and "5: Excellent" in said
    assert [image.get_attribute("alt") for image in root.locator("img").all()] == [
        "The image",
        "The same image in gray, with the word’s colors over it",
    ]
    page.keyboard.press("l")
    expect(root).to_have_attribute("data-large", "true")
    for theme in ("dark", "light"):
        page.keyboard.press("d")
        expect(root).to_have_attribute("data-theme", theme)
        eventually(lambda theme=theme: notebook.ask("[page.theme, page.large]") == [theme, True])
    page.keyboard.press("i")
    expect(root).to_have_attribute("data-screen", "instructions")
    page.keyboard.press("i")
    ready(root)
    page.mouse.click(1, 1)
    expect(part(root, "off")).to_be_visible()


def test_an_answer_that_cannot_be_kept_is_told(notebook: Notebook, tmp_path: Path) -> None:
    root = show(notebook, "words('a red fox')", tmp_path)
    page = notebook.page
    page.keyboard.press("Enter")
    turn = ready(root).get_attribute("data-turn")
    notebook.do(
        "from daam_nb.show.rating import Given\n"
        "other = rating.Session(words('a red fox'), rater='anna', into=page.asker.path.parent)\n"
        "other.give(1, Given('1'), seconds=1.0)"
    )
    page.keyboard.press("4")
    expect(part(root, "notice")).to_contain_text("Not saved: anna-")
    expect(part(root, "notice")).to_contain_text("another page on which")
    assert ready(root).get_attribute("data-turn") == turn
    press(root, "4")
    assert part(root, "notice").inner_text() == ""
    assert [row[2] for row in answers(notebook)] == ["1", "4"]
