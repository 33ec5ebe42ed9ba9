"""A kind of map of one's own: one class, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from daam_nb.errors import NotKeptError, SelectionError, ShapeError, WrongKindError
from daam_nb.maps import heat_maps
from daam_nb.maps.methods import (
    Choice,
    MapKind,
    map_kinds,
    register_map_kind,
    registry,
)
from daam_nb.maps.wordmap import WordHeatMap
from tests.tiny_recordings import tiny_recording


class Latest(MapKind):
    """The native attention of a word in the last chosen step, one layer, mean over heads."""

    name = "latest"
    unit = "attention probability of one step"
    source = "a test"

    def word_map(self, choice: Choice, tokens: tuple[int, ...]) -> Tensor:
        layer = choice.layers[-1]
        places = [choice.run.columns.index(token) for token in tokens]
        last = choice.run.steps.index(choice.steps[-1])
        native = choice.run.attention[layer.name][last][:, places].float().mean((0, 1))
        return torch.nn.functional.interpolate(native[None, None], size=choice.grid)[0, 0]


@pytest.fixture
def latest() -> Iterator[Latest]:
    kind = Latest()
    register_map_kind(kind)
    yield kind
    del registry._kinds["latest"]


def test_a_kind_of_ones_own_has_everything_that_maps_have(latest: Latest) -> None:
    run = tiny_recording("a cat and a dog", steps=4)
    maps = heat_maps(run, kind="latest", steps=slice(0, 3), layers="all")
    native = run.attention[run.layers[-1].name][2][:, [2]].float().mean((0, 1))
    assert maps["cat"].values.max() == native.max()
    assert maps["cat"].unit == latest.unit and latest.unit in maps.choice
    assert len(maps) == len(maps.words) == 5 and "cat" in maps
    assert maps.by_step("cat").keys() == {0, 1, 2}
    assert len(maps.by_head("cat")) == len(maps.pairs)
    assert isinstance(maps.normalized()["dog"], WordHeatMap)
    assert maps["cat"].mask(0.4).any()
    with pytest.raises(NotKeptError, match="of words, not of tokens"):
        _ = maps.values
    assert [kind.name for kind in map_kinds()] == [
        "attention",
        "share",
        "effect",
        "gradient",
        "concept",
        "latest",
    ]


def test_what_is_no_kind_is_refused(latest: Latest) -> None:
    with pytest.raises(WrongKindError, match="call the class"):
        register_map_kind(Latest)  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="already"):
        register_map_kind(Latest())
    register_map_kind(Latest(), overwrite=True)

    class Nameless(Latest):
        name = ""

    class Taken(Latest):
        name = "attention"

    class Empty(MapKind):
        name, unit = "empty", "nothing"

    with pytest.raises(SelectionError, match="needs a name"):
        register_map_kind(Nameless())
    with pytest.raises(SelectionError, match="already"):
        register_map_kind(Taken(), overwrite=True)
    with pytest.raises(WrongKindError, match="no word_map"):
        register_map_kind(Empty())
    with pytest.raises(SelectionError, match=r"not a kind of map.*'latest'"):
        heat_maps(tiny_recording(), kind="last")


def test_a_share_is_the_share_of_the_text() -> None:
    run = tiny_recording("a cat and a dog")
    maps = heat_maps(run, kind="share")
    assert torch.equal(maps.values, heat_maps(run).shares().values)
    text = [column for column in maps.columns if column not in (0, 6)]
    total = maps.values[[maps.columns.index(column) for column in text]].sum(0)
    assert torch.allclose(total, torch.ones_like(total))


def test_what_a_kind_makes_is_checked(latest: Latest) -> None:
    class Small(Latest):
        name = "latest"

        def word_map(self, choice: Choice, tokens: tuple[int, ...]) -> Tensor:
            return torch.ones(3, 3)

    class OfTokens(Latest):
        name = "of_tokens"
        of_tokens = True

    register_map_kind(Small(), overwrite=True)
    with pytest.raises(
        ShapeError, match=r"\(3, 3\); it must have that of the latent grid, \(8, 12\)"
    ):
        heat_maps(tiny_recording(), kind="latest")["cat"]
    with pytest.raises(WrongKindError, match="no token_maps"):
        register_map_kind(OfTokens())
    with pytest.raises(SelectionError, match="mean 'effect'"):
        heat_maps(tiny_recording(), kind="effects")
