from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from daam_nb.errors import SelectionError, ShapeError
from daam_nb.recording import Layer, Layers, format_1, select_layers
from tests.tiny_recordings import joint_layers, tiny_layers

LAYERS = tiny_layers(heads=(2, 4))
DOWN_0, DOWN_1, MID, UP_1, UP_2 = LAYERS


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ("all", LAYERS),
        ("paper", (DOWN_0, DOWN_1, UP_1, UP_2)),
        ("mid", (MID,)),
        ("up", (UP_1, UP_2)),
        ("up_blocks.1", (UP_1,)),
        (UP_2.name, (UP_2,)),
        (MID, (MID,)),
        (["up", "mid", MID, UP_1.name], (MID, UP_1, UP_2)),
        (lambda layer: layer.heads == 4, (DOWN_1, MID, UP_1)),
    ],
)
def test_layers_are_chosen_in_the_order_of_the_network(choice: Any, chosen: Any) -> None:
    assert select_layers(LAYERS, choice) == chosen


def test_a_transformer_has_no_block_that_the_paper_leaves_out() -> None:
    layers = joint_layers(double=2, single=3)
    assert select_layers(layers, "paper") == select_layers(layers, "all") == layers
    assert select_layers(layers, "double") == layers[:2]
    assert select_layers(layers, "single") == layers[2:]
    assert select_layers(layers, "transformer_blocks") == layers[:2]
    assert select_layers(layers, "transformer_blocks.1") == layers[1:2]
    with pytest.raises(SelectionError, match=r"'double', 'single'.*transformer_blocks\.0\.attn"):
        select_layers(layers, "up")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("up_blocks.", "'up_blocks.' selects none of the 5 layers. Use 'paper', 'all', a stage"),
        ("up_block", "'up_block' selects none"),
        (["up", "nowhere"], "'nowhere' selects none"),
        ([], r"\[\] selects none"),
        (lambda layer: False, "selects none of the 5 layers"),
        ([3], "chosen by its name, a stage or a Layer, not by 3 of type int"),
        (Layer(UP_1.name, "up", (4, 6), 3), "selects none"),
    ],
)
def test_a_choice_that_selects_nothing_is_an_error(choice: Any, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        select_layers(LAYERS, choice)


def test_a_layer_is_checked_at_birth() -> None:
    with pytest.raises(SelectionError, match=r"the stage 3; it must be a text, such as 'down'"):
        Layer("x", 3, (2, 3), 1)  # type: ignore[arg-type]
    with pytest.raises(
        SelectionError, match="attention 'time'; it must be 'cross', 'joint' or 'self'"
    ):
        Layer("x", "mid", (2, 3), 1, attention="time")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="The label of a layer is 301 characters long"):
        Layer("x", "mid", (2, 3), 1, label="x" * 301)
    for size, heads in [((0, 3), 1), ((2, 3), 0), ((2, 3, 4), 1)]:
        with pytest.raises(ShapeError, match=r"needs \(height, width\) of at least 1 x 1"):
            Layer("x", "mid", size, heads)  # type: ignore[arg-type]


def test_any_stage_is_one_and_blocks_and_labels_have_defaults() -> None:
    layer = Layer("encoder.3.attention", "encoder", (2, 3), 1)
    assert (layer.attention, layer.block, layer.label) == ("cross", "encoder", layer.name)
    assert select_layers([layer], "encoder") == select_layers([layer], "paper") == (layer,)
    with pytest.raises(SelectionError, match=r"a stage \('encoder'\), a name"):
        select_layers([layer], "down")


def test_a_block_is_a_choice() -> None:
    layers = joint_layers(double=2, single=3)
    assert select_layers(layers, "double_blocks") == layers[:2]
    assert select_layers(LAYERS, "mid_block") == (MID,)


def test_layers_of_format_1_are_as_their_names_say() -> None:
    described = [(layer.attention, layer.block, layer.label) for layer in joint_layers(1, 1)]
    assert described == [("joint", f"{s}_blocks", f"{s} 0") for s in ("double", "single")]
    unet = {layer.block: layer.label for layer in LAYERS if layer.attention == "cross"}
    assert unet["down_blocks.1"] == "down 1 · 0.0" and unet["mid_block"] == "mid · 0.0"
    odd = format_1.layer("a.b", "up", (2, 3), 1)
    assert (odd.block, odd.label) == ("a", "a.b")
    with pytest.raises(
        SelectionError, match="the stage 'side'; it must be one of 'down', 'mid', 'up'"
    ):
        format_1.layer("a.b", "side", (2, 3), 1)
    assert format_1.is_told_by(odd) and not format_1.is_told_by(Layer("a.b", "up", (2, 3), 1))


def test_layers_are_a_tuple_that_shows_itself_as_a_table() -> None:
    layers = Layers(LAYERS)
    assert layers == LAYERS and isinstance(layers, tuple)
    lines = repr(layers).splitlines()
    assert lines[0].split() == ["layer", "stage", "height", "x", "width", "heads"]
    assert lines[3].split() == [MID.name, "mid", "2", "x", "3", "4"]
    assert len(lines) == 6
    assert [line.index(size) for line, size in zip(lines[1:3], ("8 x 12", "4 x 6"), strict=True)]
    assert pickle.loads(pickle.dumps(layers)) == copy.deepcopy(layers) == layers
    assert repr(Layers()) == "layer  stage  height x width  heads"


def test_the_table_of_a_cell_is_escaped() -> None:
    shown = Layers([Layer("<script>", "mid", (2, 3), 1)])._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown
    assert shown.count("<tr>") == 2
    staged = Layers([Layer("x", "<b>\u202e", (2, 3), 1)])
    assert "<b>" not in staged._repr_html_() and "\u202e" not in repr(staged)
