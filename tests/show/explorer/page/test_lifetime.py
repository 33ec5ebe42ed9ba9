"""How long explorers live in the kernel: closed, replaced, shown again."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import ipywidgets
import pytest

from daam_nb.maps import heat_maps
from daam_nb.show.explorer import explore
from daam_nb.show.explorer.model.engine import WORKING
from daam_nb.show.explorer.page.lifetime import cell_now, open_widgets, parts_of
from tests.show.explorer.opened import TEXT, first_parts, opened
from tests.tiny_recordings import tiny_recording

Run = Callable[[str], None]


@pytest.fixture(autouse=True)
def nothing_before() -> Iterator[None]:
    ipywidgets.Widget.close_all()
    yield
    ipywidgets.Widget.close_all()


@pytest.fixture
def run_cell(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Pretend that a cell is run: what comes after is in it. "" is a callback of the page."""
    shell = SimpleNamespace(get_parent=lambda: parent)
    parent: dict[str, Any] = {}
    ipython = SimpleNamespace(get_ipython=lambda: shell, version_info=(9, 0))  # as matplotlib asks
    monkeypatch.setitem(sys.modules, "IPython", ipython)

    def run(cell: str) -> None:
        number = run.count = getattr(run, "count", 0) + 1  # type: ignore[attr-defined]
        kind = "execute_request" if cell else "comm_msg"
        parent["header"] = {"msg_type": kind, "msg_id": f"run-{number}"}
        parent["metadata"] = {"cellId": cell} if cell else {}

    return run


def show(widget: Any) -> Any:
    """What IPython does with the last line of a cell; the name of the model that is shown."""
    bundle = widget._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    return data["application/vnd.jupyter.widget-view+json"]["model_id"]


def compared() -> Any:
    return explore(*(tiny_recording(TEXT, steps=3, seed=n) for n in (0, 1)), parser=False)


def told() -> int:
    """As a page does that is loaded again: ask for the state of all; how many there are."""
    return len(ipywidgets.Widget.get_manager_state()["state"])


def test_closing_leaves_nothing() -> None:
    opened().close()
    assert told() == 0
    compared().close()
    assert told() == 0


def test_closing_lets_go_of_what_was_sent() -> None:
    explorer = opened()
    assert explorer._first
    explorer.close()
    assert not any((explorer._first, explorer._images))
    explorer.close()  # as often as one likes


@pytest.mark.parametrize("make", [opened, compared])
def test_what_is_closed_leaves_the_boxes_that_hold_it(make: Callable[[], Any]) -> None:
    """Else the box cannot tell its state, and no widget of the notebook comes back."""
    gone, stays = make(), opened()
    box = ipywidgets.HBox([gone, stays])
    gone.close()
    assert box.children == (stays,)
    assert told() == len(parts_of(box))


def test_links_to_what_is_closed_end() -> None:
    pair = opened(), opened()
    ipywidgets.jslink((pair[0], "word"), (pair[1], "word"))
    ipywidgets.jsdlink((pair[1], "steps"), (pair[0], "steps"))
    before = told()
    pair[0].close()
    assert told() == before - 4  # it, its layout, two links
    pair[1].word = 2


def test_a_layout_of_two_is_kept_for_the_other() -> None:
    layout = ipywidgets.Layout(width="50%")
    one, other = opened(), opened()
    one.layout = other.layout = layout
    one.close()
    assert layout in open_widgets()
    assert told() > 0
    other.close()
    assert layout not in open_widgets()


def test_a_name_of_what_is_closed_does_not_fail() -> None:
    """A holder that we do not know of can still tell its state."""
    explorer = opened()
    name = explorer.model_id
    explorer.close()
    assert explorer.model_id == name


