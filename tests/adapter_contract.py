"""What every adapter of a model family has to pass: subclass `AdapterContract`, say how to build.

    class TestPixArt(AdapterContract):
        adapter = PixArt
        build = staticmethod(pixart)                   # a tiny pipeline; equal ones from two calls
        call = {"guidance_scale": 1.0}                 # a call without guidance
        guided = {"guidance_scale": 4.5}               # one with a negative prompt; None: none

Nothing here asks the adapter where something is. Where a column of the text and a cell of the
image stand among keys and queries is found out by changing them and looking what changes; attention
is worked out anew, in float64, of the queries and keys that the kernel was given; which row is
whose is told by drawing each prompt alone; and which column a word has, by exchanging the word.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from daam_nb import load
from daam_nb.errors import DaamError, UnsupportedPipelineError
from daam_nb.recording import Recording
from daam_nb.tracing import ablate, forming_images, generate, replay, reproduce, trace
from daam_nb.tracing.encodings import EncoderMemory
from daam_nb.tracing.models import Adapter, adapter_of, registry
from daam_nb.tracing.naming import Naming, Told
from tests.kernel_spy import Spy, Watch
from tests.tracing.traces import assert_nothing_left, snapshot

PROMPT = "a red cat and a giraffe"
OTHER = "a dog"
AWKWARD = (
    "A red cat (big) and a giraffe",
    "a “red” cat — a dog!",
    "a dog: the cat, red...",
)
"""Prompts with signs that pipelines clean away or exchange."""

STEPS = 2
EXACT = 2e-6
"""Largest difference of a probability, all being float32 but the expected one."""

BATCHED = 1e-4
"""Largest difference of a probability where a row is drawn in another batch."""


class AdapterContract:
    """Tests of one adapter. See the module.

    Attributes
    ----------
    adapter
        The class under test; registered while the tests run where it is not among those that ship.
    call, guided
        Arguments of calls without and with guidance; `guided` None: the family has none.
    size
        (height, width) of the images, not square.
    mixes_cells
        Whether the denoiser mixes neighboring cells before its layers, as convolutions do: a cell
        is then looked for near the query that changes most with it.
    awkward_prompts
        Prompts that hold "cat" once, with signs that the pipeline may clean away. Add those that
        it rewrites in ways of its own; what it does with optional packages (ftfy, bs4) is seen
        only where they are installed.
    """

    adapter: ClassVar[type[Adapter]]
    call: ClassVar[Mapping[str, Any]] = {}
    guided: ClassVar[Mapping[str, Any] | None] = None
    size: ClassVar[tuple[int, int]] = (64, 96)
    mixes_cells: ClassVar[bool] = False
    awkward_prompts: ClassVar[Sequence[str]] = AWKWARD

    @staticmethod
    def build() -> Any:
        """Build a tiny pipeline with weights of a fixed seed."""
        raise NotImplementedError

    # What the tests stand on -------------------------------------------------------------------

    @pytest.fixture(autouse=True)
    def _registered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if self.adapter not in registry._BUILT_IN:
            monkeypatch.setattr(registry, "_registered", [self.adapter])

    @pytest.fixture
    def pipe(self) -> Any:
        return self.build()

    def _arguments(self, call: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        size = {"height": self.size[0], "width": self.size[1]}
        chosen = self.call if call is None else call
        return size | {"num_inference_steps": STEPS} | dict(chosen) | changes

    def _run(self, pipe: Any, prompt: Any = PROMPT, **changes: Any) -> np.ndarray:
        count = 1 if isinstance(prompt, str) else len(prompt)
        generators = [torch.Generator().manual_seed(seed) for seed in range(count)]
        call = self._arguments(**changes) | {"output_type": "np"}
        return np.asarray(pipe(prompt=prompt, generator=generators, **call).images)

    def _record(self, pipe: Any, prompt: Any = PROMPT, **options: Any) -> list[Recording]:
        options = {"dtype": torch.float32, "tokens": "all"} | options
        made = generate(pipe, prompt, seed=0, **self._arguments(), **options)
        return [made] if isinstance(made, Recording) else made

    def _watch(self, pipe: Any) -> Watch:
        adapter = adapter_of(pipe)
        with Spy(adapter.net, dict(adapter.modules())) as spy:
            images = self._run(pipe)
        return Watch(images, spy.arguments, spy.kernels)

    # The image, and what is left ----------------------------------------------------------------

    def test_the_image_is_the_untraced_one_and_nothing_is_left(self, pipe: Any) -> None:
        untraced = self._run(pipe)
        before = snapshot(pipe)
        with trace(pipe):
            traced = self._run(pipe)
        assert np.array_equal(traced, untraced)
        assert np.array_equal(self._run(pipe), untraced)
        assert untraced.std() > 0.01  # not one gray plane
        assert_nothing_left(before, snapshot(pipe))

    def test_a_copy_holds_nothing_of_ours(self, pipe: Any) -> None:
        untraced = self._run(pipe)
        with trace(pipe):
            twin = copy.deepcopy(pipe)
            self._run(pipe)
        before = snapshot(twin)
        assert np.array_equal(self._run(twin), untraced)
        assert_nothing_left(before, snapshot(twin))

    def test_after_an_error_nothing_is_left(self, pipe: Any) -> None:
        self._run(pipe)
        before = snapshot(pipe)
        with pytest.raises(ZeroDivisionError), trace(pipe):
            self._run(pipe)
            raise ZeroDivisionError
        assert_nothing_left(before, snapshot(pipe))

    # The numbers ----------------------------------------------------------------------------------

    def test_layers_are_those_that_run_in_their_order(self, pipe: Any) -> None:
        watch, (run,) = self._watch(pipe), self._record(pipe)
        for kernels in watch.kernels:
            assert list(kernels) == [layer.name for layer in run.layers]
        assert all(layer.attention in ("cross", "joint") for layer in run.layers)
        assert len({layer.label for layer in run.layers}) == len(run.layers)

    def test_the_probabilities_are_those_of_the_kernels(self, pipe: Any) -> None:
        """At probed columns and cells, in every layer, head and step."""
        watch, (run,) = self._watch(pipe), self._record(pipe)
        assert len(watch.kernels) == STEPS, "the call in `call` is guided: it is to be without"
        height, width = run.facts.latent_size
        cells = [(0, 0), (height // 2, width // 3), (height - 1, width - 1), (0, width - 1)]
        columns = [0, len(run.columns) // 2, len(run.columns) - 1]
        keys = {column: self._key_positions(pipe, watch, column) for column in columns}
        queries = {cell: self._query_positions(pipe, watch, cell) for cell in cells}
        for layer in run.layers:
            for (y, x), positions in queries.items():
                at = (y * layer.size[0] // height, x * layer.size[1] // width)
                query = self._query(positions[layer.name], at, layer.size)
                for column in columns:
                    for step in range(STEPS):
                        seen = watch.kernels[step][layer.name].attention[0]
                        expected = seen[:, query, keys[column][layer.name]]
                        got = run.attention[layer.name][step, :, column, at[0], at[1]]
                        difference = float((got - expected).abs().max())
                        assert difference <= EXACT, (layer.name, step, (y, x), column)

    def _query(self, position: int, cell: tuple[int, int], size: tuple[int, int]) -> int:
        """The query of a cell of a layer: where it was seen, or near that where cells are mixed."""
        if not self.mixes_cells:
            return position
        seen = divmod(position, size[1])
        apart = [abs(a - b) for a, b in zip(seen, cell, strict=True)]
        assert max(apart) <= 2, (seen, cell, size)
        return cell[0] * size[1] + cell[1]

    def test_the_text_has_its_share(self, pipe: Any) -> None:
        """In cross-attention all of it, in joint attention a part that is neither 0 nor 1."""
        (run,) = self._record(pipe)
        for layer in run.layers:
            mass = run.attention[layer.name].sum(dim=2)
            if layer.attention == "cross":
                assert torch.allclose(mass, torch.ones_like(mass), atol=1e-5), layer.name
            else:
                assert float(mass.min()) > 0 and float(mass.max()) < 1 + 1e-5, layer.name
                assert float(mass.mean()) < 0.99, layer.name

    def _key_positions(self, pipe: Any, watch: Watch, column: int) -> dict[str, int]:
        """Layer -> the key that changes most where one column of the first row's text does."""
        adapter = adapter_of(pipe)
        arguments = copy.deepcopy(watch.arguments[0])
        inputs = adapter.inputs(arguments)
        assert inputs is not None
        own = adapter.stream().rows(inputs.text[0])[column]  # a view: the arguments change
        own += 0.05 * torch.randn(own.shape, generator=torch.Generator().manual_seed(1)).to(own)
        changes = self._changes(pipe, watch, arguments, "key")
        first = next(iter(changes.values()))
        # Nothing is mixed before the first layer.
        assert int((first > 0).sum()) == 1, "several keys change with one column of the text"
        return {name: int(change.argmax()) for name, change in changes.items()}

    def _query_positions(self, pipe: Any, watch: Watch, cell: tuple[int, int]) -> dict[str, int]:
        """Layer -> the query that changes most where one cell of the first row's latents does."""
        adapter = adapter_of(pipe)
        arguments = copy.deepcopy(watch.arguments[0])
        inputs = adapter.inputs(arguments)
        assert inputs is not None
        sample = inputs.sample[0]
        numbers = torch.arange(sample.numel()).view(sample.shape)[None]
        # Where a cell's numbers stand in latents that may be packed.
        places = adapter.latents(numbers, inputs.latent_size)[0][:, cell[0], cell[1]]
        flat = sample.view(-1)  # a view: the arguments change
        flat[places] += 0.05
        changes = self._changes(pipe, watch, arguments, "query")
        return {name: int(change.argmax()) for name, change in changes.items()}

    def _changes(
        self, pipe: Any, watch: Watch, arguments: dict[str, Any], what: str
    ) -> dict[str, Tensor]:
        """Layer -> by how much each key or query of the first row differs from the watched run."""
        adapter = adapter_of(pipe)
        with torch.no_grad(), Spy(adapter.net, dict(adapter.modules())) as spy:
            adapter.net(**arguments)
        before, after = watch.kernels[0], spy.kernels[0]
        return {
            name: (getattr(after[name], what)[0] - getattr(before[name], what)[0])
            .abs()
            .amax(dim=(0, 2))
            for name in before
        }

    def test_the_grid_is_the_images(self, pipe: Any) -> None:
        for height, width in (self.size, self.size[::-1]):
            call = self._arguments(height=height, width=width)
            run = generate(pipe, PROMPT, seed=0, **call)
            assert isinstance(run, Recording) and run.image is not None
            assert run.facts.image_size == (run.image.height, run.image.width) == (height, width)
            for layer in run.layers:
                assert (layer.size[0] > layer.size[1]) == (height > width)

    # Rows, words, lengths -------------------------------------------------------------------------

    def test_rows_are_told_apart(self, pipe: Any) -> None:
        """Each prompt of a batch has the maps that it has alone, whatever the others' lengths."""
        prompts = [PROMPT, OTHER]
        together = self._record(pipe, prompts)
        for seed, (prompt, run) in enumerate(zip(prompts, together, strict=True)):
            alone = generate(
                pipe, prompt, seed=seed, dtype=torch.float32, tokens="all", **self._arguments()
            )
            assert isinstance(alone, Recording)
            assert run.prompt == alone.prompt and run.prompt.text == prompt
            self._assert_alike(run.attention, alone.attention)

    def test_images_per_prompt_stand_side_by_side(self, pipe: Any) -> None:
        runs = generate(pipe, [PROMPT, OTHER], seed=0, num_images_per_prompt=2, **self._arguments())
        assert isinstance(runs, list)
        assert [run.prompt.text for run in runs] == [PROMPT, PROMPT, OTHER, OTHER]

    def test_the_negative_prompt_has_its_own_maps(self, pipe: Any) -> None:
        """Those that it would have as the prompt, of the same noise: in the first step."""
        if self.guided is None:
            pytest.skip("this family has no negative prompt")
        texts = [(PROMPT, OTHER), (OTHER, PROMPT)]
        runs = []
        for prompt, negative in texts:
            call = self._arguments(self.guided, negative_prompt=negative)
            options = {"dtype": torch.float32, "tokens": "all", "negative": True}
            run = generate(pipe, prompt, seed=0, **call, **options)
            assert isinstance(run, Recording) and run.negative_prompt is not None
            assert run.negative_prompt.text == negative
            said = [item.what for item in run.manifest.skipped]
            assert "the check of batch rows against the encoded text" not in said
            assert run.facts.guidance == self.guided[self.adapter.guidance_argument]
            runs.append(run)
        for one, other in (runs, runs[::-1]):
            maps = {name: maps[:1] for name, maps in one.negative_attention.items()}
            expected = {name: maps[:1] for name, maps in other.attention.items()}
            self._assert_alike(maps, expected)

    def test_the_same_text_twice_is_told_apart_by_order(self, pipe: Any) -> None:
        if self.guided is None:
            pytest.skip("this family has no negative prompt")
        call = self._arguments(self.guided, negative_prompt=PROMPT)
        run = generate(pipe, PROMPT, seed=0, **call)
        assert isinstance(run, Recording)
        assert any("the check of batch rows" in item.what for item in run.manifest.skipped)

    def test_blocks_and_passes_stand_in_the_order_that_is_said(self, pipe: Any) -> None:
        """`batch_orders` and `separate_passes`: which decide where both texts are the same."""
        if self.guided is None:
            pytest.skip("this family has no negative prompt")
        adapter = adapter_of(pipe)
        texts = {"p": self._first_text(pipe, PROMPT), "n": self._first_text(pipe, OTHER)}
        with Spy(adapter.net, {}) as spy:
            self._run(pipe, call=self.guided, negative_prompt=OTHER)
        passes = len(spy.arguments) // STEPS
        order = ""
        for arguments in spy.arguments[:passes]:
            inputs = adapter.inputs(arguments)
            assert inputs is not None
            order += "".join(_nearest(row, texts, adapter) for row in inputs.text)
        expected = adapter.separate_passes or adapter.batch_orders.get(len(order))
        assert order == expected, f"guidance runs in the order {order!r}"

    def test_words_stand_in_the_columns_that_were_read(self, pipe: Any) -> None:
        """Where a word is exchanged for another, its own column changes first, or most."""
        before = self._first_text(pipe, PROMPT)
        (run,) = self._record(pipe)
        for word, other in (("red", "blue"), ("cat", "dog")):
            after = self._first_text(pipe, PROMPT.replace(word, other))
            (column,) = run.prompt.token_indices(word)
            changes = (after - before).abs().amax(dim=1)
            first = int((changes > 0).nonzero()[0])  # of an encoder that reads from left to right
            assert column in (first, int(changes.argmax())), word
        assert [word.text for word in run.prompt.read_words] == PROMPT.split()
        assert len(run.prompt.token_indices("giraffe")) == 2

    def _first_text(self, pipe: Any, prompt: str) -> Tensor:
        return adapter_of(pipe).stream().rows(self._whole_text(pipe, prompt))

    def _whole_text(self, pipe: Any, prompt: str) -> Tensor:
        """(key, channel) that the denoiser is given of a prompt, of all text streams."""
        adapter = adapter_of(pipe)
        with Spy(adapter.net, {}) as spy:
            self._run(pipe, prompt)
        inputs = adapter.inputs(spy.arguments[0])
        assert inputs is not None
        return inputs.text[0]

    def test_prompts_of_any_length(self, pipe: Any) -> None:
        for prompt in ("", "cat", "a red cat " * 4):
            run = generate(pipe, prompt, seed=0, **self._arguments())
            assert isinstance(run, Recording) and run.prompt.text == prompt
            assert run.columns

    def test_capital_letters_and_spaces(self, pipe: Any) -> None:
        """Whatever the pipeline makes of them, words are those of the prompt as it was given."""
        run = generate(pipe, "A red Cat", seed=0, **self._arguments())
        assert isinstance(run, Recording)
        assert run.prompt.text == "A red Cat" and run.prompt.token_indices("Cat")

    def test_words_between_signs_are_found_where_they_were_read(self, pipe: Any) -> None:
        for prompt in self.awkward_prompts:
            run = generate(pipe, prompt, seed=0, **self._arguments())
            assert isinstance(run, Recording)
            assert run.prompt.text == prompt, "`rewrites` does not say what was read"
            (column,) = run.prompt.token_indices("cat")
            change = self._first_text(pipe, prompt.replace("cat", "dog"))
            change = (change - self._first_text(pipe, prompt)).abs().amax(dim=1)
            assert column in (int((change > 0).nonzero()[0]), int(change.argmax())), prompt
            if prompt in AWKWARD:  # no pipeline may drop its words
                assert run.prompt.read_words == run.prompt.words

    def test_embeddings_from_elsewhere_are_recognized(self, pipe: Any) -> None:
        """The encoder that is asked makes of a text what the pipeline made of it: `masked`."""
        adapter = adapter_of(pipe)
        for prompt in (PROMPT, "A red Cat"):
            text = self._whole_text(pipe, prompt)
            for stream in adapter.text_streams():
                naming = Naming(adapter, stream, EncoderMemory())  # nobody saw it encode
                named = naming.named(text, Told(prompt, "prompt", by_call=False))
                assert named.prompt.text == prompt and named.ids is not None, stream.name

    # What is made of it ---------------------------------------------------------------------------

    def test_the_last_latents_are_the_image(self, pipe: Any) -> None:
        (run,) = self._record(pipe)
        (last,) = forming_images(run, pipe, steps=-1)
        assert np.array_equal(np.asarray(last), np.asarray(run.image))

    def test_it_is_saved_opened_and_made_again(self, pipe: Any, tmp_path: Path) -> None:
        (run,) = self._record(pipe)
        back = load(run.save(tmp_path / "run"))
        assert back.layers == run.layers and back.prompt == run.prompt
        assert all(torch.equal(back.attention[name], run.attention[name]) for name in run.attention)
        assert reproduce(back, pipe)

    def test_what_it_supports_is_exact_and_the_rest_is_refused(self, pipe: Any) -> None:
        untraced, before = self._run(pipe), snapshot(pipe)
        if "intervene" in self.adapter.supports:
            with ablate(pipe, layers=[]):
                assert np.array_equal(self._run(pipe), untraced)
            with trace(pipe) as tracer, ablate(pipe, words="cat"):
                assert not np.array_equal(self._run(pipe), untraced)
            (run,) = tracer.recordings
            kept = [run.columns.index(c) for c in run.prompt.token_indices("cat")]
            assert all(not bool(maps[:, :, kept].any()) for maps in run.attention.values())
        else:
            with pytest.raises(UnsupportedPipelineError, match=r"trace\(pipe\)"):
                ablate(pipe, words="cat")
        if "replay" in self.adapter.supports:
            with trace(pipe, keep="replay", dtype=torch.float32) as tracer:
                self._run(pipe)
            with replay(pipe, tracer.recording):
                assert np.allclose(self._run(pipe), untraced, atol=1e-3)
        else:
            with pytest.raises(UnsupportedPipelineError, match="cannot be replayed"):
                trace(pipe, keep="replay")
        assert_nothing_left(before, snapshot(pipe))

    def test_no_such_encoder(self, pipe: Any) -> None:
        with pytest.raises(DaamError, match="encoder='none' is not a text encoder"):
            trace(pipe, encoder="none")

    def _assert_alike(self, got: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
        assert list(got) == list(expected)
        for name, maps in got.items():
            assert maps.shape == expected[name].shape, name
            assert float((maps - expected[name]).abs().max()) <= BATCHED, name


def _nearest(row: Tensor, texts: Mapping[str, Tensor], adapter: Adapter) -> str:
    """The letter of the text that a row of the denoiser's text is of."""
    own = adapter.stream().rows(row)

    def difference(letter: str) -> float:
        common = min(len(own), len(texts[letter]))
        return float((own[:common] - texts[letter][:common]).abs().max())

    return min(texts, key=difference)
