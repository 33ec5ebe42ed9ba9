"""Choices of layers, and what is served smaller than it was recorded."""

from __future__ import annotations

import pytest
import torch

from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.prompt import Prompt
from daam_nb.recording import Facts, Layer, Recording, format_1
from daam_nb.show.explorer.model.facts import left_out
from daam_nb.show.explorer.model.selection import Selected, check, layers_of
from daam_nb.show.explorer.model.subject import short_labels, subject_of
from tests.show.explorer.opened import TEXT
from tests.tiny_recordings import joint_layers, tiny_prompt, tiny_recording


def bare(layers: list[Layer], *, grid: tuple[int, int], steps: int = 2) -> Recording:
    """A recording of zeros that takes no memory: its arrays are one number, expanded."""
    prompt: Prompt = tiny_prompt("fox")
    attention = {
        layer.name: torch.zeros(1, dtype=torch.float16).expand(steps, layer.heads, 3, *layer.size)
        for layer in layers
    }
    return Recording(
        prompt=prompt,
        layers=tuple(layers),
        attention=attention,
        columns=(0, 1, 2),
        steps=tuple(range(steps)),
        timesteps=tuple(range(steps)),
        facts=Facts("m", "p", "s", (grid[0] * 8, grid[1] * 8), grid, steps),
    )


def sdxl(steps: int = 2) -> Recording:
    """The 70 layers of Stable Diffusion XL at 1024 pixels: 10 or 20 heads."""
    layers = []
    for block, stage, size, count, heads in (
        ("down_blocks.1", "down", 64, 4, 10),
        ("down_blocks.2", "down", 32, 20, 20),
        ("mid_block", "mid", 32, 10, 20),
        ("up_blocks.0", "up", 32, 30, 20),
        ("up_blocks.1", "up", 64, 6, 10),
    ):
        layers += [
            format_1.layer(
                f"{block}.attentions.{n // 10}.transformer_blocks.{n % 10}.attn2",
                stage,
                (size, size),
                heads,
            )
            for n in range(count)
        ]
    return bare(layers, grid=(128, 128), steps=steps)


def test_choices_that_exist_are_offered() -> None:
    run = tiny_recording(TEXT)
    of, first = subject_of(run, recommended="up_blocks.2")
    assert first == "paper"
    assert of.choices == {"paper": (0, 1, 3, 4), "all": (0, 1, 2, 3, 4), "recommended": (4,)}
    of, first = subject_of(run, layers="mid")
    assert first == "given"
    assert of.choices["given"] == (2,)
    of, first = subject_of(run, layers=lambda layer: layer.size == (8, 12))
    assert of.choices[first] == (0, 4)


def test_a_recording_of_the_mid_block_alone_has_no_paper_choice() -> None:
    of, first = subject_of(bare([Layer("mid_block.x", "mid", (4, 4), 2)], grid=(4, 4)))
    assert first == "all"
    assert list(of.choices) == ["all"]


@pytest.mark.parametrize("layers", ["nothing", "recommended", [], lambda layer: False])
def test_a_choice_that_selects_nothing_is_refused(layers: object) -> None:
    with pytest.raises(SelectionError):
        subject_of(tiny_recording(TEXT), layers=layers)  # type: ignore[arg-type]


def test_what_is_no_recording_is_refused() -> None:
    with pytest.raises(SelectionError, match="takes a Recording, not str"):
        subject_of("runs/fox")


def test_negative_words_that_were_not_recorded() -> None:
    with pytest.raises(NotKeptError, match="negative=True"):
        subject_of(tiny_recording(TEXT), negative=True)


def test_sizes_that_fit_are_served_as_they_are() -> None:
    of, _ = subject_of(tiny_recording(TEXT))
    assert of.served == of.grid == (8, 12)
    assert of.tile_sizes == tuple(layer.size for layer in of.layers)


def test_a_large_recording_is_served_smaller_by_the_stated_rule() -> None:
    of, _ = subject_of(sdxl())
    assert len(of.layers) == 70
    assert of.served == (64, 64)
    assert set(of.tile_sizes) == {(16, 16)}
    many, _ = subject_of(sdxl(steps=1000))
    assert many.served == (32, 32)  # 1000 steps in 1 MiB
    wide, _ = subject_of(bare([Layer("up_blocks.1", "up", (96, 200), 1)], grid=(96, 200)))
    assert wide.served == (24, 50)
    assert wide.tile_sizes == ((96, 200),)


def test_labels_are_short_and_differ() -> None:
    labels = short_labels(sdxl().layers)
    assert labels[0] == "down 1 · 0.0"
    assert labels[24] == "mid · 0.0"
    assert len(set(labels)) == 70
    odd = (Layer("a.b", "up", (1, 1), 1), Layer("c", "up", (1, 1), 1, label="the third"))
    assert short_labels(odd) == ("a.b", "the third")
    twice = tuple(Layer(f"x.{end}", "up", (1, 1), 1, label="up 1") for end in ("attn", "attn2"))
    assert short_labels(twice) == ("x.attn", "x.attn2")


def test_a_head_of_all_layers_is_that_of_those_which_have_it() -> None:
    of, _ = subject_of(tiny_recording(TEXT, heads=(2, 3)))
    chosen = layers_of(of, Selected(0, "all", -1, 2, (0, 1)))
    assert [layer.heads for layer in chosen] == [3, 3, 3]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"choice": "best"}, "no choice of layers 'best'. There are 'paper', 'all'"),
        ({"layer": 5}, "no layer 5: this recording has 5, 0 to 4"),
        ({"layer": -2}, "no layer -2"),
        ({"head": 3}, "No layer of 'paper' has a head 3: they have at most 3, 0 to 2"),
        ({"layer": 0, "head": 2}, r"Layer 0 \(down_blocks.0.*\) has no head 2: it has 2, 0 to 1"),
        ({"steps": (1, 1)}, "no half-open range"),
        ({"steps": (2, 9)}, "0 <= first < last <= 3"),
    ],
)
def test_what_does_not_go_together_is_said(parts: dict[str, object], message: str) -> None:
    of, _ = subject_of(tiny_recording(TEXT, heads=(2, 3)))
    whole = {"word": 0, "choice": "paper", "layer": -1, "head": -1, "steps": (0, 3)}
    with pytest.raises(SelectionError, match=message):
        check(of, Selected(**{**whole, **parts}))  # type: ignore[arg-type]


def test_a_transformer_of_cross_attention_has_no_paper_choice_either() -> None:
    layers = [Layer(f"blocks.{i}.attn2", "block", (8, 12), 2) for i in range(2)]
    of, first = subject_of(bare(layers, grid=(8, 12)))
    assert (first, list(of.choices)) == ("all", ["all"])
    assert any("this model is a transformer" in said for said in left_out(of, has_strip=True))
    assert of.choice_notes == {"all": "all 2 layers"}


def test_a_transformer_has_no_paper_choice_and_short_names() -> None:
    run = tiny_recording(TEXT, layers=joint_layers(double=2, single=3))
    of, first = subject_of(run)
    assert (first, list(of.choices)) == ("all", ["all"])
    assert any("this model is a transformer" in said for said in left_out(of, has_strip=True))
    assert of.choice_notes == {"all": "all 5 joint layers"}
    assert short_labels(run.layers) == ("double 0", "double 1", "single 0", "single 1", "single 2")
    blocks = ["double_blocks"] * 2 + ["single_blocks"] * 3
    assert [layer.block for layer in run.layers] == blocks
