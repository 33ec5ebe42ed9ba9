"""``daam-nb open FOLDER``: a description of a recording, its images and its page.

Works from the folder alone: no model, no diffusers, no GPU.
"""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daam_nb.cli.arguments import Open
from daam_nb.cli.images import (
    IMAGE,
    RECORDING,
    Written,
    chosen_words,
    made_folder,
    refuse_to_replace,
    with_heads,
    write_image,
    write_maps,
)
from daam_nb.cli.talking import say, table
from daam_nb.errors import RecordingExistsError, SelectionError
from daam_nb.printable import printable
from daam_nb.recording.looks import look_in_words

if TYPE_CHECKING:
    from daam_nb.recording import Layer, Recording


def show_again(options: Open) -> None:
    """Describe a recording; on request draw its images again and write its page.

    Raises
    ------
    DaamError
        If there is no recording, it cannot be read, or a choice does not fit it.
    """
    from daam_nb.maps import heat_maps
    from daam_nb.recording import load

    folder = options.folder.expanduser()
    inside = folder / RECORDING
    recording_folder = (
        inside if inside.is_dir() and not (folder / "recording.json").exists() else folder
    )
    if options.html is not None:
        _check_page(options.html, overwrite=options.overwrite)
    run = load(recording_folder)
    if options.kind != "attention":
        heat_maps(run, kind=options.kind, layers="all")  # says what is missing, before any work
    if not options.quiet:
        say(described(run, recording_folder))
    if options.html is not None:
        _write_page(run, options)
    if options.output_folder is not None:
        _draw(run, options.output_folder, options)
    elif options.html is None and not options.quiet:
        again = f"daam-nb open {shlex.quote(str(recording_folder))} --output-folder FOLDER"
        say(f"Draw its images again: {again}")


def _check_page(page: Path, *, overwrite: bool) -> None:
    """Raise before the recording is read if a page cannot be written there."""
    if page.suffix.lower() != ".html":
        raise SelectionError(f"--html must be a file that ends in .html, not {page.name!r}.")
    if page.exists() and not overwrite:
        raise RecordingExistsError(
            f"{page} already exists. Give another file, or --overwrite to replace it."
        )


def _write_page(run: Recording, options: Open) -> None:
    """Write the hand-out, which needs no widgets, and print its path."""
    from daam_nb.show.explorer import hand_out

    assert options.html is not None
    choices: dict[str, Any] = {"threshold": options.threshold, "heads": options.heads}
    choices = {name: value for name, value in choices.items() if value is not None}
    page = made_folder(options.html.parent) / options.html.name
    with warnings.catch_warnings(record=True) as lacking:
        warnings.simplefilter("always")
        hand_out(run, page, kind=options.kind, overwrite=options.overwrite, **choices)
    if not options.quiet:
        say()
        for warning in lacking:
            say(printable(str(warning.message)))
        say(f"A page for any browser: {printable(str(page))}")


def _draw(run: Recording, folder: Path, options: Open) -> None:
    """Draw the images into a folder, and list them."""
    words = chosen_words(run.prompt, options.words)
    refuse_to_replace(folder, overwrite=options.overwrite)
    if options.heads is not None:
        from daam_nb.maps import heat_maps

        heat_maps(run, kind=options.kind, **with_heads(options.heads))  # says what is not there
    made_folder(folder)
    written = Written(folder)
    if run.image is not None:
        written.image = write_image(run.image, folder / IMAGE)
    write_maps(
        run,
        written,
        words=words,
        threshold=options.threshold,
        heads=options.heads,
        all_heads=options.all_heads,
        kind=options.kind,
    )
    if not options.quiet:
        files = [f for f in (written.image, written.words, *written.maps, *written.heads) if f]
        say()
        say("Drawn again:")
        say("\n".join(f"  {printable(str(file))}" for file in files))


def described(run: Recording, place: Path) -> str:
    """Describe the recording in words: facts, words and tokens, layers, manifest."""
    parts = [
        f"Recording {printable(str(place))} ({_readable(_bytes(place))})",
        table(list(_facts(run))),
        "Words and the tokens they were read as",
        table(list(_words(run))) if run.prompt.words else "  none",
        f"Layers ({len(run.layers)} of {_attention(run)}, in the order of the network)",
        table(list(_layers(run))),
        "Captured",
        "\n".join(f"  {printable(line)}" for line in run.manifest.captured) or "  nothing",
        "Not captured, and why",
        "\n".join(printable(f"  {item.what}: {item.why}") for item in run.manifest.skipped)
        or "  nothing",
        f"Open it in Python: daam_nb.load({str(place)!r})",
    ]
    lines: list[str] = []
    for part in parts:
        lines += ["", part] if lines and not part.startswith("  ") else [part]
    return "\n".join(lines)


def _facts(run: Recording) -> Iterator[tuple[str, str]]:
    facts = run.facts
    yield "prompt", run.prompt.text
    negative = facts.batch.get("negative_prompts")
    if negative:
        yield "negative prompt", " | ".join(negative)
    yield "seed", "unknown: no generator was given" if facts.seed is None else str(facts.seed)
    yield "model", facts.model
    look = look_in_words(facts)
    if look:
        yield "look", look
    yield (
        ("looked at by" if look else "drawn by"),
        f"{facts.pipeline}, {facts.scheduler}, {facts.dtype} on {facts.device}",
    )
    yield "steps", _kept_steps(run)
    yield "guidance", "none" if facts.guidance is None else f"{facts.guidance:g}"
    lost = "" if run.image is not None else " (not kept)"
    yield "image", f"{_by(facts.image_size)} pixels{lost}"
    lost = "" if run.latents is not None else " (not kept)"
    yield "latents", f"{_by(facts.latent_size)}{lost}"
    yield "made", f"{facts.created or 'unknown'}, in {facts.duration:.1f} s"
    if facts.derived:
        yield "changed afterwards", facts.derived
    yield "versions", ", ".join(f"{name} {number}" for name, number in facts.versions.items())


def _kept_steps(run: Recording) -> str:
    total, kept = run.facts.num_steps, len(run.steps)
    if run.kept == "sum":
        return f"{total}, of which {kept} kept as one sum"
    return f"{total}, all kept" if kept == total else f"{total}, of which {kept} kept"


def _words(run: Recording) -> Iterator[tuple[str, str, str]]:
    prompt = run.prompt
    read = set(prompt.read_words)
    for word in prompt.words:
        span = f"characters {word.start}-{word.end}"
        if word not in read:
            yield word.text, span, "not read by the model"
            continue
        indices = prompt.token_indices(word)
        pieces = " ".join(f"{index}:{prompt.tokens[index].piece}" for index in indices)
        lost = [index for index in indices if index not in run.columns]
        yield word.text, span, pieces + (" (not kept)" if lost else "")


def _layers(run: Recording) -> Iterator[tuple[str, str, str, str, str]]:
    """The layers of one block in one line; its name chooses them in Python, layers=NAME."""

    def kind(layer: Layer) -> tuple[str, str, tuple[int, int], int]:
        return (layer.stage, layer.block, layer.size, layer.heads)

    for (stage, block, size, heads), layers in groupby(run.layers, key=kind):
        count = len(list(layers))
        plural = "s" if count > 1 else ""
        yield stage, _by(size), f"{count} layer{plural}", f"{heads} heads each", block


def _attention(run: Recording) -> str:
    from daam_nb.recording import all_joint

    return "joint attention, image to text" if all_joint(run.layers) else "cross-attention"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _readable(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"
