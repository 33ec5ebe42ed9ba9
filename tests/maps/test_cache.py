import gc
import threading
import weakref

import pytest
import torch

from daam_nb.errors import SelectionError
from daam_nb.maps import cache as cache_module
from daam_nb.maps import heat_maps, limit_cache
from daam_nb.maps.cache import CACHE, DEFAULT_LIMIT, TensorCache
from tests.tiny_recordings import tiny_recording


def kib(n: int) -> tuple[torch.Tensor, ...]:
    return (torch.zeros(n, 1024, dtype=torch.uint8),)


def test_the_longest_unused_go_first() -> None:
    cache, run, other = TensorCache(3 * 1024), tiny_recording(), tiny_recording()
    for owner, key in ((run, "a"), (run, "b"), (other, "a")):
        cache.get_or_make(owner, key, lambda: kib(1))
    assert cache.nbytes == 3 * 1024
    assert cache.get(run, "a") is not None  # used now, so that b is the oldest
    cache.get_or_make(other, "c", lambda: kib(1))
    assert cache.nbytes == 3 * 1024
    assert cache.get(run, "b") is None
    assert cache.get(run, "a") is not None and cache.get(other, "a") is not None


def test_what_is_kept_is_not_made_again() -> None:
    cache, run = TensorCache(4096), tiny_recording()
    first = cache.get_or_make(run, "a", lambda: kib(1))
    assert cache.get_or_make(run, "a", lambda: pytest.fail("made twice")) is first


def test_what_is_larger_than_the_limit_is_handed_out_and_not_kept() -> None:
    cache, run = TensorCache(1024), tiny_recording()
    cache.get_or_make(run, "small", lambda: kib(1))
    assert cache.get_or_make(run, "large", lambda: kib(2))[0].nbytes == 2048
    assert cache.get(run, "large") is None
    assert cache.get(run, "small") is not None


def test_a_lower_limit_frees_at_once() -> None:
    cache, run = TensorCache(4096), tiny_recording()
    for key in "abcd":
        cache.get_or_make(run, key, lambda: kib(1))
    cache.limit = 2048
    assert cache.nbytes == 2048
    assert cache.get(run, "d") is not None


def test_everything_goes_with_the_recording() -> None:
    run = tiny_recording(steps=4)
    heat_maps(run, steps=[1, 2]).values, heat_maps(run).values
    kept = CACHE.get(run, ("sums", "attention", False, 1))
    assert kept is not None
    held, gone = weakref.ref(run), weakref.ref(kept[0])
    before = CACHE.nbytes
    del run, kept
    gc.collect()
    assert held() is None and gone() is None
    assert CACHE.nbytes < before


@pytest.fixture
def small_limit() -> object:
    yield limit_cache
    limit_cache(DEFAULT_LIMIT)


def test_heat_maps_stay_within_the_limit(small_limit: object) -> None:
    run = tiny_recording(steps=6)
    one_token = (6 + 1) * 4 * sum(la.heads * la.size[0] * la.size[1] for la in run.layers)
    expected = heat_maps(run, steps=[1, 2]).values
    limit_cache(0)
    assert CACHE.nbytes == 0
    limit_cache(2 * one_token)
    again = tiny_recording(steps=6)
    assert torch.allclose(heat_maps(again, steps=[1, 2]).values, expected, rtol=0, atol=1e-7)
    assert CACHE.nbytes == 0, "seven tokens do not fit, so that none pushes out the others"
    for column in again.columns:
        made = heat_maps(again, steps=[1, 2]).token(column).values
        assert torch.allclose(made, expected[column], rtol=0, atol=1e-7)
        assert CACHE.nbytes <= 2 * one_token
    assert CACHE.nbytes == 2 * one_token


@pytest.mark.parametrize("garbage", [-1, 1.5, True, None, "1"])
def test_limits_that_cannot_be(garbage: object) -> None:
    with pytest.raises(SelectionError, match="whole number of bytes >= 0"):
        limit_cache(garbage)  # type: ignore[arg-type]


def test_threads_get_the_same_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_recording(steps=6)
    ranges = [slice(a, b) for a in range(6) for b in range(a + 1, 7)]
    expected = [heat_maps(tiny_recording(steps=6), steps=r).values for r in ranges]
    one_token = (6 + 1) * 4 * sum(la.heads * la.size[0] * la.size[1] for la in run.layers)
    # So little room that the threads push out each other's sums all the time.
    monkeypatch.setattr(cache_module.CACHE, "_limit", 8 * one_token)
    wrong: list[object] = []

    def work(offset: int) -> None:
        try:
            for i in range(len(ranges)):
                at = (i + offset) % len(ranges)
                made = heat_maps(run, steps=ranges[at]).values
                if not torch.equal(made, expected[at]):
                    wrong.append(ranges[at])
                other = tiny_recording(steps=6, seed=offset)
                heat_maps(other, steps=ranges[at]).word("cat")
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(n * 5,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("steps", [None, [1, 2]])
@pytest.mark.parametrize("way", ["torch", "numpy", "exchanged"])
def test_maps_of_a_recording_that_was_written_into_are_of_what_it_holds_now(
    way: str, steps: list[int] | None
) -> None:
    run = tiny_recording(steps=4)
    before = heat_maps(run, layers="all", steps=steps).values.clone()
    assert before.max() > 0
    for layer in run.layers:
        if way == "torch":
            run.attention[layer.name][:] = 0
        elif way == "numpy":
            run.attention[layer.name].numpy()[:] = 0
        else:
            zeros = torch.zeros_like(run.attention[layer.name])
            run.attention[layer.name] = zeros  # type: ignore[index]
    assert heat_maps(run, layers="all", steps=steps).values.abs().max() == 0


def test_one_number_written_past_torch_is_noticed() -> None:
    run = tiny_recording(steps=4)
    layer = run.layers[0].name
    alone = heat_maps(run, layers=layer, heads=0)
    before = alone.token(run.columns[0]).values.clone()
    run.attention[layer].numpy()[2, 0, 0, 0, 0] += 0.25
    assert not torch.equal(
        heat_maps(run, layers=layer, heads=0).token(run.columns[0]).values, before
    )
