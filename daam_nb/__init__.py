"""daam_nb: heat maps of every word of a prompt, from the attention of diffusion models.

Records the attention of diffusers text-to-image pipelines to their prompt, by step, layer and head,
and turns a recording into heat maps, figures and numbers.

The public names are those of `__init__.pyi`, which is also what editors and type checkers read.
They are resolved on first use (PEP 562, SPEC 1): importing this package reads only that file,
patches nothing, and loads neither torch nor diffusers.
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
