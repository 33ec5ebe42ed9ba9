"""to_html: one file that holds all it needs, asks nothing of anyone, and says what it lacks."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import daam_nb
from daam_nb.errors import RecordingExistsError, SelectionError
from daam_nb.head_tables import HeadTable
from daam_nb.maps import heat_maps
from daam_nb.prompt import Prompt
from daam_nb.show.explorer.export import handout
from daam_nb.show.explorer.export.filters import restored, smallest
from daam_nb.show.explorer.model.container import unpack
from daam_nb.show.explorer.model.likeness import likeness_order
from daam_nb.show.explorer.page.widget import Explorer
from tests.real_sizes import real_size
from tests.show.explorer.opened import TEXT, opened
from tests.tiny_recordings import tiny_recording, with_effects


class Page(HTMLParser):
    """The parts of a page, as a browser splits it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.parts:
            tag, attrs, text = self.parts[-1]
            self.parts[-1] = (tag, attrs, text + data)

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, text) for name, attrs, text in self.parts if name == tag]

    @property
    def holds(self) -> str:
        """What it says at its top of what is in it."""
        ((_, short),) = self.all("summary")
        return " ".join([short, *(text for _, text in self.all("p"))])

    @property
    def state(self) -> dict[str, Any]:
        (text,) = [text for attrs, text in self.all("script") if attrs.get("id") == "state"]
        header, parts = unpack(base64.b64decode(json.loads(text)))
        state: dict[str, Any] = {**header, "stack": {}, "exact": {}, "tiles": {}, "image": {}}
        for part, raw in parts:
            kept = {**part, "data": restored(part, raw)}
            state.setdefault(part["name"], {})[part["key"]] = kept
        return state


def page(explorer: Explorer, **options: Any) -> str:
    """The hand-out of what an explorer shows."""
    explorer.ask_for_parse()
    return handout.page(explorer.look, **options)


