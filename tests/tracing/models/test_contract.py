"""The families that ship pass the contract of adapters, and the contract notices what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daam_nb.errors import DaamError, ShapeError, WrongKindError
from daam_nb.recording import Layer
from daam_nb.tracing import generate
from daam_nb.tracing.models import (
    Adapter,
    ChatTemplate,
    DenoiserInputs,
    Layout,
    TextStream,
    adapter_of,
    register_adapter,
    registry,
)
from daam_nb.tracing.models.flux import Flux
from daam_nb.tracing.models.sd3 import StableDiffusion3
from daam_nb.tracing.models.unet import UNet
from tests import joint_pipelines, pipelines
from tests.adapter_contract import AdapterContract
from tests.made_up_pipelines import scrolls, tiles
from tests.tracing.models.made_up_cross import Tiles
from tests.tracing.models.made_up_joint import Scrolls


class TestUNet(AdapterContract):
    adapter = UNet
    build = staticmethod(pipelines.sd1)
    mixes_cells = True
    call = {"guidance_scale": 1.0}  # noqa: RUF012
    guided = {"guidance_scale": 5.0}  # noqa: RUF012


class TestStableDiffusionXL(AdapterContract):
    adapter = UNet
    build = staticmethod(pipelines.sdxl)
    mixes_cells = True
    call = {"guidance_scale": 1.0}  # noqa: RUF012
    guided = {"guidance_scale": 5.0}  # noqa: RUF012


class TestStableDiffusion3(AdapterContract):
    adapter = StableDiffusion3
    build = staticmethod(joint_pipelines.sd3)
    call = {"guidance_scale": 1.0, "max_sequence_length": 32}  # noqa: RUF012
    guided = {"guidance_scale": 5.0, "max_sequence_length": 32}  # noqa: RUF012


class TestFlux(AdapterContract):
    adapter = Flux
    build = staticmethod(joint_pipelines.flux)
    call = {"max_sequence_length": 32}  # noqa: RUF012
    guided = {"true_cfg_scale": 4.0, "max_sequence_length": 32}  # noqa: RUF012


# --- planted faults ---------------------------------------------------------------------------


class ImageFirst(Scrolls):
    """The image is thought to stand before the text."""

    def layout(self, layer: Layer, inputs: DenoiserInputs, row: int) -> Layout:
        right = super().layout(layer, inputs, row)
        cells = layer.size[0] * layer.size[1]
        return replace(right, image=slice(0, cells), text=cells)


class OneLayout(Scrolls):
    """Every row is thought to be laid out as the first."""

    def layout(self, layer: Layer, inputs: DenoiserInputs, row: int) -> Layout:
        return super().layout(layer, inputs, 0)


class OtherTemplate(Scrolls):
    """The dropped part of the template is one token longer."""

    def text_streams(self) -> tuple[TextStream, ...]:
        (stream,) = super().text_streams()
        template = ChatTemplate(self.pipe.before, self.pipe.after, dropped=self.pipe.dropped + 1)
        return (replace(stream, template=template),)


class OneBatch(Scrolls):
    """Guidance is thought to run on one doubled batch."""

    separate_passes = ""


class MaskForEmbeddings(Tiles):
    """The second of what ``encode_prompt`` returns is thought to be the negative prompt's."""

    embeddings_at = (0, 1)


class ShiftedColumns(Tiles):
    """The text is thought to begin at the second column."""

    def text_streams(self) -> tuple[TextStream, ...]:
        (stream,) = super().text_streams()
        return (replace(stream, first=1),)


class TransposedGrid(Tiles):
    """Height and width are exchanged."""

    def grid(self, latent_size: tuple[int, int]) -> tuple[int, int]:
        return super().grid(latent_size)[::-1]


class Unmasked(Tiles):
    """The encoder is thought to read padding as text."""

    def text_streams(self) -> tuple[TextStream, ...]:
        (stream,) = super().text_streams()
        return (replace(stream, masked=False),)


class Uncleaned(Tiles):
    """Prompts are thought to be read as they are, in lower case."""

    def text_streams(self) -> tuple[TextStream, ...]:
        (stream,) = super().text_streams()
        return (replace(stream, rewrites=None),)


class PromptFirst(Tiles):
    """The prompt is thought to be the first block of the batch."""

    batch_orders = {1: "p", 2: "pn"}  # noqa: RUF012


class ListOfOrders(Tiles):
    """Orders of another kind."""

    batch_orders = {1: ("p",), 2: ("n", "p")}  # noqa: RUF012


class NegativeFirst(Scrolls):
    """The pass on the negative prompt is thought to be the first."""

    separate_passes = "np"


