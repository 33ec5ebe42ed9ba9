"""The command line: one prompt in, a folder of images, maps and the recording out.

May import every floor below, but only where it is needed: ``daam-nb --help`` and a mistyped
option answer without loading torch, and ``daam-nb open`` never loads diffusers.
"""

from __future__ import annotations

from daam_nb.cli.program import main

__all__ = ["main"]
