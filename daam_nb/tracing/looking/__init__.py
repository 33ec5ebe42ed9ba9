"""`look`: the attention to a prompt in an image that the model did not draw.

images      what is given as an image -> RGB pixels that fit the latents' grid
encoding    pixels -> latents, by the pipeline's VAE
timesteps   how far the latents are noised
schedules   the loop's scheduler: it hands over the noised latents, one timestep after the other
recorded    the pipeline's own loop, traced on them
"""

from __future__ import annotations

from daam_nb.tracing.looking.recorded import look

__all__ = ["look"]
