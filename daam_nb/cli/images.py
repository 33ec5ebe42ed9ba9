"""A recording -> the image files in a folder."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daam_nb.cli.filenames import safe_stems
from daam_nb.errors import RecordingExistsError
from daam_nb.prompt import Prompt, Word

if TYPE_CHECKING:
    from PIL.Image import Image

    from daam_nb.maps.wordmap import WordHeatMap
    from daam_nb.recording import Recording

IMAGE, WORDS, PROMPT, SEED = "output.png", "words.png", "prompt.txt", "seed.txt"
RECORDING = "recording"
MAP, HEADS = ".heat_map.png", ".heads.png"


@dataclass
class Written:
    """The files written so far; updated while writing.

    Attributes
    ----------
    folder
        Where.
    image, words, recording
        The image, the figure of all words, the recording's folder; None until there is one.
    maps, heads
        One file per word.
    removed
        Maps of an earlier run that were removed.
    """

    folder: Path
    image: Path | None = None
    words: Path | None = None
    recording: Path | None = None
    maps: list[Path] = field(default_factory=list)
    heads: list[Path] = field(default_factory=list)
    removed: int = 0


def chosen_words(prompt: Prompt, words: Sequence[str] | None) -> tuple[Word, ...] | None:
    """Find every occurrence of each requested word or phrase, in the given order.

    Parameters
    ----------
    prompt
        Its text is enough: tokens are not used.
    words
        None: no choice was made.

    Raises
    ------
    WordNotFoundError
        If the prompt lacks one; the message lists its words.
    """
    if words is None:
        return None
    chosen: dict[Word, None] = {}
    for word in words:
        places = prompt.occurrences(word) or (prompt.find(word),)  # which says what there is
        chosen.update(dict.fromkeys(places))
    return tuple(chosen)


def earlier_run(folder: Path) -> tuple[Path, ...]:
    """List the files in the folder that have names that `daam-nb` writes."""
    fixed = [folder / name for name in (IMAGE, WORDS, PROMPT, SEED, RECORDING)]
    existing = [path for path in fixed if path.is_symlink() or path.exists()]
    return (*existing, *_word_files(folder))


def refuse_to_replace(folder: Path, *, overwrite: bool) -> None:
    """Raise before anything is lost or computed in vain.

    Raises
    ------
    RecordingExistsError
        If the folder holds an earlier run's files and `overwrite` is false, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise RecordingExistsError(f"{folder} is a file. Give a folder with --output-folder.")
    earlier = earlier_run(folder)
    if earlier and not overwrite:
        names = ", ".join(path.name for path in earlier[:3]) + (", ..." if len(earlier) > 3 else "")
        where = "The current folder" if folder == Path() else f"{folder}"
        raise RecordingExistsError(
            f"{where} already holds {names}. Give another --output-folder, or --overwrite to "
            "replace an earlier run."
        )


def made_folder(folder: Path) -> Path:
    """Create the folder if it is missing.

    Raises
    ------
    FileAccessError
        If the system refuses.
    """
    from daam_nb.storage import told

    with told(folder, "written"):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_image(image: Image, path: Path) -> Path:
    """Write a PNG, completely or not at all.

    Raises
    ------
    FileAccessError
        If the system refuses.
    """
    from daam_nb.storage import write_file

    file = io.BytesIO()
    image.save(file, format="PNG")
    write_file(path, file.getvalue())
    return path


def with_heads(heads: str | list[int] | list[tuple[str, int]] | None) -> dict[str, Any]:
    """Arguments for `heat_maps`: heads by number in its layers, or with the layers they name."""
    if heads is None:
        return {}
    by_number = isinstance(heads, list) and isinstance(heads[0], int)
    return {"heads": heads, "layers": "paper" if by_number else "all"}


def write_maps(
    run: Recording,
    written: Written,
    *,
    words: Sequence[Word] | None,
    threshold: float | None,
    heads: str | list[int] | list[tuple[str, int]] | None,
    all_heads: bool,
    kind: str = "attention",
) -> None:
    """Write the figures of a recording: each word, all words, and on request each word's heads.

    Parameters
    ----------
    run
        The recording.
    written
        The destination, to which the written files are added.
    words
        Which words; None: every word that the model read.
    threshold
        Share of each map's maximum at which its mask is outlined; None: no outline.
    heads
        Heads whose maps are averaged, as for `heat_maps`; heads with layer names, in any layer.
    all_heads
        Whether to draw also each word's attention by layer and head.
    kind
        What the maps show, as in `heat_maps`.
    """
    from daam_nb.maps import heat_maps
    from daam_nb.show.figures import head_sheet, overlay, words_row

    folder = written.folder
    chosen = with_heads(heads)
    maps = heat_maps(run, kind=kind, **chosen)
    both = kind == "attention" and run.effects is not None
    rows = [maps, heat_maps(run, kind="effect", **chosen)] if both else [maps]
    each = maps.words if words is None else tuple(maps.word(word) for word in words)
    stems = safe_stems(word_map.label for word_map in each)
    _remove_stale(written, {stem + end for stem in stems for end in (MAP, HEADS)})
    if each or run.image is not None:
        spans: Sequence[tuple[int, int]] | None = None if words is None else _spans(each)
        drawn_words = words_row(
            *rows,
            words=_with_effects(run, spans) if len(rows) > 1 else spans,
            threshold=threshold,
            scale="row" if len(rows) > 1 else "own",
        )
        written.words = drawn_words.save(folder / WORDS)
    for stem, word_map in zip(stems, each, strict=True):
        drawn = overlay(run, word_map, threshold=threshold)
        written.maps.append(drawn.save(folder / (stem + MAP)))
        if all_heads:
            sheet = head_sheet(run, word_map, scale="own")  # one head that looks at nothing else
            written.heads.append(sheet.save(folder / (stem + HEADS)))


def _with_effects(
    run: Recording, spans: Sequence[tuple[int, int]] | None
) -> list[tuple[int, int]] | None:
    """The words that both rows can show, or None where these are all."""
    if spans is None:
        return None
    assert run.effects is not None
    tokens = {span: run.prompt.token_indices(span) for span in spans}
    return [span for span in spans if tokens[span] in run.effects.words] or list(spans)


def _spans(maps: Sequence[WordHeatMap]) -> list[tuple[int, int]]:
    return [word_map.span for word_map in maps if word_map.span is not None]


def _remove_stale(written: Written, wanted: set[str]) -> None:
    """An earlier run's maps beside this one's image would be taken for its own."""
    for path in _word_files(written.folder):
        if path.name not in wanted and _is_ours(path):
            path.unlink()
            written.removed += 1


def _word_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.name.endswith((MAP, HEADS)))


def _is_ours(path: Path) -> bool:
    """Whether the file has the metadata of daam_nb's figures."""
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            return "daam_nb" in image.info
    except (OSError, SyntaxError, ValueError):
        return False