PROBABILITIES = "test_the_probabilities_are_those_of_the_kernels"
FAULTS: tuple[tuple[type[Adapter], Callable[[], Any], str], ...] = (
    (ImageFirst, scrolls, PROBABILITIES),
    (OneLayout, scrolls, "test_rows_are_told_apart"),
    (OtherTemplate, scrolls, "test_words_stand_in_the_columns_that_were_read"),
    (OneBatch, scrolls, "test_the_negative_prompt_has_its_own_maps"),
    (MaskForEmbeddings, tiles, "test_the_negative_prompt_has_its_own_maps"),
    (ShiftedColumns, tiles, "test_words_stand_in_the_columns_that_were_read"),
    (TransposedGrid, tiles, PROBABILITIES),
    (Unmasked, tiles, "test_embeddings_from_elsewhere_are_recognized"),
    (Uncleaned, tiles, "test_words_between_signs_are_found_where_they_were_read"),
    (PromptFirst, tiles, "test_blocks_and_passes_stand_in_the_order_that_is_said"),
    (NegativeFirst, scrolls, "test_blocks_and_passes_stand_in_the_order_that_is_said"),
    (ListOfOrders, tiles, "test_the_image_is_the_untraced_one_and_nothing_is_left"),
)


@pytest.mark.parametrize(
    ("wrong", "build", "test"), FAULTS, ids=lambda v: getattr(v, "__name__", v)
)
def test_the_contract_notices(
    wrong: type[Adapter], build: Callable[[], Any], test: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_registered", [wrong])
    contract = AdapterContract()
    contract.adapter = wrong  # type: ignore[misc]
    contract.call = {"guidance_scale": 1.0} if issubclass(wrong, Tiles) else {}  # type: ignore[misc]
    scale = {wrong.guidance_argument: 4.0}
    contract.guided = scale  # type: ignore[misc]
    with pytest.raises((AssertionError, DaamError)):
        getattr(contract, test)(build())


def test_batch_orders_of_another_kind_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", [ListOfOrders])
    with pytest.raises(WrongKindError, match=r'ListOfOrders is \{1: .*\{1: "p", 2: "np"\}'):
        adapter_of(tiles())


@pytest.mark.parametrize(
    ("prompt", "offered", "message"),
    [
        ("a cat (big)", ["a red lion"], "offered 'a red lion' (whose tokens are others)"),
        ("a cat (big)", [], "offered nothing"),
        (
            "(red) (red.png) cat",
            ["red", "red cat"],
            "offered 'red' (whose tokens are others); 'red cat': The text that was encoded, "
            "'red cat', does not follow from the prompt '(red) (red.png) cat': its word 'red', at "
            "character 0, may be one of several there",
        ),
    ],
)
def test_what_rewrites_offered_is_named(
    prompt: str, offered: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_registered", [Uncleaned])
    pipe = tiles()
    stream = replace(adapter_of(pipe).stream(), rewrites=lambda prompt: offered)
    monkeypatch.setattr(Uncleaned, "text_streams", lambda self: (stream,))
    with pytest.raises(ShapeError, match=re.escape(message)):
        generate(pipe, prompt, seed=0)


def test_rewrites_that_are_no_list_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", [Tiles])
    pipe = tiles()
    stream = replace(adapter_of(pipe).stream(), rewrites=lambda prompt: prompt.lower())
    monkeypatch.setattr(Tiles, "text_streams", lambda self: (stream,))
    with pytest.raises(WrongKindError, match=r"returned 'a cat' .* such as \['a cat'\]"):
        generate(pipe, "A cat", seed=0)


# --- registering ------------------------------------------------------------------------------


def test_the_newest_adapter_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", [])
    pipe = tiles()
    with pytest.raises(DaamError, match="is of a family that this version cannot read"):
        adapter_of(pipe)
    assert register_adapter(Tiles) is Tiles
    assert type(adapter_of(pipe)) is Tiles
    register_adapter(TransposedGrid)
    assert type(adapter_of(pipe)) is TransposedGrid
    register_adapter(Tiles)
    assert type(adapter_of(pipe)) is Tiles
    with pytest.raises(DaamError, match=r"Known: Stable Diffusion 1\.x.*FLUX\.1, Tiles, and Tiles"):
        adapter_of(scrolls())


@pytest.mark.parametrize("wrong", [Tiles, "Tiles", None, int], ids=repr)
def test_what_is_no_adapter_is_refused(wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", [])
    if wrong is Tiles:
        nameless = type("Nameless", (Tiles,), {"pipelines": ()})
        with pytest.raises(WrongKindError, match="Nameless names no pipelines"):
            register_adapter(nameless)
        return
    with pytest.raises(WrongKindError, match="takes a subclass of Adapter, not"):
        register_adapter(wrong)


def test_one_that_is_registered_may_know_what_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = "StableDiffusionPanoramaPipeline"
    import diffusers

    kind = getattr(diffusers, refused)
    assert registry._why_refused(kind)
    knowing = type("Knowing", (UNet,), {"pipelines": (refused,)})
    monkeypatch.setattr(registry, "_registered", [knowing])
    assert not registry._why_refused(kind)


def test_a_family_is_one_file() -> None:
    """Nothing in the package outside `tracing/models` names a family's class."""
    package = Path(registry.__file__).parents[2]
    names = ("SD3Transformer", "FluxTransformer", "StableDiffusion3", "UNet2D")
    for path in package.rglob("*.py"):
        if "models" in path.parts or "menagerie" in path.parts:
            continue
        source = path.read_text(encoding="utf-8")
        assert not [name for name in names if name in source], path
