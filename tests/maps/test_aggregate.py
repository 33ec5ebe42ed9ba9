"""Heat maps against the definition, written out in numpy and by hand."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from daam_nb.errors import RecordingFormatError
from daam_nb.maps import aggregate, heat_maps, limit_cache
from daam_nb.maps.cache import DEFAULT_LIMIT
from daam_nb.recording import Facts, Layer, Recording
from tests.maps.naive import naive_map
from tests.tiny_recordings import tiny_prompt, tiny_recording

RUNS = {
    "float16": tiny_recording(steps=7, heads=(2, 3)),
    "float32": tiny_recording(steps=7, heads=(2, 3), dtype=torch.float32, seed=1),
    "bfloat16": tiny_recording(steps=7, heads=(2, 3), dtype=torch.bfloat16, seed=2),
    "gaps": tiny_recording(steps=9, kept_steps=(0, 1, 4, 5, 6, 8), seed=3),
    "every column": tiny_recording(steps=4, kept="replay", seed=4),
}


def by_hand(
    attention: list[torch.Tensor],
    *,
    latent_size: tuple[int, int],
    steps: int | None = None,
) -> Recording:
    """A recording of one token per tensor (step, head, y, x), each tensor a layer."""
    layers = tuple(
        Layer(f"down_blocks.{i}", "down", (a.shape[2], a.shape[3]), a.shape[1])
        for i, a in enumerate(attention)
    )
    number = attention[0].shape[0] if steps is None else steps
    return Recording(
        prompt=tiny_prompt("fox", length=3),
        layers=layers,
        attention={layer.name: a[:, :, None] for layer, a in zip(layers, attention, strict=True)},
        columns=(1,),
        steps=tuple(range(number)),
        timesteps=tuple(float(i) for i in range(number)),
        facts=Facts("m", "p", "s", (64, 64), latent_size, number),
    )


@settings(deadline=None, max_examples=50)
@given(data=st.data(), name=st.sampled_from(sorted(RUNS)), cache=st.booleans())
def test_any_selection_equals_the_definition(data: st.DataObject, name: str, cache: bool) -> None:
    run = RUNS[name]
    number = st.integers(1, len(run.layers))
    layers = data.draw(
        st.lists(st.sampled_from(run.layers), min_size=1, max_size=data.draw(number), unique=True)
    )
    steps = data.draw(st.lists(st.sampled_from(run.steps), min_size=1, unique=True))
    heads = data.draw(st.none() | st.lists(st.sampled_from([0, 1]), min_size=1, unique=True))
    reduction = data.draw(st.sampled_from(["mean", "sum"]))
    column = data.draw(st.sampled_from(run.columns))
    expected = torch.from_numpy(
        naive_map(run, column, layers=layers, steps=steps, heads=heads, reduction=reduction)
    )
    limit_cache(DEFAULT_LIMIT if cache else 0)
    try:
        maps = heat_maps(run, layers=layers, steps=steps, heads=heads, reduction=reduction)
        one, all_of_them = maps.token(column).values, maps.values[run.columns.index(column)]
    finally:
        limit_cache(DEFAULT_LIMIT)
    for made in (one, all_of_them):
        assert made.dtype == torch.float32
        assert (made - expected).abs().max() <= 1e-6 * expected.max()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_recording_that_kept_the_sum(reduction: str) -> None:
    run = tiny_recording(steps=5, kept="sum")
    maps = heat_maps(run, reduction=reduction)
    for column, made in zip(run.columns, maps.values, strict=True):
        expected = torch.from_numpy(
            naive_map(run, column, layers=maps.layers, steps=run.steps, reduction=reduction)
        )
        assert (made - expected).abs().max() <= 1e-6 * expected.max()


def test_mean_over_steps_by_hand() -> None:
    steps = torch.tensor([[[0.0, 0.5]], [[0.25, 1.0]]])[:, None]  # (step, head, y, x)
    run = by_hand([steps.half()], latent_size=(1, 2))
    assert heat_maps(run).word("fox").values.tolist() == [[0.125, 0.75]]
    assert heat_maps(run, reduction="sum").word("fox").values.tolist() == [[0.25, 1.5]]
    assert heat_maps(run, steps=1).word("fox").values.tolist() == [[0.25, 1.0]]


def test_layers_with_more_heads_count_more() -> None:
    one_head = torch.full((1, 1, 1, 1), 1.0)
    three_heads = torch.full((1, 3, 1, 1), 0.5)
    run = by_hand([one_head, three_heads], latent_size=(1, 1))
    assert heat_maps(run).word("fox").values.item() == (1.0 + 3 * 0.5) / 4


def test_each_map_is_clamped_before_the_mean() -> None:
    """Around a bright pixel bicubic goes below 0; another head must not pay for it."""
    bright = torch.zeros(1, 1, 4, 4)
    bright[0, 0, 1, 1] = 1.0
    flat = torch.full((1, 1, 4, 4), 0.125)
    run = by_hand([torch.cat([bright, flat], 1)], latent_size=(8, 8))
    made = heat_maps(run).word("fox").values
    clamped = naive_map(run, 1, layers=run.layers, steps=[0])
    assert (made - torch.from_numpy(clamped)).abs().max() < 1e-6
    each = heat_maps(run).by_head("fox")
    assert made.min() == 0.125 / 2  # where the bright one alone would be negative
    assert torch.equal(
        made, (each["down_blocks.0", 0].values + each["down_blocks.0", 1].values) / 2
    )


def test_a_weak_step_behind_strong_ones_is_exact() -> None:
    """Float32 running sums would lose it: 2**-24 beside 49 is 1/64 of a rounding step."""
    steps = torch.ones(50, 1, 1, 1)
    steps[49] = 2.0**-24
    run = by_hand([steps.half()], latent_size=(1, 1))
    assert heat_maps(run, steps=49).word("fox").values.item() == 2.0**-24
    assert heat_maps(run, steps=slice(48, 50), reduction="sum").word("fox").values.item() == 1.0


def test_a_weak_step_behind_strong_ones_of_float32() -> None:
    steps = torch.ones(50, 1, 1, 1)
    steps[49] = 1e-7
    run = by_hand([steps], latent_size=(1, 1))
    assert heat_maps(run, steps=49).word("fox").values.item() == pytest.approx(1e-7, rel=1e-6)


@pytest.mark.parametrize("steps", [127, 128, 400])
def test_long_loops_do_not_overflow(steps: int) -> None:
    run = by_hand([torch.ones(steps, 1, 1, 1).half()], latent_size=(1, 1))
    most = heat_maps(run, steps=slice(1, None), reduction="sum").word("fox")
    assert most.values.item() == steps - 1


def test_values_above_one_are_not_cut() -> None:
    """No probabilities, but a recording of reweighted attention may hold them."""
    run = by_hand([torch.full((3, 1, 1, 1), 60000.0).half()], latent_size=(1, 1))
    assert heat_maps(run, steps=[1, 2]).word("fox").values.item() == 60000.0 - 60000.0 % 32


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("steps", [None, [1, 2]])
def test_attention_that_is_not_finite_is_refused(bad: float, steps: list[int] | None) -> None:
    values = torch.full((3, 1, 1, 1), 0.5).half()
    values[1] = bad
    run = by_hand([values], latent_size=(1, 1))
    with pytest.raises(RecordingFormatError, match="holds NaN or infinity"):
        heat_maps(run, steps=steps).word("fox")


def changed_by(run: Recording, *changes: str) -> Recording:
    return replace(run, facts=replace(run.facts, batch={"interventions": list(changes)}))


def test_what_is_not_finite_is_not_said_of_the_model_where_attention_was_changed() -> None:
    """Earlier versions kept what `reweight` made too large for float16, as infinity."""
    values = torch.full((3, 1, 1, 1), 0.5).half()
    values[1] = float("inf")
    plain = by_hand([values], latent_size=(1, 1))
    with pytest.raises(RecordingFormatError, match="The model overflowed"):
        heat_maps(plain).word("fox")
    run = changed_by(plain, "reweight('fox', 1e+06)")
    for read in (lambda: heat_maps(run).word("fox"), lambda: heat_maps(run).by_head("fox")):
        with pytest.raises(RecordingFormatError) as caught:
            read()
        assert str(caught.value) == (
            "The recorded attention holds NaN or infinity, so there is no map. It was "
            "changed while it was recorded (reweight('fox', 1e+06)): the result may exceed "
            "float16, in which it was kept, or the model overflowed. Record again with a smaller "
            "factor, or with dtype=torch.float32."
        )


def test_maps_that_are_finite_are_given_where_their_sum_is_not() -> None:
    values = torch.full((1, 1, 2, 2), 2.0**126)
    run = by_hand([values], latent_size=(2, 2))
    assert heat_maps(run).word("fox").values.tolist() == [[2.0**126] * 2] * 2


def test_sums_beyond_float32_are_not_said_of_the_attention() -> None:
    values = torch.full((3, 1, 1, 1), 2.0**127)
    run = by_hand([values], latent_size=(1, 1))
    with pytest.raises(RecordingFormatError, match=r"is finite, but its sum.*was altered"):
        heat_maps(run, reduction="sum").word("fox")
    run = changed_by(run, "reweight('fox', 1e+38)")
    with pytest.raises(RecordingFormatError, match=r"its sum.*\(reweight\('fox', 1e\+38\)\)"):
        heat_maps(run, reduction="sum").word("fox")


def test_negative_prompts_have_their_own_maps() -> None:
    run = tiny_recording("a cat", negative="a blurry dog")
    turned = replace(
        run,
        prompt=run.negative_prompt,
        attention=run.negative_attention,
        columns=run.negative_columns,
    )
    for steps in (None, [1]):
        positive, made = heat_maps(run, steps=steps), heat_maps(run, steps=steps, negative=True)
        assert torch.equal(positive.word("cat").values, positive.values[2])
        assert torch.equal(made.values, heat_maps(turned, steps=steps).values)
        assert not torch.equal(made.token(2).values, positive.token(2).values)


def test_the_recording_stays_as_it_is() -> None:
    run = tiny_recording(dtype=torch.float32)
    before = {name: values.clone() for name, values in run.attention.items()}
    heat_maps(run, steps=[0, 2]).values, heat_maps(run).values, heat_maps(run).by_head("cat")
    assert all(torch.equal(before[name], values) for name, values in run.attention.items())


def test_other_defaults_of_torch_change_nothing() -> None:
    expected = heat_maps(tiny_recording()).values
    ranged = heat_maps(tiny_recording(), steps=[0, 2]).values
    run = tiny_recording()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            assert torch.equal(heat_maps(run).values, expected)
            assert torch.equal(heat_maps(run, steps=[0, 2]).values, ranged)
            assert heat_maps(run).word("cat").resize().values.device.type == "cpu"
    finally:
        torch.set_default_dtype(torch.float32)


def test_heads_are_added_in_pieces_on_large_grids(monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_recording(steps=2, heads=(3, 5))
    whole = heat_maps(run)
    word, each = whole.word("cat").values, whole.by_head("cat")
    cells = 8 * 12
    most = []
    raised = aggregate.clamped

    def counted(maps: torch.Tensor, *sizes: tuple[int, int]) -> torch.Tensor:
        most.append(len(maps))
        return raised(maps, *sizes)

    monkeypatch.setattr(aggregate, "clamped", counted)
    monkeypatch.setattr(aggregate, "AT_ONCE", 2 * cells + 1)
    limit_cache(0)
    pieces = heat_maps(run)
    assert (pieces.word("cat").values - word).abs().max() < 1e-7
    assert max(most) == 2
    for pair, other in pieces.by_head("cat").items():
        assert torch.equal(other.values, each[pair].values)
    limit_cache(DEFAULT_LIMIT)
