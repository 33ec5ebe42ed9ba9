"""Which pipelines are watched: by class, not by what they look like.

A pipeline is more than its denoiser. Its loop decides what a pass of the denoiser is: the whole
picture or a view of it, one step or several, this prompt or another. So a class is taken because
its loop was read and compared with an independent computation, or because the user vouches for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar
from weakref import WeakSet

from daam_nb.errors import UnsupportedPipelineError, WrongKindError
from daam_nb.tracing import taps

_KNOWN = frozenset(
    f"{name}Pipeline"
    for name in (
        # Stable Diffusion 1.x and 2.x
        "LatentConsistencyModel", "LatentConsistencyModelImg2Img", "StableDiffusion",
        "StableDiffusionAdapter", "StableDiffusionControlNet", "StableDiffusionControlNetImg2Img",
        "StableDiffusionControlNetInpaint", "StableDiffusionControlNetPAG",
        "StableDiffusionControlNetPAGInpaint", "StableDiffusionDepth2Img",
        "StableDiffusionDiffEdit", "StableDiffusionGLIGEN", "StableDiffusionImg2Img",
        "StableDiffusionInpaint", "StableDiffusionInstructPix2Pix", "StableDiffusionLDM3D",
        "StableDiffusionLatentUpscale", "StableDiffusionModelEditing", "StableDiffusionPAG",
        "StableDiffusionPAGImg2Img", "StableDiffusionPAGInpaint", "StableDiffusionSAG",
        "StableDiffusionUpscale", "StableUnCLIP", "StableUnCLIPImg2Img",
        # Stable Diffusion XL
        "StableDiffusionXL", "StableDiffusionXLAdapter", "StableDiffusionXLControlNet",
        "StableDiffusionXLControlNetImg2Img", "StableDiffusionXLControlNetInpaint",
        "StableDiffusionXLControlNetPAG", "StableDiffusionXLControlNetPAGImg2Img",
        "StableDiffusionXLControlNetUnion", "StableDiffusionXLControlNetUnionImg2Img",
        "StableDiffusionXLControlNetUnionInpaint", "StableDiffusionXLImg2Img",
        "StableDiffusionXLInpaint", "StableDiffusionXLInstructPix2Pix", "StableDiffusionXLPAG",
        "StableDiffusionXLPAGImg2Img", "StableDiffusionXLPAGInpaint",
        # Stable Diffusion 3 and 3.5
        "StableDiffusion3", "StableDiffusion3ControlNet", "StableDiffusion3ControlNetInpainting",
        "StableDiffusion3Img2Img", "StableDiffusion3Inpaint",
        # FLUX.1
        "Flux", "FluxControl", "FluxControlImg2Img", "FluxControlInpaint", "FluxControlNet",
        "FluxControlNetImg2Img", "FluxControlNetInpaint", "FluxFill", "FluxImg2Img",
        "FluxInpaint", "FluxKontext", "FluxKontextInpaint",
    )
) | {"StableDiffusionInpaintPipelineLegacy", "StableDiffusionPipelineSafe"}  # fmt: skip

_FRAMES = "it makes a video: its frames are rows of one batch, and no picture of its own is theirs"
_WOVEN = "its control network is woven into the UNet, whose blocks are run apart from it"
_OTHER_BLOCKS = "its UNet is built of other blocks, whose grids are not worked out"
_COMBINED = "it is several pipelines in one, and none of them reads the prompt as Stable Diffusion"

# Classes of diffusers whose loop is known to be another one, and what it does.
_REFUSED = {
    "StableDiffusionPanoramaPipeline": (
        "in each step it paints several views of the picture apart and joins them, so a layer's "
        "grid is that of a view and not of the picture"
    ),
    "StableDiffusionAttendAndExcitePipeline": (
        "it runs its UNet several times in a step, to move the latents towards the words"
    ),
    "StableDiffusionGLIGENTextImagePipeline": (
        "it runs its UNet twice in a step, with its boxes and without them"
    ),
    "StableDiffusionParadigmsPipeline": "it paints several steps at once, in one batch",
    "StableDiffusionPix2PixZeroPipeline": (
        "it runs its UNet twice in a step and changes the attention in between"
    ),
    "CycleDiffusionPipeline": "rows of the picture's own prompt stand in the batch of the new one",
    "SemanticStableDiffusionPipeline": "rows of its editing prompts stand in the prompt's batch",
    "StableDiffusionControlNetXSPipeline": _WOVEN,
    "StableDiffusionXLControlNetXSPipeline": _WOVEN,
    "Kandinsky3Pipeline": _OTHER_BLOCKS,
    "Kandinsky3Img2ImgPipeline": _OTHER_BLOCKS,
    "KandinskyCombinedPipeline": _COMBINED,
    "KandinskyV22CombinedPipeline": _COMBINED,
}
_VIDEO = ("AnimateDiff", "PIAPipeline", "TextToVideo", "VideoToVideo", "I2VGenXL", "StableVideo")

ClassT = TypeVar("ClassT", bound=type)
_vouched: WeakSet[type] = WeakSet()


def vouch_for(pipeline_class: ClassT) -> ClassT:
    """Say that pipelines of a class of your own can be watched, as those of diffusers are.

    A class counts as another one where it has a ``__call__`` of its own; a subclass that inherits
    that of a known class is known. What it must do is what Stable Diffusion's does: run the
    denoiser once for each step of its loop (twice where it guides by a second pass), each time on
    the whole picture, with one row of text for each picture and half of the guidance, each the
    embeddings that its ``encode_prompt`` returned; and call ``scheduler.step`` once, after it.

    Parameters
    ----------
    pipeline_class
        The class, not one of its pipelines. It may be used as a decorator.

    Returns
    -------
    type
        The class itself.

    Raises
    ------
    WrongKindError
        Where it is no class.
    UnsupportedPipelineError
        Where it is a class of diffusers that is known to do something else.

    Notes
    -----
    It holds until Python ends, and recordings say so in their manifest. What can be checked is
    checked all the same, and ends in a `WatchError` with the pictures: the rows of each pass, one
    pass for each step, the scheduler's timesteps one by one, the grid's size against the
    picture's, and the attention against what each layer makes of it.

    Examples
    --------
    >>> vouch_for(MyPipeline)  # doctest: +SKIP
    >>> run = generate(MyPipeline.from_pretrained(...), "a red fox")  # doctest: +SKIP
    """
    if not isinstance(pipeline_class, type):
        raise WrongKindError(
            f"vouch_for() takes a class, and this is a {type(pipeline_class).__name__}. Give its "
            "class: vouch_for(type(pipe))."
        )
    if why := _why_refused(_loop_of(pipeline_class)):
        raise UnsupportedPipelineError(
            f"{pipeline_class.__name__} cannot be vouched for: {why}. A class with another "
            "`__call__` can."
        )
    _vouched.add(pipeline_class)
    return pipeline_class


def is_vouched(kind: type) -> bool:
    """Whether a class is taken on the user's word alone."""
    return not _is_known(_loop_of(kind)) and any(base in _vouched for base in _down_to_loop(kind))


