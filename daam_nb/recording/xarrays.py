"""A recording as labeled arrays of xarray, which is imported on use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daam_nb.errors import MissingExtraError, SelectionError
from daam_nb.recording import picking
from daam_nb.recording.layers import attention_unit

if TYPE_CHECKING:
    from daam_nb.recording.layers import Layer
    from daam_nb.recording.recording import Recording


def import_xarray(purpose: str) -> Any:
    """Return the package xarray; raises `MissingExtraError` if it is not installed."""
    try:
        import xarray
    except ImportError:
        raise MissingExtraError("xarray", "studies", purpose) from None
    return xarray


def layer_array(run: Recording, choice: str | Layer, *, negative: bool) -> Any:
    """Make a DataArray of one layer's attention: (step, head, token, y, x)."""
    xarray = import_xarray("Recording.to_xarray()")
    layer = picking.layer_of(run, choice)
    attention = picking.attention_of(run, layer, negative=negative)
    prompt = run.negative_prompt if negative else run.prompt
    columns = run.negative_columns if negative else run.columns
    assert prompt is not None  # there is attention of it
    summed, unit = run.kept == "sum", attention_unit([layer])
    steps = {} if summed else {"step": list(run.steps)}
    timesteps = {} if summed else {"timestep": ("step", [run.timesteps[i] for i in run.steps])}
    values = attention[0] if summed else attention
    return xarray.DataArray(
        _as_numpy(values),
        dims=(*steps, "head", "token", "y", "x"),
        coords={
            **steps,
            **timesteps,
            "head": range(layer.heads),
            "token": list(columns),
            "piece": ("token", [prompt.tokens[column].piece for column in columns]),
            "y": range(layer.size[0]),
            "x": range(layer.size[1]),
        },
        name="attention",
        attrs={
            "layer": layer.name,
            "stage": layer.stage,
            "attention": layer.attention,
            "prompt": prompt.text,
            "units": f"{unit}, summed over {len(run.steps)} steps" if summed else unit,
        },
    )


def tree(run: Recording, *, negative: bool) -> Any:
    """Make a DataTree of all layers' attention, with a node for each layer."""
    xarray = import_xarray("Recording.to_xarray()")
    if any("/" in layer.name for layer in run.layers):
        raise SelectionError(
            "A layer of this recording has '/' in its name, which separates the nodes of a tree. "
            "Take its layers one by one: run.to_xarray(layer)."
        )
    children = {
        layer.name: xarray.DataTree(
            layer_array(run, layer, negative=negative).to_dataset(name="attention")
        )
        for layer in run.layers
    }
    facts = run.facts
    attrs = {"model": facts.model, "pipeline": facts.pipeline, "prompt": run.prompt.text}
    return xarray.DataTree(xarray.Dataset(attrs=attrs), children=children)


def _as_numpy(values: Any) -> Any:
    """A copy, so that writing into it leaves the recording as it is; bfloat16 as float32."""
    import torch

    return (values.float() if values.dtype == torch.bfloat16 else values).numpy(force=True).copy()
