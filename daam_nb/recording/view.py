"""Representations of a recording: one line of text, or HTML in a notebook."""

from __future__ import annotations

import base64
import html
import io
import math
from collections import Counter
from typing import TYPE_CHECKING

from daam_nb.errors import RecordingFormatError
from daam_nb.printable import printable
from daam_nb.recording.extra import described
from daam_nb.recording.extras import extras_of
from daam_nb.recording.later import Later, not_fetched
from daam_nb.recording.layers import PROBABILITY, all_joint, attention_unit
from daam_nb.recording.looks import look_in_words
from daam_nb.storage import LazyArrays

if TYPE_CHECKING:
    from PIL.Image import Image

    from daam_nb.recording.recording import Recording

_THUMBNAIL = 256  # pixels of the longer side, at most
_ENLARGED = 192
_PROMPT = 300  # characters


def text(run: Recording) -> str:
    """Write one line: the prompt and what is held."""
    facts = run.facts
    return (
        f"<Recording {_cut(run.prompt.text, 80)!r}: image {_by(facts.image_size)}, {_steps(run)}, "
        f"{_layers(run)}, {len(run.columns)} tokens, {_memory(run)}>"
    )


def page(run: Recording) -> str:
    """Write self-contained HTML: thumbnail, prompt, facts, the manifest folded."""
    rows = "".join(
        f'<tr><th style="text-align:left">{_escaped(name)}</th>'
        f'<td style="text-align:left">{_escaped(value)}</td></tr>'
        for name, value in rows_of(run)
    )
    prompt = _escaped(_cut(run.prompt.text, _PROMPT))
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start">'
        f"<div>{_thumbnail(run)}</div>"
        f'<div><div dir="auto" style="font-weight:bold;white-space:pre-wrap">{prompt}</div>'
        f"<table><tbody>{rows}</tbody></table>{_manifest(run)}</div></div>"
    )


def rows_of(run: Recording) -> list[tuple[str, str]]:
    """List the facts to show, as (name, value)."""
    facts = run.facts
    rows = [
        ("model", facts.model),
        ("pipeline", f"{facts.pipeline}, {facts.scheduler}"),
        ("seed", "none given" if facts.seed is None else str(facts.seed)),
        ("guidance", "none" if facts.guidance is None else f"{facts.guidance:g}"),
        ("image", f"{_by(facts.image_size)} pixels, latents {_by(facts.latent_size)}"),
        ("steps", _steps(run)),
        ("layers", _layers(run)),
        ("tokens", f"{len(run.columns)} of {len(run.prompt.tokens)}"),
    ]
    if run.concepts is not None:
        listed = ", ".join(word.text for word in run.concepts.words)
        rows.append(("concepts", _cut(listed, _PROMPT)))
    if run.self_attention is not None:
        count, kept = len(run.self_attention.layers), run.self_attention.kept
        rows.append(("self-attention", f"{count} layers, {kept}"))
    if (unit := attention_unit(run.layers)) != PROBABILITY:
        rows.append(("values", unit))
    if run.negative_prompt is not None:
        rows.append(("negative prompt", _cut(run.negative_prompt.text, _PROMPT) or "(empty)"))
    if run.prompt.cut is not None:
        start, end = run.prompt.cut
        rows.append(("never read", _cut(run.prompt.text[start:end], _PROMPT)))
    if look := look_in_words(facts):
        rows.append(("look", _cut(look, _PROMPT)))
    if facts.derived:
        rows.append(("changed afterwards", _cut(facts.derived, _PROMPT)))
    rows.append(("arrays", _memory(run)))
    if facts.created:
        rows.append(("made", f"{facts.created}, in {facts.duration:.1f} s"))
    return rows


def array_bytes(run: Recording) -> tuple[int, int]:
    """Return (bytes of all arrays, bytes of those in memory)."""
    total = read = 0
    for arrays in (run.attention, run.negative_attention):
        here = arrays.are_read() if isinstance(arrays, LazyArrays) else set(arrays)
        for name, (dtype, shape) in described(arrays).items():
            nbytes = math.prod(shape) * dtype.itemsize
            total += nbytes
            read += nbytes if name in here else 0
    for _, extra in extras_of(run):
        total += extra.nbytes
        read += extra.nbytes_read
    latents = not_fetched(run, "latents")
    if isinstance(latents, Later):
        total += latents.nbytes
    elif latents is not None:
        total += latents.nbytes
        read += latents.nbytes
    return total, read


def _thumbnail(run: Recording) -> str:
    try:
        image = run.image
    except RecordingFormatError as error:
        return f'<div style="max-width:16em;color:#b00">{_escaped(str(error))}</div>'
    if image is None:
        return "<i>no image kept</i>"
    small = image.copy()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    # Tiny images are shown larger, their pixels square: nobody sees anything in 64 of them.
    zoom = max(1, _ENLARGED // max(small.size))
    return (
        f'<img alt="{_escaped(_cut(run.prompt.text, _PROMPT), quote=True)}" '
        f'width="{small.width * zoom}" height="{small.height * zoom}" '
        f'style="image-rendering:{"pixelated" if zoom > 1 else "auto"}" src="{_data_uri(small)}">'
    )


def _data_uri(image: Image) -> str:
    file = io.BytesIO()
    image.save(file, format="PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _manifest(run: Recording) -> str:
    captured, skipped = run.manifest.captured, run.manifest.skipped
    if not captured and not skipped:
        return ""
    items = [f"<li>captured: {_escaped(line)}</li>" for line in captured]
    items += [f"<li>not: {_escaped(s.what)} ({_escaped(s.why)})</li>" for s in skipped]
    summary = f"manifest: {len(captured)} captured, {len(skipped)} not"
    return f"<details><summary>{summary}</summary><ul>{''.join(items)}</ul></details>"


def _escaped(text: str, *, quote: bool = True) -> str:
    return html.escape(printable(text, keep="\n"), quote=quote)


def _steps(run: Recording) -> str:
    kept, total = len(run.steps), run.facts.num_steps
    how = {"steps": "", "sum": ", summed", "replay": ", for replay"}[run.kept]
    return f"{total} steps{how}" if kept == total else f"{kept} of {total} steps{how}"


def _layers(run: Recording) -> str:
    stages = Counter(layer.stage for layer in run.layers)
    counts = ", ".join(f"{count} {printable(stage)}" for stage, count in stages.items())
    heads = sum(layer.heads for layer in run.layers)
    joint = "joint " if all_joint(run.layers) else ""
    return f"{len(run.layers)} {joint}layers ({counts}), {heads} heads"


def _memory(run: Recording) -> str:
    total, read = array_bytes(run)
    return _size(total) if total == read else f"{_size(total)} ({_size(read)} read)"


def _size(nbytes: int) -> str:
    return f"{nbytes / 2**20:.1f} MiB" if nbytes >= 2**20 else f"{nbytes / 2**10:.1f} KiB"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _cut(words: str, limit: int) -> str:
    return words if len(words) <= limit else words[: limit - 1] + "…"
