"""DAAM 0.2.0's `trace` and `set_seed`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import torch

from daam_nb.compat.experiment import GenerationExperiment
from daam_nb.compat.heatmaps import GlobalHeatMap, paper_order
from daam_nb.errors import (
    SelectionError,
    UnknownOptionError,
    UnsupportedPipelineError,
    WordNotFoundError,
)
from daam_nb.kinds import check_flag, check_path, names_checked, number_between
from daam_nb.recording import Recording

if TYPE_CHECKING:
    from PIL import Image


def set_seed(seed: int) -> torch.Generator:
    """Make a generator with this seed, for ``pipe(..., generator=set_seed(0))``.

    DAAM 0.2.0 seeded Python's, numpy's and torch's global state as well; this seeds nothing else.
    The generator is on the CPU, so that the image does not depend on the device.
    """
    seed = number_between(seed, "seed", low=0, high=2**64 - 1)
    return torch.Generator("cpu").manual_seed(seed)


class trace:
    """DAAM 0.2.0's ``trace``: watch a pipeline, then ask for heat maps of its last image.

    Parameters
    ----------
    pipeline
        A diffusers pipeline, as for `daam_nb.trace`.
    low_memory
        Keep one running sum over steps. Unlike in DAAM, the maps are the same.
    load_heads, save_heads, data_dir
        Not supported: save a recording with ``tc.recording.save(path)``.
    **options
        Further options of `daam_nb.trace` (``dtype=torch.float32`` for exact numbers).

    Examples
    --------
    >>> with trace(pipe) as tc:  # doctest: +SKIP
    ...     out = pipe("A dog runs across the field", generator=set_seed(0))
    ...     tc.compute_global_heat_map().compute_word_heat_map("dog").plot_overlay(out.images[0])
    """

    def __init__(
        self,
        pipeline: Any,
        low_memory: bool = False,
        load_heads: bool = False,
        save_heads: bool = False,
        data_dir: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        from daam_nb.tracing.session import trace as open_trace

        if load_heads or save_heads or data_dir is not None:
            raise SelectionError(
                "load_heads, save_heads and data_dir are not supported: the recording holds every "
                "head. Save it with tc.recording.save(path), open it with daam_nb.load(path)."
            )
        check_flag(low_memory, "low_memory")
        if "keep" in options:
            raise UnknownOptionError("trace() takes no argument 'keep'; use low_memory=.")
        self._tracer = open_trace(pipeline, keep="sum" if low_memory else "steps", **options)
        if self._tracer.adapter.component != "unet":
            raise UnsupportedPipelineError(
                f"DAAM 0.2.0 supports only UNets, and {type(pipeline).__name__} has none. Use "
                "daam_nb.trace and daam_nb.heat_maps, which read its joint attention."
            )

    def __enter__(self) -> Self:
        self._tracer.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._tracer.__exit__(kind, error, traceback)

    @property
    def recording(self) -> Recording:
        """The whole recording of the last image: every step, layer and head.

        Raises
        ------
        NothingRecordedError
            If the pipeline has not been called yet.
        """
        return self._tracer.recordings[-1] if self._tracer.recordings else self._tracer.recording

    @property
    def last_prompt(self) -> str:
        """The prompt of the last image."""
        return self.recording.prompt.text

    @property
    def last_image(self) -> Image.Image | None:
        """The last image."""
        return self.recording.image

    @property
    def layer_names(self) -> list[str]:
        """The layers counted by `layer_idx`: the up blocks, then the down blocks."""
        return [layer.name for layer in paper_order(self.recording)]

    @names_checked
    def compute_global_heat_map(
        self,
        prompt: str | None = None,
        factors: Iterable[int] | None = None,
        head_idx: int | None = None,
        layer_idx: int | None = None,
        normalize: bool = False,
    ) -> GlobalHeatMap:
        """Make maps of every token of the last image, summed over steps.

        Parameters
        ----------
        prompt
            Must be the prompt of a recorded image; default: the last one's.
        factors
            Only layers whose grid is the latent grid divided by one of these. Default: all.
        head_idx
            Only this head of each layer (layers without it are left out, as in DAAM).
        layer_idx
            Only this layer, counted over the up blocks and then the down blocks.
        normalize
            Divide by the sum over the words' tokens (without start and end of text) per cell.

        Returns
        -------
        GlobalHeatMap
            ``heat_maps`` of shape (token, y, x), float32, the start of text first.
        """
        run = self._recorded(prompt)
        return GlobalHeatMap.of(
            run,
            factors=factors,
            head_idx=head_idx,
            layer_idx=layer_idx,
            normalize=normalize,
        )

    def to_experiment(
        self,
        path: str | os.PathLike[str],
        seed: int | None = None,
        id: str = ".",
        subtype: str = ".",
        **compute_kwargs: Any,
    ) -> GenerationExperiment:
        """Make an experiment of the last image with its maps, to be saved below `path`.

        Parameters
        ----------
        path, id, subtype
            Where `GenerationExperiment.save` writes: ``path/id/subtype``, each of the last two the
            name of one folder.
        seed
            Seed of the image, if its recording does not hold it.
        **compute_kwargs
            The maps, as in `compute_global_heat_map`; with `prompt` the image of that prompt.

        Raises
        ------
        SelectionError
            If the seed is not a seed or differs from the recording's, or a name is not that of one
            folder.
        """
        run = self._recorded(compute_kwargs.get("prompt"))
        return GenerationExperiment(
            path=check_path(path, "path"),
            recording=run,
            global_heat_map=self.compute_global_heat_map(**compute_kwargs),
            seed=run.facts.seed if seed is None else seed,
            id=id,
            subtype=subtype,
        )

    def _recorded(self, prompt: str | None) -> Recording:
        if prompt is None or prompt == self.recording.prompt.text:
            return self.recording
        for run in reversed(self._tracer.recordings):
            if run.prompt.text == prompt:
                return run
        known = sorted({run.prompt.text for run in self._tracer.recordings})
        raise WordNotFoundError(f"This trace drew no image from {prompt!r}, only from {known}.")
