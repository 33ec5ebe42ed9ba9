"""A pipeline -> a `Recording`: the floor that knows how diffusers computes.

A trace wraps calls (who and when) and taps the functions that compute attention (what). Both
patches are on classes and modules, never on the user's objects, and only while a trace is open; the
image is the untraced one, bit for bit. Functions that do change the image are separate, in
`intervening`.

May import: torch, diffusers and the floors below (recording, prompt, errors); never maps, show,
studies, and nothing of widgets, plotly, spaCy or pandas.
"""

from __future__ import annotations

from daam_nb.tracing.effects.adding import add_effects
from daam_nb.tracing.forming import forming_images
from daam_nb.tracing.gradients.adding import add_gradients
from daam_nb.tracing.gradients.region import RegionGradient, region_gradient
from daam_nb.tracing.intervening import Alignment, ablate, align, replay, reweight
from daam_nb.tracing.looking import look
from daam_nb.tracing.making import Reproduction, generate, redraw, reproduce
from daam_nb.tracing.models import register_adapter, vouch_for
from daam_nb.tracing.session import Tracer, trace

__all__ = [
    "Alignment",
    "RegionGradient",
    "Reproduction",
    "Tracer",
    "ablate",
    "add_effects",
    "add_gradients",
    "align",
    "forming_images",
    "generate",
    "look",
    "redraw",
    "region_gradient",
    "register_adapter",
    "replay",
    "reproduce",
    "reweight",
    "trace",
    "vouch_for",
]
