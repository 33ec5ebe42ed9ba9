"""What layers are given, pass by pass, by plain hooks: for tests that work out what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def inputs_of_layers(
    net: Any, wanted: Callable[[str], bool]
) -> Iterator[dict[str, list[tuple[Any, dict[str, Any]]]]]:
    """Layer name -> (image, named arguments) of each pass, of modules whose name is wanted."""
    seen: dict[str, list[tuple[Any, dict[str, Any]]]] = {}
    handles = []
    for name, module in net.named_modules():
        if wanted(name):

            def note(_: Any, args: Any, kwargs: Any, name: str = name) -> None:
                image = kwargs.get("hidden_states", args[0] if args else None)
                copies = {k: v.clone() for k, v in kwargs.items() if isinstance(v, torch.Tensor)}
                seen.setdefault(name, []).append((image.clone(), copies))

            handles.append(module.register_forward_pre_hook(note, with_kwargs=True))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
