"""``daam-nb PROMPT``: from a text to a folder of images."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daam_nb.cli.arguments import Draw
from daam_nb.cli.images import (
    IMAGE,
    PROMPT,
    RECORDING,
    SEED,
    Written,
    chosen_words,
    made_folder,
    refuse_to_replace,
    with_heads,
    write_image,
    write_maps,
)
from daam_nb.cli.talking import complain, say, shortened, table
from daam_nb.errors import DaamError, MemoryBudgetError, RecordingExistsError, WatchError
from daam_nb.prompt import Prompt, Word

if TYPE_CHECKING:
    from PIL.Image import Image

    from daam_nb.recording import Recording


def draw(options: Draw) -> None:
    """Draw an image, record it, and write everything into a folder.

    Errors are raised as early as possible: for words that the prompt lacks and a folder in use
    before any model is loaded, for words that the model will not read before it draws.

    Raises
    ------
    DaamError
        If something failed. An image that was already drawn is written nevertheless.
    """
    words = chosen_words(Prompt(options.prompt, ()), options.words)
    refuse_to_replace(options.output_folder, overwrite=options.overwrite)
    _refuse_foreign(options.output_folder / RECORDING)
    if not options.quiet:
        complain(f"loading {options.model or 'the shipped model'} ...")
    from daam_nb.cli.models import load_pipeline

    pipe = load_pipeline(
        options.model, device=options.device, dtype=options.dtype, quiet=options.quiet
    )
    _refuse_unread(pipe, options.prompt, words)
    _refuse_heads(pipe, options.heads)
    made_folder(options.output_folder)
    written = Written(options.output_folder)
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    run = _generate(pipe, options, seed, written)
    _write_made(written, run.image, options.prompt, seed)
    try:
        written.recording = run.save(options.output_folder / RECORDING, overwrite=options.overwrite)
        write_maps(
            run, written,
            words=words, threshold=options.threshold, heads=options.heads,
            all_heads=options.all_heads,
        )  # fmt: skip
    except BaseException:
        complain(f"interrupted. {_kept(written)}")
        raise
    if not options.quiet:
        _tell(run, written)


def _refuse_foreign(folder: Path) -> None:
    """Raise if what should be replaced is not a recording: better now than later."""
    if folder.exists():
        from daam_nb.storage import read_folder

        try:
            read_folder(folder)
        except DaamError as error:
            raise RecordingExistsError(
                f"{folder} is not replaced, because it is not a readable recording: {error} Move "
                "it away first, or give another --output-folder."
            ) from None


def _refuse_unread(pipe: Any, text: str, words: Sequence[Word] | None) -> None:
    """Raise if a requested word lies after the last token that the model reads."""
    if not words:
        return
    from daam_nb.tracing.models import adapter_of

    tokenizer = adapter_of(pipe).stream().tokenizer
    if tokenizer is None:
        return
    prompt = Prompt.from_tokenizer(text, tokenizer)
    for word in words:
        prompt.token_indices(word)


def _refuse_heads(pipe: Any, heads: str | list[int] | list[tuple[str, int]] | None) -> None:
    """Raise if a requested head does not exist; relevant ones depend on the recording."""
    if heads is None or isinstance(heads, str):
        return
    from daam_nb.recording import select_layers
    from daam_nb.selection import Heads
    from daam_nb.tracing.models import adapter_of

    every = adapter_of(pipe).layers((64, 64))  # of any size
    Heads.read(heads).of(select_layers(every, with_heads(heads)["layers"]), every=every)


def _generate(pipe: Any, options: Draw, seed: int, written: Written) -> Recording:
    from daam_nb.tracing import generate

    call_options: dict[str, Any] = {
        "num_inference_steps": options.num_inference_steps,
        "guidance_scale": options.guidance,
        "negative_prompt": options.negative_prompt,
        "effects": (options.words or True) if options.effects else None,
    }
    if options.size is not None:
        call_options["height"], call_options["width"] = options.size
    call_options = {name: value for name, value in call_options.items() if value is not None}
    try:
        run: Recording = generate(pipe, options.prompt, seed=seed, **call_options)
    except WatchError as error:
        if error.images:
            _write_made(written, error.images[0], options.prompt, seed)
        raise WatchError(f"{error} On disk: {_kept(written)}", error.images) from error
    except MemoryBudgetError as error:
        raise MemoryBudgetError(
            f"{error} On the command line use fewer --num-inference-steps or a smaller --size; the "
            "other options are arguments of daam_nb.generate in Python."
        ) from None
    return run


def _write_made(written: Written, image: Image | None, prompt: str, seed: int) -> None:
    """Write the image, its prompt and its seed first, so that no later failure loses them."""
    from daam_nb.storage import write_file

    folder = written.folder
    if image is not None:
        written.image = write_image(image, folder / IMAGE)
    write_file(folder / PROMPT, prompt.encode("utf-8"))
    write_file(folder / SEED, str(seed).encode("ascii"))


def _kept(written: Written) -> str:
    parts = []
    if written.image is not None:
        parts.append(f"the image is {written.image}")
    if written.recording is not None:
        parts.append(
            f"the recording is {written.recording} (its maps: daam-nb open {written.recording} "
            "--output-folder ...)"
        )
    return "; ".join(parts) + "." if parts else "nothing."


def _tell(run: Recording, written: Written) -> None:
    facts = run.facts
    height, width = facts.image_size
    guided = "no guidance" if facts.guidance is None else f"guidance {facts.guidance:g}"
    say(
        f"{shortened(run.prompt.text)}: seed {facts.seed}, {facts.num_steps} steps, {guided}, "
        f"{height} x {width} pixels, {facts.duration:.1f} s"
    )
    say(table(list(_rows(written))))
    if run.prompt.cut is not None:
        unread = run.prompt.text[slice(*run.prompt.cut)]
        say(f"The prompt is too long: the model did not read {shortened(unread)}.")
    if written.removed:
        say(f"{written.removed} maps of the earlier run were removed.")


def _rows(written: Written) -> Iterator[tuple[str, str, str]]:
    if written.image is not None:
        yield "image", str(written.image), ""
    if written.words is not None:
        yield "all words", str(written.words), "the image beside the map of each word"
    for what, files in (("maps", written.maps), ("heads", written.heads)):
        if files:
            more = f"and {len(files) - 1} more, one for each word" if len(files) > 1 else ""
            yield what, str(files[0]), more
    if written.recording is not None:
        again = f"to see it again: daam-nb open {shlex.quote(str(written.folder))}"
        yield "recording", str(written.recording), again
