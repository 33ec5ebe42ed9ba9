"""The calls of DAAM 0.2.0 on small recordings, against its definition written out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from daam_nb.compat import GlobalHeatMap, set_seed
from daam_nb.errors import DaamError, NotKeptError, SelectionError, WordNotFoundError
from daam_nb.recording import Recording
from tests.tiny_recordings import LATENT_SIZE, tiny_recording


def _definition(run: Recording, names: list[str], heads: list[int]) -> torch.Tensor:
    """Sum over steps, bicubic, clamp per layer and head, mean over both: written out."""
    maps = []
    for name in names:
        summed = run.attention[name].float().sum(0)  # (head, token, y, x)
        for head in heads:
            if head < len(summed):
                up = torch.nn.functional.interpolate(
                    summed[head][None], size=LATENT_SIZE, mode="bicubic"
                )
                maps.append(up[0].clamp(min=0))
    return torch.stack(maps).mean(0)


def _names(run: Recording, *stages: str) -> list[str]:
    return [layer.name for stage in stages for layer in run.layers if layer.stage == stage]


@pytest.fixture(scope="module")
def run() -> Recording:
    return tiny_recording("a cat and a dog", heads=(2, 3), dtype=torch.float32)


def test_the_global_map_is_the_definition(run: Recording) -> None:
    expected = _definition(run, _names(run, "up", "down"), [0, 1, 2])
    torch.testing.assert_close(GlobalHeatMap.of(run).heat_maps, expected, atol=1e-6, rtol=1e-5)


def test_a_head_that_a_layer_lacks_is_left_out(run: Recording) -> None:
    expected = _definition(run, _names(run, "up", "down"), [2])
    made = GlobalHeatMap.of(run, head_idx=2).heat_maps
    torch.testing.assert_close(made, expected, atol=1e-6, rtol=1e-5)


def test_layers_count_from_the_up_blocks(run: Recording) -> None:
    first_down = _names(run, "down")[:1]
    made = GlobalHeatMap.of(run, layer_idx=len(_names(run, "up"))).heat_maps
    expected = _definition(run, first_down, [0, 1, 2])
    torch.testing.assert_close(made, expected, atol=1e-6, rtol=1e-5)
    with pytest.raises(SelectionError, match="is out of range: the 4 layers count from 0 to 3"):
        GlobalHeatMap.of(run, layer_idx=4)


def test_factors_are_those_of_the_grid(run: Recording) -> None:
    coarse = [name for name in _names(run, "up", "down") if ".1." in name[:14]]
    made = GlobalHeatMap.of(run, factors=[2]).heat_maps
    torch.testing.assert_close(made, _definition(run, coarse, [0, 1, 2]), atol=1e-6, rtol=1e-5)
    with pytest.raises(
        SelectionError, match=r"factors=\[64\] selects no layer; the factors are \[1, 2\]"
    ):
        GlobalHeatMap.of(run, factors=[64])


def test_normalize_divides_by_the_words(run: Recording) -> None:
    plain = GlobalHeatMap.of(run).heat_maps
    made = GlobalHeatMap.of(run, normalize=True).heat_maps
    torch.testing.assert_close(made, plain / (plain[1:-1].sum(0) + 1e-6))


def test_all_occurrences_are_averaged_with_a_warning(run: Recording) -> None:
    maps = GlobalHeatMap.of(run)
    with pytest.warns(UserWarning, match=r"'a' occurs 2 times .* occurrence=0\) takes one"):
        word = maps.compute_word_heat_map("a")
    # start, a, cat, and, a, dog, end
    torch.testing.assert_close(word.heatmap, maps.heat_maps[[1, 4]].mean(0))


def test_word_idx_and_offset_idx(run: Recording) -> None:
    maps = GlobalHeatMap.of(run)
    assert torch.equal(maps.compute_word_heat_map("a", word_idx=3).heatmap, maps.heat_maps[4])
    assert torch.equal(maps.compute_word_heat_map("cat", offset_idx=3).heatmap, maps.heat_maps[5])
    assert torch.equal(maps.compute_word_heat_map("CAT").heatmap, maps.heat_maps[2])
    with pytest.raises(WordNotFoundError, match=r"Tokens \[6\] are outside this prompt of 5"):
        maps.compute_word_heat_map("dog", offset_idx=2)
    with pytest.raises(WordNotFoundError):
        maps.compute_word_heat_map("catamaran")


def test_a_part_of_a_word_is_not_the_word() -> None:
    maps = GlobalHeatMap.of(tiny_recording("a catamaran"))
    with pytest.raises(WordNotFoundError):
        maps.compute_word_heat_map("cat")


def test_expand_as_keeps_height_and_width_apart(run: Recording) -> None:
    word = GlobalHeatMap.of(run).compute_word_heat_map("cat")
    image = Image.new("RGB", (96, 64))  # PIL's order: width first
    expanded = word.expand_as(image)
    assert expanded.shape == (64, 96)
    assert float(expanded.min()) == 0.0
    assert float(expanded.max()) == pytest.approx(1.0)
    absolute = word.expand_as(image, absolute=True)
    assert float(absolute.max()) == pytest.approx(float(word.value.max()), rel=0.2)


def test_a_threshold_of_zero_counts(run: Recording) -> None:
    word = GlobalHeatMap.of(run).compute_word_heat_map("cat")
    mask = word.expand_as(Image.new("RGB", (96, 64)), threshold=0.0)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert float(mask.sum()) == mask.numel() - 1  # all but the minimum


def test_plot_overlay_draws_on_the_axes_given(run: Recording, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    word = GlobalHeatMap.of(run).compute_word_heat_map("cat")
    word.plot_overlay(Image.new("RGB", (96, 64), "red"), tmp_path / "cat.png", ax=axes)
    heat, image = axes.images
    np.testing.assert_allclose(
        np.asarray(heat.get_array()), word.expand_as(Image.new("RGB", (96, 64))).numpy()
    )
    assert np.asarray(image.get_array())[0, 0, :3].tolist() == [1.0, 0.0, 0.0]
    assert axes.get_title() == "cat"
    assert Image.open(tmp_path / "cat.png").size == (640, 480)


def test_every_token_is_needed() -> None:
    with pytest.raises(NotKeptError, match=r"holds the key positions \[0, 2\]"):
        GlobalHeatMap.of(tiny_recording(tokens=(0, 2)))


def test_arguments_of_other_kinds_are_refused(run: Recording) -> None:
    maps = GlobalHeatMap.of(run)
    cat = maps.compute_word_heat_map("cat")
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: GlobalHeatMap.of([run]), "takes a Recording, not a list of 1 Recording"),  # type: ignore[arg-type]
        (lambda: GlobalHeatMap.of(run, layer_idx=True), "chosen by a whole number, not by True"),
        (lambda: GlobalHeatMap.of(run, layer_idx=1.0), "whole number, not by 1.0"),  # type: ignore[arg-type]
        (lambda: GlobalHeatMap.of(run, head_idx="0"), "whole number, not by '0'"),  # type: ignore[arg-type]
        (lambda: GlobalHeatMap.of(run, factors="1"), "whole number, not by '1'"),  # type: ignore[arg-type]
        (lambda: GlobalHeatMap.of(run, normalize="no"), "normalize= must be True or False"),  # type: ignore[arg-type]
        (lambda: maps.compute_word_heat_map(["cat"]), "word must be a text, not a list"),  # type: ignore[arg-type]
        (lambda: maps.compute_word_heat_map("cat", True), "whole number, not by True"),
        (lambda: cat.expand_as((64, 96)), "takes a PIL image, not a tuple"),  # type: ignore[arg-type]
        (lambda: cat.expand_as(run.image, threshold=True), "threshold must be a number"),  # type: ignore[arg-type]
        (lambda: cat.compute_ioa(run), "a map made by DAAM's calls"),  # type: ignore[arg-type]
        (lambda: set_seed("0"), "seed='0': it must be a whole number"),  # type: ignore[arg-type]
    ]
    for call, said in calls:
        with pytest.raises(DaamError) as caught:
            call()
        assert said in str(caught.value)


@pytest.mark.parametrize("options", [{"word_idx": -1}, {"word_idx": 5}, {"offset_idx": -2}])
def test_the_ends_of_the_text_are_no_tokens_of_it(run: Recording, options: dict[str, int]) -> None:
    maps = GlobalHeatMap.of(run)
    with pytest.raises(WordNotFoundError, match="are outside this prompt of 5 tokens"):
        maps.compute_word_heat_map("cat", **options)
    last = maps.compute_word_heat_map("cat", word_idx=4).heatmap
    assert torch.equal(last, maps.heat_maps[5])


@pytest.mark.parametrize("threshold", [float("nan"), 5, -1, float("inf")])
def test_a_threshold_that_no_value_has_is_refused(run: Recording, threshold: float) -> None:
    word = GlobalHeatMap.of(run).compute_word_heat_map("cat")
    with pytest.raises(SelectionError, match="threshold="):
        word.expand_as(run.image, threshold=threshold)
    assert word.expand_as(run.image, absolute=True, threshold=5).max() in (0, 1)


@pytest.mark.parametrize("name", ["x.xyz", "nope/a.png", 5, ""])
def test_files_that_cannot_be_are_refused_before_anything_is_drawn(
    run: Recording, tmp_path, name: object
) -> None:  # type: ignore[no-untyped-def]
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    word = GlobalHeatMap.of(run).compute_word_heat_map("cat")
    file = tmp_path / name if isinstance(name, str) and name else name
    with pytest.raises(DaamError):
        word.plot_overlay(run.image, file, ax=axes)
    assert not axes.images