def known_name(kind: type) -> str:
    """The known class of diffusers whose loop this one runs, by name; empty where it is none."""
    loop = _loop_of(kind)
    return loop.__name__ if _is_known(loop) else ""


def check_refused(pipe: Any) -> None:
    """Raise an `UnsupportedPipelineError` for a class whose loop is known to be another one."""
    kind = type(pipe)
    why = _why_refused(_loop_of(kind))
    if why and not is_vouched(kind):
        raise UnsupportedPipelineError(f"{kind.__name__} is not watched: {why}.")


def check_known(pipe: Any) -> None:
    """Raise an `UnsupportedPipelineError` for a class that nobody knows or vouches for."""
    kind = type(pipe)
    if known_name(kind) or is_vouched(kind):
        return
    base = next((base.__name__ for base in kind.__mro__[1:] if _is_known(base)), "")
    own = f"has a `__call__` of its own, so its loop is not known to be that of {base}"
    raise UnsupportedPipelineError(
        f"{kind.__name__} {own if base else 'is not among the classes that are known'}, and "
        "whether each pass of its denoiser is one step of the whole picture cannot be seen from "
        f"outside. If you know that it is, vouch for it: daam_nb.vouch_for({kind.__name__}); what "
        "can be checked while it runs is checked then."
    )


def _why_refused(loop: type) -> str:
    if not _of_diffusers(loop):
        return ""
    if loop.__name__.startswith(_VIDEO):
        return _FRAMES
    return _REFUSED.get(loop.__name__, "")


def _is_known(loop: type) -> bool:
    return _of_diffusers(loop) and loop.__name__ in _KNOWN


def _of_diffusers(kind: type) -> bool:
    return kind.__module__.split(".", 1)[0] == "diffusers"


def _loop_of(kind: type) -> type:
    """The class whose ``__call__`` this class has."""
    return list(_down_to_loop(kind))[-1]


def _down_to_loop(kind: type) -> Iterator[type]:
    """The class and its bases, as far as the one that its ``__call__`` is of."""
    for base in kind.__mro__:
        yield base
        if taps.is_own(base, "__call__"):
            return
