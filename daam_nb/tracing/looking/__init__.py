"""`look`: the attention to a prompt in an image that the model did not make.

images      an image in any accepted form -> RGB pixels that fit the latent grid
encoding    pixels -> latents, by the pipeline's VAE
timesteps   the noise levels of the latents
schedules   the loop's scheduler: it returns the noised latents, one timestep after the other
recorded    the pipeline's own loop, traced on them
"""

from __future__ import annotations

from daam_nb.tracing.looking.recorded import look

__all__ = ["look"]
