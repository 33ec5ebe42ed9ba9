"""The derivative of the denoiser's output with respect to the text, at a recording's own latents.

passes.py       the recorded passes of the prompt's row, followed through the pipeline's own loop
derivative.py   the denoiser, differentiated forwards along a direction of the text, or backwards
adding.py       `add_gradients`: words -> where the prediction changes
region.py       `region_gradient`: a region -> the words that it depends on

Nothing here changes the pipeline, and nothing is drawn.
"""

from __future__ import annotations
