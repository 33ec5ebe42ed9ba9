"""One table of controls: Python, the page and the documents say the same of each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import daam_nb
from daam_nb.errors import DaamError
from daam_nb.show.explorer.controls import BY_NAME, CHOICES, CONTROLS, SELECTION, read_choices
from daam_nb.show.explorer.model.subject import subject_of
from daam_nb.show.explorer.page.comparing import LOOKS, NETWORK, STEPS, WORDS
from daam_nb.show.explorer.page.widget import Explorer
from tests.show.explorer.opened import TEXT, opened
from tests.tiny_recordings import tiny_recording

ROOT = Path(daam_nb.__file__).parent.parent
SCRIPT, DOCUMENT = ROOT / "js" / "src" / "controls.data.js", ROOT / "docs" / "explorer.md"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="the package alone is installed")
RENEW = "Run `python -m scripts.explorer_controls`, then `make js`."


def of_page() -> dict[str, dict[str, Any]]:
    """What the page knows of each control."""
    rows = re.findall(r"^  (\w+): (\{.*\}),$", SCRIPT.read_text(encoding="utf-8"), re.M)
    return {name: json.loads(row) for name, row in rows}


def test_python_and_the_page_have_the_same_defaults() -> None:
    page = of_page()
    assert tuple(page) == CHOICES, RENEW
    for control in CONTROLS:
        trait = Explorer.class_traits()[control.name]
        in_python = trait.metadata["to_json"](trait.default_value)
        assert page[control.name]["default"] == json.loads(json.dumps(in_python)), RENEW
        assert page[control.name] == json.loads(json.dumps(control.for_page())), RENEW


def test_the_documents_table_is_that_of_the_controls() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    table = document.split("<!-- controls")[1].split("<!-- end of controls")[0]
    rows = re.findall(r"^\| `(\w+)` \|", table, re.M)
    assert tuple(rows) == CHOICES, RENEW


def test_each_default_is_a_value_of_its_control() -> None:
    subject, _ = subject_of(tiny_recording(TEXT))
    for control in CONTROLS:
        if control.name != "steps":  # those of the recording
            assert control.kind.read(control.default, subject) == control.default
        if control.panel:
            assert control.label


def test_inputs_stand_in_the_tables_order() -> None:
    panels = {"look": "opacity threshold contour follow_step colormap view difference_scale"}
    panels |= {"more": "theme projector", "tiles": "tile_show tile_scale"}
    panels |= {"words": "word_order"}
    for panel, names in panels.items():
        assert [control.name for control in CONTROLS if control.panel == panel] == names.split()


def test_no_other_part_of_the_page_has_an_id_like_an_inputs() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in SCRIPT.parent.glob("*.js")}
    assert "`control-${name}`" in sources.pop("inputs.js")
    for name, text in sources.items():
        assert not re.search(r"[\"'`]control-", text), name


def test_every_control_has_one_way_of_being_linked() -> None:
    linked = [*LOOKS, *WORDS, *STEPS, *NETWORK]
    assert sorted(linked) == sorted({*CHOICES} - {"playing", "saved"})
    assert set(SELECTION) == {"word", *STEPS, *NETWORK}


def test_choices_are_read_as_the_widget_reads_them() -> None:
    run = tiny_recording(TEXT, steps=5)
    subject, choice = subject_of(run)
    explorer = opened(run)
    values = read_choices(subject, {"choice": choice})
    assert values == {name: getattr(explorer, name) for name in CHOICES}
    wanted = {"word": "snow", "steps": slice(1, 3), "layer": 1, "head": 0, "opacity": 1}
    assert read_choices(subject, wanted) | {"choice": explorer.choice} == {
        name: getattr(explorer.choose(**wanted), name) for name in CHOICES
    }


@pytest.mark.parametrize("name", CHOICES)
def test_a_value_of_another_kind_is_refused_by_the_name_of_the_control(name: str) -> None:
    subject, _ = subject_of(tiny_recording(TEXT))
    with pytest.raises(DaamError, match=f"^{name}: "):
        read_choices(subject, {name: object()})
    assert BY_NAME[name].name == name