def levels(entry: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(entry["data"], np.uint8).reshape(entry["shape"])


def test_the_sample_is_one_small_file(tmp_path: Path) -> None:
    path = tmp_path / "hand-out.html"
    explorer = opened(daam_nb.sample())
    assert explorer.to_html(path) == path
    assert path.stat().st_size < 5_000_000
    shown = Page(path.read_text("utf-8"))
    facts = explorer.run.facts
    words = " ".join(text for _, _, text in shown.parts)
    for told in (explorer.run.prompt.text, f"seed {facts.seed}", facts.model, "daam_nb 0."):
        assert told in words
    with pytest.raises(RecordingExistsError, match="overwrite=True"):
        explorer.to_html(path)
    explorer.to_html(path, overwrite=True)
    with pytest.raises(SelectionError, match=r"to end in '.html'"):
        explorer.to_html(tmp_path / "hand-out.htm")


def test_it_asks_nothing_of_anyone() -> None:
    text = page(opened())
    shown = Page(text)
    (policy,) = [
        attrs["content"] for attrs, _ in shown.all("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]  # fmt: skip
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http:" not in policy
    for tag, kind in (("style", "style-src"), ("script", "script-src")):
        written = re.search(rf"<{tag}(?: type=\"module\")?>(.*?)</{tag}>", text, re.S)
        assert written is not None
        digest = base64.b64encode(hashlib.sha256(written[1].encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert not [tag for tag, attrs, _ in shown.parts if "src" in attrs or "href" in attrs]


def test_its_maps_are_those_of_the_explorer() -> None:
    explorer = opened(tiny_recording(TEXT, steps=4), word="fox", steps=slice(1, 3))
    state = Page(page(explorer)).state
    words = [n for n, one in enumerate(explorer.words) if one.kept and not one.special]
    for word in words:
        stack = explorer.engine.stack(explorer.subject and _whole(explorer, word))
        entry = state["stack"][stack.key]
        np.testing.assert_array_equal(levels(entry), stack.levels)
        assert entry["scales"] == list(stack.scales)
    exact = state["exact"][explorer.selected.key]
    values = np.frombuffer(exact["data"], "<f4").reshape(exact["shape"])
    expected = heat_maps(explorer.run, steps=(1, 2)).word("fox").values.numpy()
    np.testing.assert_array_equal(values, expected)
    assert state["traits"]["steps"] == [1, 3]
    assert state["run"] == state["facts"]["run"] == "handout"
    assert state["image"][""]["data"] == unpack(explorer._images)[1][0][1]
    assert f"[{explorer.word},0,4]" in state["tiles"]


def _whole(explorer: Any, word: int) -> Any:
    from dataclasses import replace

    return replace(explorer.selected, word=word, layer=-1, head=-1)


def test_small_recordings_are_embedded_whole() -> None:
    explorer = opened(tiny_recording(TEXT, steps=3))
    state = Page(page(explorer)).state
    assert '[2,"",1,1]' in state["stack"]  # what does not depend on the choice stands once
    assert '[2,"all",-1,1]' in state["stack"]
    assert len(state["facts"]["embedded"]) == 5 + 2 + 10
    assert "Left out" not in Page(page(explorer)).holds


def test_what_has_no_room_is_left_out_and_said() -> None:
    explorer = opened(tiny_recording(TEXT, steps=40))
    whole = len(page(explorer))
    limit = whole - 100_000
    text = page(explorer, embed=[(4, 1), (-1, 1)], max_bytes=limit)
    assert len(text.encode()) <= limit
    state = Page(text).state
    embedded = [(one["layer"], one["head"]) for one in state["facts"]["embedded"]]
    assert embedded[:2] == [(4, 1), (-1, 1)]
    assert len(embedded) < 17
    assert '[2,"",4,1]' in state["stack"]
    assert '[2,"",3,1]' not in state["stack"]
    said = f"Left out of this page: single steps of {17 - len(embedded)} of 17 layers and heads"
    assert said in Page(text).holds
    assert "every one of 10 heads" in Page(text).holds


def test_the_least_is_there_whatever_the_limit() -> None:
    explorer = opened(tiny_recording(TEXT, steps=3), layer=0, head=1)
    state = Page(page(explorer, max_bytes=0)).state
    assert '[5,"paper",-1,-1]' in state["stack"]
    assert '[5,"",0,1]' in state["stack"]
    assert list(state["facts"]["choices"]) == ["paper"]
    assert "the layers “all”" in Page(page(explorer, max_bytes=0)).holds


@pytest.mark.parametrize("heads", [[3], [(0, 9)], [("nowhere", 0)], [(0.0, 1)], [(99, 0)]])
def test_heads_that_do_not_exist_are_refused(heads: Any) -> None:
    with pytest.raises(SelectionError):
        page(opened(), embed=heads)


def test_heads_are_named_by_their_layer() -> None:
    explorer = opened(tiny_recording(TEXT, steps=3))
    name = explorer.run.layers[2].name
    state = Page(page(explorer, embed=[(name, 1)], max_bytes=0)).state
    assert state["facts"]["embedded"] == [{"layer": 2, "head": 1}]


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script> </script> fox", "\"'&amp; <!-- fox", "🦊 שועל fox"]
)
def test_prompts_are_text(text: str) -> None:
    explorer = opened(tiny_recording(text, length=30), word="fox")
    written = page(explorer)
    assert "<script>alert" not in written
    assert len(re.findall(r"<script\b", written)) == 2
    shown = Page(written)
    assert shown.all("h1")[0][1].strip() == text
    assert shown.state["facts"]["prompt"] == text


def test_specials_shown_now_are_in_it() -> None:
    explorer = opened()
    start = next(n for n, one in enumerate(explorer.words) if one.kind == "start")
    explorer.word_b = start
    state = Page(page(explorer)).state
    kept = [n for n, one in enumerate(state["facts"]["words"]) if one["kept"]]
    assert start in kept
    assert f'[{start},"paper",-1,-1]' in state["stack"]


def test_a_sum_has_exact_maps_alone() -> None:
    state = Page(page(opened(tiny_recording(TEXT, kept="sum")))).state
    assert '[1,"paper",-1,-1,0,1]' in state["exact"]
    assert "preview" not in Page(page(opened(tiny_recording(TEXT, kept="sum")))).holds


def test_why_there_is_no_parse_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason may name folders of the machine, which are nobody else's business."""
    from daam_nb.errors import MissingParserError
    from daam_nb.show.explorer.model import syntax

    def load_parser() -> None:
        raise MissingParserError("not in /home/someone/secret")

    monkeypatch.setattr(syntax, "load_parser", load_parser)
    explorer = opened(parser=None)
    state = Page(page(explorer)).state
    assert state["facts"]["syntax"]["state"] == "none"
    assert "/home" not in json.dumps(state["facts"])
    assert "/home/someone" in explorer._facts["syntax"]["note"]


def test_grids_of_other_words_give_way_and_it_is_said() -> None:
    explorer = opened(tiny_recording(TEXT, steps=3), word="fox")
    state = Page(page(explorer, max_bytes=0)).state
    assert list(state["tiles"]) == ["[2,0,3]"]
    said = Page(page(explorer, max_bytes=0)).holds
    assert "the grids of heads of “a”, “red”" in said
    assert "“fox”" not in said
    assert not state["facts"]["from_tiles"]


def test_maps_of_single_heads_are_exact_over_the_steps_first_shown() -> None:
    explorer = opened(steps=slice(1, 3))
    state = Page(page(explorer)).state
    head = explorer.subject.layers[0].heads - 1
    kept = {key for key in state["exact"] if json.loads(key)[2:4] == [0, head]}
    assert {tuple(json.loads(key)[4:]) for key in kept} == {(1, 3)}


def test_tokens_that_stand_for_every_word_are_refused() -> None:
    run = tiny_recording(" ".join("abcdefghijklm"), length=12)  # 10 tokens of text, 13 words
    text = run.prompt.text
    tokens = [
        token if token.special else replace(token, span=(0, len(text)))
        for token in run.prompt.tokens
    ]
    run = replace(run, prompt=Prompt(text, tuple(tokens)))
    with pytest.raises(
        SelectionError,
        match=r"The 13 words .* averages of 130 tokens, and only 12 were recorded: each would "
        r"stand for 11 words, where 8 are the most.*explorer\.to_png",
    ):
        page(opened(run, word=0))


def test_more_maps_than_a_page_can_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = opened()
    words = sum(len(word.tokens) for word in explorer.words if word.kind == "word" and word.kept)
    numbers = words * 10 * 8 * 12  # of 5 layers with 2 heads each, on 8 x 12
    monkeypatch.setattr("daam_nb.show.explorer.export.contents.MAX_NUMBERS", numbers)
    assert page(explorer)
    monkeypatch.setattr("daam_nb.show.explorer.export.contents.MAX_NUMBERS", numbers - 1)
    with pytest.raises(SelectionError, match=r"10 heads on a grid of 8 x 12.*explorer\.to_png"):
        page(explorer)


def test_signs_that_turn_the_direction_are_shown() -> None:
    run = tiny_recording("a fox \u202egnp\u2066 dog")
    explorer = opened(replace(run, facts=replace(run.facts, scheduler="DDIM\u202e")), word="fox")
    written = page(explorer)
    shown = Page(written)
    assert shown.all("h1")[0][1].strip() == "a fox \ufffdgnp\ufffd dog"
    assert shown.state["facts"]["prompt"] == "a fox \ufffdgnp\ufffd dog"
    assert not any(
        turn in written + json.dumps(shown.state["facts"], ensure_ascii=False)
        for turn in "\u202e\u2066"
    )


def test_maps_are_as_they_were_whatever_filter_made_them_small() -> None:
    chance = np.random.default_rng(0)
    smooth = (np.add.outer(np.arange(40), np.arange(30)) * 3 % 256).astype(np.uint8)
    noise = chance.integers(0, 256, (7, 9, 11), dtype=np.uint8)
    for blocks in ([noise], [np.stack([smooth] * 5)], [noise, smooth[None]], [noise[:1]]):
        part, body = smallest({"name": "tiles"}, blocks)
        raw = zlib.decompress(body)
        assert restored(part, raw) == b"".join(block.tobytes() for block in blocks)
    assert smallest({}, [np.stack([smooth] * 5)])[0]["filter"]


def test_small_maps_of_all_heads_come_before_single_steps_and_get_smaller_before_they_go() -> None:
    explorer = opened(tiny_recording(TEXT, steps=4), word="fox")
    sizes = {}
    whole = len(page(explorer))
    for limit in (10**7, whole - 20_000, whole - 27_000, whole - 30_000, 0):
        state = Page(page(explorer, max_bytes=limit)).state
        tiles = [max(map(max, part["tile"])) for part in state["tiles"].values()]
        sizes[limit] = (len(tiles), max(tiles), len(state["facts"]["embedded"]))
    counts, sides, embedded = zip(*sizes.values(), strict=True)
    assert list(sides) == sorted(sides, reverse=True)
    assert embedded[0] == 17
    assert embedded[-1] == 0
    assert counts[0] == counts[1] == 6  # words
    assert counts[-1] == 1


def test_what_had_no_room_is_warned_of(tmp_path: Path) -> None:
    explorer = opened(tiny_recording(TEXT, steps=40))
    with pytest.warns(
        UserWarning, match=r"small.html lacks single steps of \d+ of 17 .*max_bytes="
    ):
        explorer.to_html(tmp_path / "small.html", max_bytes=len(page(explorer)) - 200_000)
    explorer.to_html(tmp_path / "whole.html")  # warnings are errors here


def test_a_stable_diffusion_run_holds_all_heads(tmp_path: Path) -> None:
    explorer = daam_nb.explore(real_size("sd15", steps=10), parser=False)
    with pytest.warns(UserWarning, match="single steps of 152 of 152 layers and heads"):
        path = explorer.to_html(tmp_path / "page.html", max_bytes=4_000_000)
    assert path.stat().st_size < 4_000_000
    shown = Page(path.read_text("utf-8"))
    assert "every one of 128 heads" in shown.holds
    state = shown.state
    assert len(state["tiles"]) == 12
    assert all(part["tile"][0] == [64, 64] for part in state["tiles"].values())
    explorer.close()


def test_it_holds_what_heads_are_sorted_by() -> None:
    run = with_effects(tiny_recording(TEXT, steps=4), ((2,), (3,)))
    rows = [
        {"layer": layer.name, "head": head, "relevant": False, "iou": 0.1 + 0.01 * head}
        for layer in run.layers
        for head in range(layer.heads)
    ]
    table = HeadTable("a model", {}, "by nobody", tuple(rows))
    explorer = opened(run, word="fox", steps=slice(1, 3), head_table=table)
    state = Page(page(explorer)).state
    words = [n for n, one in enumerate(explorer.words) if one.kept and not one.special]
    wholes = [replace(explorer.selected, word=word, steps=(0, 4)) for word in words]
    for selected in (explorer.selected, *wholes):
        tiles = explorer.engine.tiles(selected)
        assert state["likeness"][tiles.key]["order"] == likeness_order(tiles.maps)
        key, values = explorer.engine.measure(selected, "effect_share")
        for kept, row in zip(state["measure"][key]["values"], values, strict=True):
            assert kept == [None if one is None else pytest.approx(one, rel=1e-3) for one in row]
    of_table = state["measure"]["table.iou"]["values"]
    assert of_table == [[0.1 + 0.01 * h for h in range(layer.heads)] for layer in run.layers]
    assert len(state["measure"]) == len(words) + 1 + 2  # the steps shown; iou and relevant