@pytest.mark.parametrize("make", [opened, compared])
def test_what_a_cell_showed_rests_when_it_is_run_again(
    run_cell: Run, make: Callable[[], Any]
) -> None:
    made = []
    for _ in range(5):
        run_cell("a")
        made.append(make())
        show(made[-1])
    assert told() == len(parts_of(made[-1]))
    engine = getattr(made[0], "left", made[0]).engine
    assert not (engine._stacks or engine._tiles or engine._exact or engine._all)
    assert not getattr(made[0], "left", made[0])._first
    kept = weakref.ref(made[0])
    del made[0], engine
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("make", [opened, compared])
def test_what_rests_comes_back_with_its_name_and_choices(
    run_cell: Run, make: Callable[[], Any]
) -> None:
    run_cell("a")
    first = make()
    name = show(first)
    run_cell("a")
    show(opened())
    assert first not in open_widgets()
    explorer = getattr(first, "left", first)
    explorer.choose(word="fox", steps=slice(0, 2))  # from Python all goes on
    run_cell("b")
    assert show(first) == name
    assert first in open_widgets()
    assert explorer.words[explorer.word].text == "fox"
    state = explorer.get_state()
    assert tuple(state["steps"]) == (0, 2)
    assert state["_first"] == explorer._first
    assert first_parts(explorer)["exact"][0]["key"] == explorer.selected.key
    fresh = first_parts(opened(explorer.run, word="fox"))
    assert first_parts(explorer)["stack"] == fresh["stack"]
    told()


def test_what_rests_wakes_in_a_box(run_cell: Run) -> None:
    run_cell("a")
    first = opened()
    run_cell("a")
    opened()
    assert first not in open_widgets()
    assert not first._first
    box = ipywidgets.VBox([first])
    assert first in open_widgets()
    assert first_parts(first)["exact"][0]["key"] == first.selected.key
    assert told() == len(open_widgets())
    assert f"IPY_MODEL_{first.model_id}" in box.get_state()["children"]


def test_what_another_cell_shows_stays(run_cell: Run) -> None:
    run_cell("a")
    first = opened()
    run_cell("b")
    show(first)
    run_cell("a")
    second = opened()
    assert first in open_widgets()
    run_cell("b")
    show(second)
    assert first not in open_widgets()


def test_several_of_one_run_stay(run_cell: Run) -> None:
    run_cell("a")
    made = [opened() for _ in range(3)]
    for one in made:
        show(one)
    assert set(made) <= set(open_widgets())


def test_what_a_box_holds_stays_and_rests_when_it_is_closed(run_cell: Run) -> None:
    run_cell("a")
    first = opened()
    box = ipywidgets.VBox([first])
    run_cell("a")
    opened()
    assert first in open_widgets()
    box.close()
    run_cell("a")
    opened()
    assert first not in open_widgets()


def test_what_is_shown_where_one_cannot_know_stays(run_cell: Run) -> None:
    run_cell("a")
    first, second = opened(), opened()
    output = ipywidgets.Output()
    output.msg_id = cell_now()[1]  # type: ignore[index]
    show(second)
    output.msg_id = ""
    run_cell("")
    assert cell_now() is None
    show(first)
    run_cell("a")
    opened()
    assert {first, second} <= set(open_widgets())


def test_without_a_notebook_nothing_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert cell_now() is None
    made = [opened() for _ in range(3)]
    for one in made:
        show(one)
    assert set(made) <= set(open_widgets())


def test_a_half_of_a_comparison_that_is_shown_alone_wakes(run_cell: Run) -> None:
    run_cell("a")
    both = compared()
    run_cell("a")
    opened()
    assert both.left not in open_widgets()
    run_cell("b")
    show(both.left)
    assert both.left in open_widgets()
    assert both.right in open_widgets()  # A's page shows both
    show(both)
    assert set(parts_of(both)) <= set(open_widgets())
    told()


def test_of_many_open_ones_only_the_last_used_keep_their_maps() -> None:
    made = [opened(tiny_recording(TEXT, steps=2)) for _ in range(WORKING + 3)]
    made[0].word = "snow"
    kept = [bool(one.engine._stacks or one.engine._exact) for one in made]
    assert sum(bool(one.engine._exact) for one in made) == WORKING
    assert kept[0]
    assert kept[-1]
    assert not kept[1]
    before = made[1].engine.exact(made[1].selected).values
    assert (before == heat_maps(made[1].run).word(made[1].words[made[1].word].text).values).all()
