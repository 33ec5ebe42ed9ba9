"""The page and a scripted kernel: at rest, what is shown is of the recording and the selection.

No Python answers here: `scripted_host.js` lets messages and traits arrive late, out of order, one
by one or not at all, exchanges the recording under the page's hands, and restarts its kernel. What
the scripted kernel sends says by its values what it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from daam_nb.show.explorer.export.handout import front_end
from tests.browser.conftest import opened
from tests.browser.explorer import eventually

HOST = Path(__file__).with_name("scripted_host.js")
_LOAD = """([script, style]) => {
  document.head.append(Object.assign(document.createElement('style'), {textContent: style}));
  const url = URL.createObjectURL(new Blob([script], {type: 'text/javascript'}));
  window.bundle = import(url);
}"""
HOW = ("together", "one by one", "bytes first", "facts first")
AT_ONCE = {"delay": 0, "ordered": True, "lost": 0}
SLOW = {"delay": 40, "ordered": True, "lost": 0}
ANY_ORDER = {"delay": 40, "ordered": False, "lost": 0}
LEAKY = {"delay": 10, "ordered": True, "lost": 0.3}
DEAF = {"delay": 0, "ordered": True, "lost": 1}  # until the hands rest
WAYS: dict[str, dict[str, Any]] = {
    "at once": {"up": AT_ONCE, "down": AT_ONCE, "states": AT_ONCE},
    "slow answers": {"up": AT_ONCE, "down": SLOW, "states": AT_ONCE},
    "states behind messages": {"up": AT_ONCE, "down": AT_ONCE, "states": SLOW},
    "any order": {"up": ANY_ORDER, "down": ANY_ORDER, "states": SLOW},
    "dropped": {"up": LEAKY, "down": LEAKY, "states": SLOW},
    "unheard": {"up": AT_ONCE, "down": DEAF, "states": AT_ONCE},
}
# What a test in the page can use: `host`, `root`, and the helpers of `scripted_host.js`.
_WITHIN = """async ([setting, code]) => {
  const host = await show(setting);
  try {
    const Body = Object.getPrototypeOf(async () => {}).constructor;
    return await new Body('host', 'root', code)(host, host.roots[0]);
  } finally {
    host.end();
  }
}"""
# What hands do: with a pointer at rest, with a region, with a ranked grid; and to and fro, so that
# what is here already counts.
POINTING = ["word", "compare", "steps", "head", "all", "point", "point"]
REGIONS = ["word", "steps", "head", "region", "region", "point"]
RANKING = ["word", "steps", "head", "sort", "sort", "threshold"]
TO_AND_FRO = ["word", "word", "compare", "steps", "point"]
ACTS = (POINTING, REGIONS, RANKING, TO_AND_FRO)


def ready(page: Page) -> None:
    """Load the front end and the scripted host into an empty page."""
    page.set_content("<!DOCTYPE html><body style='background: white'></body>")
    page.evaluate(_LOAD, list(front_end()))
    page.add_script_tag(content=HOST.read_text("utf-8"))


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with opened(browser) as (page, _):
        ready(page)
        yield page


def perform(page: Page, **case: Any) -> list[str]:
    base = {"seed": 0, "how": "one by one", "ways": "at once", "views": 1, "count": 12}
    case = {**base, **case}
    case["ways"] = WAYS[case["ways"]]
    wrong: list[str] = page.evaluate("setting => perform(setting)", json.loads(json.dumps(case)))
    return wrong


@pytest.mark.parametrize(("how", "ways", "views"), list(product(HOW, WAYS, (1, 2))))
def test_what_is_shown_at_rest_belongs_to_the_selection(
    page: Page, how: str, ways: str, views: int
) -> None:
    seed = 10 * list(WAYS).index(ways) + views + HOW.index(how)
    acts = ACTS[seed % len(ACTS)]
    assert perform(page, seed=seed, how=how, ways=ways, views=views, acts=acts) == []


@pytest.mark.parametrize(("how", "ways"), list(product(HOW, ("any order", "dropped"))))
def test_another_recording_under_the_hand(page: Page, how: str, ways: str) -> None:
    acts = ["word", "redraw", "word", "python", "point"]
    assert perform(page, seed=5, how=how, ways=ways, views=2, acts=acts, count=20) == []


@pytest.mark.parametrize("ways", WAYS)
def test_another_kernel_under_the_hand(page: Page, ways: str) -> None:
    acts = [*TO_AND_FRO, "restart", "python"]
    assert perform(page, seed=7, ways=ways, views=2, acts=acts) == []


def within(page: Page, code: str, **case: Any) -> Any:
    """Run code in the page beside an explorer of a scripted kernel."""
    case = {"seed": 0, "how": "one by one", "ways": "at once", "views": 1, **case}
    case["ways"] = WAYS[case["ways"]]
    return page.evaluate(_WITHIN, [json.loads(json.dumps(case)), code])


def test_a_refused_choice_is_seen_until_the_hand_chooses_again(page: Page) -> None:
    alert, layer, after = within(
        page,
        """
        clickTile(root, 2, 1);
        await pause(300);
        const notice = part(root, 'notice');
        const seen = [notice.hidden ? '' : notice.textContent, host.model.get('layer')];
        part(root, 'chip', '[data-word="1"]').click();
        await pause(300);
        return [...seen, notice.textContent];
        """,
    )
    assert "Not possible: no head 1. What is shown stands." in alert
    assert layer == -1
    assert after == ""


def test_an_alert_has_a_cause_that_ends_it_and_a_late_answer_is_shown(page: Page) -> None:
    during, wrong = within(
        page,
        """
        host.down.delay = 600;
        host.down.dice = {next: () => 1};
        part(root, 'chip', '[data-word="3"]').click();
        let during = '';
        for (let tries = 0; tries < 25 && !during; tries += 1) {
          await pause(20);
          during = part(root, 'notice').textContent;
        }
        return [during, await wrongAtRest(host)];
        """,
    )
    assert "has not answered yet" in during
    assert wrong == []


def test_a_saved_page_shows_what_was_saved_and_says_that_nobody_is_there(page: Page) -> None:
    before, alert, kind = within(
        page,
        """
        host.model.send = () => { throw new Error('disposed'); };
        const before = await wrongAtRest(host);
        part(root, 'chip', '[data-word="3"]').click();
        await pause(60);
        return [before, part(root, 'notice').textContent, root.dataset.kind];
        """,
    )
    assert before == []
    assert "There is no kernel behind this page" in alert
    assert kind == "waiting"


def test_a_tile_that_is_pointed_at_is_named_and_compared_with_nothing(page: Page) -> None:
    status, hidden, again = within(
        page,
        """
        overTile(root, 'pointermove', 1, 0);
        await pause(300);
        const seen = [part(root, 'status').textContent, part(root, 'iou').parentElement.hidden];
        part(root, 'atlas').dispatchEvent(new PointerEvent('pointerleave'));
        return [...seen, await wrongAtRest(host)];
        """,
        traits={"word_b": 2},
    )
    assert "“one0” · one layer 1, head 0 · steps 2–11 · peak" in status
    assert "one tile" in status
    assert hidden
    assert again == []


def test_a_region_is_asked_for_once(page: Page) -> None:
    asked = within(
        page,
        """
        for (let i = 0; i < 5; i++) {
          pointer(root, 'pointermove', [0.5, i / 10]);
          await pause(15);
        }
        HANDS.region(host, root, {next: () => 0.5});
        await pause(100);
        pointer(root, 'pointermove', [0.2, 0.2]);
        await pause(60);
        return host.asked.filter(want => want.includes('region')).length;
        """,
    )
    assert asked == 1


@pytest.mark.parametrize("views", [1, 2])
def test_two_views_play_no_faster_than_one(browser: Browser, views: int) -> None:
    with opened(browser, reduced_motion="no-preference") as (page, _):
        ready(page)
        steps, tiles = within(
            page,
            """
            let steps = 0;
            host.model.on('change:steps', () => steps++);
            const asked = host.asked.length;
            part(root, 'play').click();
            await pause(700);
            part(root, 'play').click();
            return [steps, host.asked.slice(asked).filter(want => want.includes('tiles')).length];
            """,
            views=views,
            traits={"interval": 100},
        )
    assert 3 <= steps <= 8  # the first step is chosen by the click
    assert tiles == 0


BACKGROUNDS = {
    "color(srgb 1 1 1)": "light",
    "color(srgb 0.05 0.05 0.08)": "dark",
    "oklch(0.98 0.01 250)": "light",
    "oklch(0.2 0.02 250)": "dark",
    "lab(97% 0 0)": "light",
    "lab(10% 0 0)": "dark",
    "color-mix(in oklab, white 90%, black)": "light",
    "color-mix(in srgb, black 90%, white)": "dark",
    "hsl(0 0% 96%)": "light",
    "rgb(20 20 20 / 0.9)": "dark",
    "transparent": "light",
}


def test_the_theme_is_that_of_the_background_in_any_form_of_css(page: Page) -> None:
    page.emulate_media(color_scheme="dark")  # the system's wish is not the page's color
    themes = within(
        page,
        f"""
        const themes = {{}};
        const before = document.body.style.background;
        for (const [color, theme] of Object.entries({json.dumps(BACKGROUNDS)})) {{
          document.body.style.background = color;
          document.body.classList.toggle('changed');
          for (let i = 0; i < 50 && (i < 3 || root.dataset.theme !== theme); i++) await pause(20);
          themes[color] = root.dataset.theme;
        }}
        document.body.style.background = before;
        return themes;
        """,
        traits={"theme": "auto"},
    )
    page.emulate_media(color_scheme="light")
    assert themes == BACKGROUNDS


def test_a_class_of_the_page_repaints_nothing(page: Page) -> None:
    drawn = within(
        page,
        """
        await wrongAtRest(host);
        await pause(500);
        const before = root.dataset.seq;
        document.body.classList.toggle('dragged');
        await pause(500);
        return Number(root.dataset.seq) - Number(before);
        """,
        traits={"theme": "auto"},
    )
    assert drawn == 0


def test_another_number_of_dots_repaints_everything(page: Page) -> None:
    case = {"seed": 0, "how": "together", "ways": WAYS["at once"], "views": 1}
    page.evaluate("async setting => { window.host = await show(setting); }", case)
    sizes = "() => ['image', 'atlas-tiles', 'strip'].map(n => part(host.roots[0], n).width)"
    assert page.evaluate("() => wrongAtRest(host)") == []
    before = page.evaluate(sizes)
    session = page.context.new_cdp_session(page)
    # As wide as before: nothing but the dots gives a reason.
    metrics = {"width": 1300, "height": 1500, "mobile": False, "deviceScaleFactor": 2}
    session.send("Emulation.setDeviceMetricsOverride", metrics)
    eventually(lambda: all(p > 1.9 * q for p, q in zip(page.evaluate(sizes), before, strict=True)))
    session.send("Emulation.clearDeviceMetricsOverride")
    page.evaluate("() => host.end()")
