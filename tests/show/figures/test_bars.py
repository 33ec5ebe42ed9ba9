"""Bars of tokens, special ones included."""

from __future__ import annotations

import pytest

from daam_nb.errors import SelectionError
from daam_nb.maps.heatmap import heat_maps
from daam_nb.show.figures import token_bars
from tests.tiny_recordings import tiny_recording

RUN = tiny_recording("a cat and a dog")
MAPS = heat_maps(RUN)


def test_one_bar_per_token_in_order() -> None:
    figure = token_bars(RUN)
    names = [bar.name for bar in figure.sheet.bars]
    assert names == ["start of text", "a", "cat", "and", "a", "dog", "end of text"]
    assert len({bar.color for bar in figure.sheet.bars}) == 2
    tops = [bar.box.y for bar in figure.sheet.bars]
    assert tops == sorted(tops)


def test_shares_add_up_to_one() -> None:
    values = [bar.value for bar in token_bars(RUN).sheet.bars]
    assert sum(values) == pytest.approx(1)
    means = MAPS.values.mean((1, 2)).tolist()
    assert values == pytest.approx([mean / sum(means) for mean in means])


def test_what_is_not_shown_is_said() -> None:
    taken = 100 * float(MAPS.values.mean((1, 2)).sum())
    assert 10 < taken < 90  # the padding's tokens take the rest
    assert f"The tokens shown take {taken:.0f} % of all attention." in token_bars(RUN).caption


def test_mean_and_peak_are_the_maps_own() -> None:
    assert [bar.value for bar in token_bars(MAPS, measure="mean").sheet.bars] == pytest.approx(
        MAPS.values.mean((1, 2)).tolist()
    )
    assert [bar.value for bar in token_bars(MAPS, measure="peak").sheet.bars] == pytest.approx(
        MAPS.values.amax((1, 2)).tolist()
    )


def test_special_tokens_can_be_left_out() -> None:
    bars = token_bars(RUN, special=False).sheet.bars
    assert [bar.name for bar in bars] == ["a", "cat", "and", "a", "dog"]
    assert sum(bar.value for bar in bars) == pytest.approx(1)


def test_only_kept_tokens_are_shown() -> None:
    some = tiny_recording("a cat and a dog", tokens=[2, 5])
    assert [bar.name for bar in token_bars(some).sheet.bars] == ["cat", "dog"]


def test_padding_is_not_shown() -> None:
    assert len(token_bars(tiny_recording("a cat", kept="replay")).sheet.bars) == 4


def test_many_tokens_stand_in_columns() -> None:
    run = tiny_recording(" ".join(f"word{i}" for i in range(75)), length=77)
    figure = token_bars(run)
    assert len(figure.sheet.bars) == 77
    assert figure.size[0] < 800
    for bar in figure.sheet.bars:
        assert bar.box.x + bar.box.width < figure.size[1]


def test_what_cannot_be_shown() -> None:
    with pytest.raises(SelectionError, match=r"measure='sum' is not known\. Use 'share'"):
        token_bars(RUN, measure="sum")  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match=r"no token to show.*special=True"):
        token_bars(tiny_recording("", tokens=[0]), special=False)


@pytest.mark.parametrize("scale", ["normalized", "shares"])
def test_shares_of_the_attention_are_of_attention_alone(scale: str) -> None:
    scaled = getattr(heat_maps(tiny_recording("a cat and a dog")), scale)()
    with pytest.raises(SelectionError, match="no shares of the attention"):
        token_bars(scaled)
    heading = token_bars(scaled, measure="mean").sheet.lines[0].text
    assert scaled.unit in heading
