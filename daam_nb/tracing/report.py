"""A recording's description: the manifest, and the batch its image came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daam_nb.prompt import Prompt
from daam_nb.recording import Layer, Manifest, Skipped, all_joint, attention_unit
from daam_nb.recording.facts import NEGATIVE_MAPS
from daam_nb.recording.layers import PROBABILITY
from daam_nb.tracing.models import Adapter, BatchRows, Omission, TextStream
from daam_nb.tracing.options import Options
from daam_nb.tracing.passes import Plan
from daam_nb.tracing.provenance import Seeds


def rows(pass_rows: BatchRows) -> set[Omission]:
    """Notes on how the rows of a pass were distinguished."""
    omissions = {(what, "only the first pass of each prompt is kept") for what in pass_rows.skipped}
    omissions |= {(what, "it is neither the prompt nor its negative") for what in pass_rows.others}
    if not pass_rows.by_content:
        omissions.add(
            (
                "the check of batch rows against the encoded text",
                "they are the same for prompt and negative prompt, or not those that were encoded; "
                "rows were taken in the order of this pipeline family",
            )
        )
    return omissions


def manifest(
    *,
    pipe: Any,
    options: Options,
    prompt: Prompt,
    columns: Sequence[int],
    kept: Sequence[Layer],
    every: Sequence[Layer],
    steps: Sequence[int],
    made: int,
    negative_steps: Sequence[int] | None,
    negative_tokens: int,
    guided: bool,
    missing_image: str | None,
    omissions: set[Omission],
    arguments: Mapping[str, Any],
    changes: Sequence[str] = (),
    other_texts: Mapping[int, str] | None = None,
    extras: Sequence[str] = (),
) -> Manifest:
    """List what was captured and what was not, with the reasons."""
    how = {"sum": "summed over steps, float32"}.get(options.keep, f"each step, {options.dtype}")
    what = "joint attention, image to text," if all_joint(every) else "cross-attention"
    unit = attention_unit(kept)
    in_unit = "" if unit == PROBABILITY else f", {unit}"
    captured = [
        f"{what} of {len(kept)} layers, {len(columns)} tokens, {len(steps)} steps ({how}{in_unit})",
        f"latents before each of {made} steps and after the last",
    ]
    captured += extras
    if changes:
        captured.append(f"the attention that was used, changed by {', then '.join(changes)}")
    skipped = [Skipped(*omission) for omission in sorted(omissions)]
    other_texts = other_texts or {}
    skipped += _layers_and_steps(kept, every, [*steps, *other_texts], made)
    skipped += _exchanged(prompt, other_texts)
    skipped += _tokens(options, prompt, columns)
    negative_kept = negative_steps is not None and list(negative_steps) == list(steps)
    if negative_kept:
        captured.append(
            f"the negative prompt's maps at the same layers and steps, {negative_tokens} tokens"
        )
    elif options.negative and not guided:
        skipped.append(Skipped(NEGATIVE_MAPS, "no row of any pass was a negative prompt's"))
    elif options.negative and negative_steps is None:
        why = "its rows came in passes of their own behind the prompt's, which was not to be seen"
        skipped.append(Skipped(NEGATIVE_MAPS, why))
    elif options.negative:
        skipped.append(
            Skipped(
                NEGATIVE_MAPS,
                f"rows of it were in {len(negative_steps or ())} of {len(steps)} steps only",
            )
        )
    elif guided:
        skipped.append(Skipped(NEGATIVE_MAPS, "not asked for (negative=True)"))
    if missing_image is not None:
        skipped.append(Skipped("the image", missing_image))
    return Manifest(tuple(captured), (*skipped, *_other_attention(pipe, arguments)))


def image_size(pipe: Any, plan: Plan, image: Sequence[Any]) -> tuple[int, int]:
    """(height, width) in pixels of an image, or of the one that latents would be decoded to."""
    if image:
        return (image[0].height, image[0].width)
    factor = int(getattr(pipe, "vae_scale_factor", 8))
    return (plan.latent_size[0] * factor, plan.latent_size[1] * factor)


def why_no_image(defaults: Mapping[str, Any]) -> str:
    """Why a call has no image, by its arguments and the defaults of those not given."""
    if defaults.get("output_type") == "latent":
        return "the pipeline returned latents"
    return "what the pipeline returned holds no images that can be read"


def _layers_and_steps(
    kept: Sequence[Layer], every: Sequence[Layer], steps: Sequence[int], made: int
) -> list[Skipped]:
    skipped = []
    left_out = [layer.name for layer in every if layer not in kept]
    if left_out:
        skipped.append(Skipped(f"layers {', '.join(left_out)}", "not among layers="))
    if len(steps) < made:
        missing = sorted(set(range(made)) - set(steps))
        skipped.append(Skipped(f"steps {', '.join(map(str, missing))}", "not among keep_steps="))
    return skipped


def _exchanged(prompt: Prompt, other_texts: Mapping[int, str]) -> list[Skipped]:
    """Steps in which the embeddings were of another text, by text."""
    return [
        Skipped(
            f"steps {', '.join(str(step) for step, read in other_texts.items() if read == text)}",
            f"the embeddings were exchanged: {text!r} was read there, and maps are of "
            f"{prompt.text!r}",
        )
        for text in dict.fromkeys(other_texts.values())
    ]


def _tokens(options: Options, prompt: Prompt, columns: Sequence[int]) -> list[Skipped]:
    skipped = []
    if len(columns) < len(prompt.tokens):
        why = "padding" if options.tokens is None else "not among tokens="
        skipped.append(Skipped(f"{len(prompt.tokens) - len(columns)} token positions", why))
    if prompt.cut is not None:
        low, high = prompt.cut
        skipped.append(
            Skipped(
                f"the text {prompt.text[low:high]!r} (characters {low}-{high})",
                f"the model reads {len(prompt.tokens)} tokens and never saw it",
            )
        )
    return skipped


def _other_attention(pipe: Any, arguments: Mapping[str, Any]) -> list[Skipped]:
    skipped = []
    if getattr(pipe, "controlnet", None) is not None:
        skipped.append(
            Skipped("the ControlNet's own attention to the text", "only the denoiser is watched")
        )
    if any(arguments.get(f"ip_adapter_image{end}") is not None for end in ("", "_embeds")):
        skipped.append(Skipped("attention to the IP-Adapter's images", "these keys are not text"))
    return skipped


def batch(
    arguments: Mapping[str, Any],
    seeds: Seeds,
    index: int,
    images: int,
    *,
    changes: Sequence[str] = (),
) -> dict[str, Any]:
    """The call an image came from, as plain data: enough to make the whole batch again."""
    texts = arguments.get("prompt")
    changed = {"interventions": list(changes)} if changes else {}
    return changed | {
        "index": index,
        "pictures": images,
        "prompts": [texts] if isinstance(texts, str) else texts,
        "negative_prompts": _plain_texts(arguments.get("negative_prompt")),
        "images_per_prompt": int(arguments.get("num_images_per_prompt") or 1),
        "seeds": list(seeds.values),
        "shared_generator": seeds.shared,
        "fresh_generator": seeds.fresh,
        "generator_device": seeds.device,
    }


def named_by(adapter: Adapter, stream: TextStream) -> dict[str, str]:
    """The text encoder whose tokens name the columns, if there is a choice."""
    return {"encoder": stream.name} if len(adapter.text_streams()) > 1 else {}


def guidance_of_steps(
    scales: Sequence[float | None], *, guided: bool
) -> dict[str, list[float | None]]:
    """The guidance scale of each step, if a callback changed it."""
    return {"guidance_of_steps": list(scales)} if guided and len(set(scales)) > 1 else {}


def _plain_texts(texts: Any) -> list[str] | None:
    if texts is None:
        return None
    return [texts] if isinstance(texts, str) else list(texts)
