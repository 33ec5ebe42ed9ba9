"""Arguments of ``daam-nb``: parsed and checked without loading anything heavy."""

from __future__ import annotations

import argparse
import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import daam_nb
from daam_nb.cli.study_arguments import Study, of_another, read_study, study_of, study_parser
from daam_nb.errors import DaamError, nearest_name
from daam_nb.kinds import typed_heads

ATTENTION = "attention"  # the kind of map that is drawn unless another is asked for

USAGE = """daam-nb PROMPT [options]
       daam-nb open FOLDER [options]
       daam-nb study NAME --into FOLDER [options]"""

EPILOG = """\
written for a prompt:
  output.png             the image
  words.png              the image beside the map of every word
  WORD.heat_map.png      one word over the image; a repeated word is numbered: a, a-2
  WORD.heads.png         with --all-heads: every layer and head
  prompt.txt, seed.txt   what the image was made from
  recording/             attention by step, layer and head; `daam-nb open FOLDER` shows it again,
                         `daam_nb.load("FOLDER/recording")` in Python, both without the model

`open` and `study` are commands only as the very first word. To draw that prompt: daam-nb -- open
A prompt that begins with a dash also goes behind `--`, and options before it.

exit codes: 0 done, 1 something failed, 2 mistyped, 130 interrupted

examples:
  daam-nb "a zebra and a giraffe" --seed 0 --output-folder zebra
  daam-nb "a dog runs" --model stable-diffusion-v1-5/stable-diffusion-v1-5 --size 512x768
  daam-nb open zebra
  daam-nb open zebra --output-folder closer --words zebra --threshold 0.4
  daam-nb open zebra --html zebra.html
  daam-nb open zebra --html shares.html --kind share
"""

OPEN_EPILOG = """\
Neither the model nor diffusers is needed. With --output-folder the images are drawn again, with
other words, another threshold or all heads; to draw them into FOLDER itself, name it and
give --overwrite. With --html it becomes one page for any browser: words, steps, heads and pixels.

exit codes: 0 done, 1 something failed, 2 mistyped, 130 interrupted
"""


@dataclass(frozen=True)
class Draw:
    """`daam-nb PROMPT`, read. `size` is (height, width) in pixels; None: the pipeline's choice."""

    prompt: str
    output_folder: Path
    model: str | None
    seed: int | None
    num_inference_steps: int | None
    guidance: float | None
    size: tuple[int, int] | None
    negative_prompt: str | None
    effects: bool
    device: str | None
    dtype: str | None
    words: tuple[str, ...] | None
    threshold: float | None
    heads: str | list[int] | list[tuple[str, int]] | None
    all_heads: bool
    overwrite: bool
    quiet: bool
    traceback: bool


@dataclass(frozen=True)
class Open:
    """`daam-nb open FOLDER`, read. Without `output_folder` and `html` nothing is written."""

    folder: Path
    output_folder: Path | None
    html: Path | None
    words: tuple[str, ...] | None
    kind: str
    threshold: float | None
    heads: str | list[int] | list[tuple[str, int]] | None
    all_heads: bool
    overwrite: bool
    quiet: bool
    traceback: bool


class UsageError(Exception):
    """The command line cannot be parsed."""


def read_arguments(argv: Sequence[str]) -> Draw | Open | Study:
    """Parse a command line.

    Parameters
    ----------
    argv
        Without the program's name.

    Raises
    ------
    UsageError
        With one line that states what would be right.
    SystemExit
        After ``--help`` and ``--version``, which print and are done.
    """
    for word in argv:
        if any("\ud800" <= character <= "\udfff" for character in word):
            raise UsageError(f"{word!r} is not valid text in this terminal's encoding.")
    if argv and argv[0] == "open":
        return _open(argv[1:])
    if argv and argv[0] == "study":
        return _study(argv[1:])
    return _draw(argv)


def _draw(argv: Sequence[str]) -> Draw:
    read, texts = _parsed(_draw_parser(), argv, "prompt")
    if not texts:
        raise UsageError(
            'no prompt was given. Put it in quotes: daam-nb "a zebra and a giraffe". '
            "daam-nb --help lists the options."
        )
    if len(texts) > 1:
        raise UsageError(
            f"the prompt must be one text, and {len(texts)} were given. Put it in quotes: daam-nb "
            f'"{" ".join(texts)}"'
            + (" (to open a recording, `open` comes first)." if "open" in texts else ".")
        )
    return Draw(**{**vars(read), "prompt": texts[0], "words": _listed(read.words)})


def _open(argv: Sequence[str]) -> Open:
    read, folders = _parsed(_open_parser(), argv, "folder")
    if len(folders) != 1:
        raise UsageError(
            f"`daam-nb open` takes one folder, not {len(folders)}: daam-nb open FOLDER. To draw a "
            'prompt that begins with "open", put it in quotes: daam-nb "open ..."; the word alone: '
            "daam-nb -- open."
        )
    words = _listed(read.words)
    of_maps = read.threshold is not None or read.heads is not None
    of_images = words or read.all_heads or (of_maps and read.html is None)
    if read.output_folder is None and of_images:
        raise UsageError(
            "--words, --threshold, --heads and --all-heads need image files; name their folder "
            "with --output-folder (for the same folder add --overwrite). With --html, --threshold "
            "and --heads are the page's first settings."
        )
    if read.kind != ATTENTION and read.output_folder is None and read.html is None:
        raise UsageError("--kind chooses maps; name where they go with --html or --output-folder.")
    if read.kind != ATTENTION and read.all_heads:
        raise UsageError(
            f"--all-heads draws the attention of every head, and --kind is {read.kind!r}. Leave "
            "one of them out; a page (--html) shows every head."
        )
    if not folders[0]:
        raise UsageError(
            "the folder's name is empty. Name it: daam-nb open FOLDER. The current folder is '.'."
        )
    return Open(**{**vars(read), "folder": Path(folders[0]), "words": words})


def _study(argv: Sequence[str]) -> Study:
    try:
        study = study_of(argv)
    except DaamError as error:
        raise UsageError(str(error)) from None
    parser = study_parser(_parser, study, whole=_count, number=_number, folder=_folder)
    _talking(parser)
    problem = of_another(argv, study)
    if not problem:
        read, names = _parsed(parser, argv, "name")
        options = read_study(read, names, study, shlex.join(["daam-nb", "study", *argv]))
        if isinstance(options, Study):
            return options
        problem = options
    raise UsageError(f"{problem} daam-nb study --help lists the options.")


def _parsed(
    parser: _Parser, argv: Sequence[str], name: str
) -> tuple[argparse.Namespace, list[str]]:
    """Options, and the texts among them; everything after `--` is a text."""
    before, behind = list(argv), []
    if "--" in before:
        position = before.index("--")
        before, behind = before[:position], before[position + 1 :]
    _refuse_twice(parser, before)
    read, rest = parser.parse_known_intermixed_args(before)
    if rest:
        raise UsageError(
            f"{rest[0]} is not an option of {parser.usage_name}{_meant(parser, rest[0])}; --help "
            f"lists them. Put two dashes before a text that begins with a dash: -- {rest[0]!r}"
        )
    return read, [*getattr(read, name), *behind]


def _refuse_twice(parser: _Parser, words: Sequence[str]) -> None:
    """Refuse an option with a value that is given twice: the last would silently win."""
    seen: dict[str, str] = {}
    for word in words:
        typed = word.partition("=")[0] if word.startswith("--") else word[:2]
        action = parser._option_string_actions.get(typed)
        if action is None or action.nargs == 0 or isinstance(action, argparse._AppendAction):
            continue
        if action.dest in seen:
            raise UsageError(
                f"{typed} is given more than once. Give it once; {parser.usage_name} --help lists "
                "the options."
            )
        seen[action.dest] = word


def _meant(parser: _Parser, option: str) -> str:
    """The option that a mistyped one most likely stands for, as part of a sentence."""
    every = [name for name in parser._option_string_actions if name.startswith("--")]
    known = {name.removeprefix("--").replace("-", "_"): name for name in every}
    typed = option.removeprefix("--").partition("=")[0].replace("-", "_")
    near = nearest_name(typed, known)
    return f" (did you mean {known[near]}?)" if near is not None else ""


def _listed(words: Sequence[Sequence[str]] | None) -> tuple[str, ...] | None:
    """Several ``--words`` add up; each once."""
    return None if words is None else tuple(dict.fromkeys(w for some in words for w in some))


class _Parser(argparse.ArgumentParser):
    """Complains in one line instead of printing its usage and leaving."""

    @property
    def usage_name(self) -> str:
        """What was typed before the options: ``daam-nb``, ``daam-nb open``."""
        words = (self.usage or "").splitlines()[0].split()
        return " ".join(word for word in words[:2] if not word.isupper() and word[0] != "[")

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message.rstrip('.')}. {self.usage_name} --help lists the options.")


def _parser(**options: Any) -> _Parser:
    return _Parser(
        prog="daam-nb",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        **options,
    )


def _draw_parser() -> _Parser:
    parser = _parser(
        usage=USAGE,
        description="Draw an image from a prompt, and show a heat map of each of its words.",
        epilog=EPILOG,
    )
    parser.add_argument("prompt", metavar="PROMPT", nargs="*", help="what to draw, in quotes")
    parser.add_argument("--version", action="version", version=f"daam_nb {daam_nb.__version__}")
    where = parser.add_argument_group("where to")
    where.add_argument(
        "-o", "--output-folder", metavar="FOLDER", type=_folder, default=Path(),
        help="written there; created if missing (default: the current folder)",
    )  # fmt: skip
    _overwrite(where)
    image = parser.add_argument_group("the image")
    image.add_argument(
        "-m", "--model", metavar="MODEL",
        help="folder of a diffusers pipeline, or its id on the Hugging Face Hub, which is "
        "downloaded once; daam_nb/menagerie-joint is the shipped model with joint attention "
        "(default: the shipped model with a UNet)",
    )  # fmt: skip
    image.add_argument(
        "-s", "--seed", metavar="N", type=_seed,
        help="the same seed draws the same image (default: random, and recorded)",
    )  # fmt: skip
    image.add_argument(
        "-n", "--num-inference-steps", metavar="N", type=_positive,
        help="number of denoising steps (default: the model's)",
    )  # fmt: skip
    image.add_argument(
        "-g", "--guidance", metavar="G", type=_number,
        help="classifier-free guidance scale (default: the model's)",
    )  # fmt: skip
    image.add_argument(
        "--size", metavar="HxW", type=_size,
        help="height x width in pixels, such as 512x768 (default: the model's)",
    )  # fmt: skip
    image.add_argument("--negative-prompt", metavar="TEXT", help="what the image should not show")
    image.add_argument(
        "--effects", action="store_true",
        help="record also how much the layers' outputs depend on each word; words.png then has a "
        "row of attention and one of effects",
    )  # fmt: skip
    image.add_argument(
        "--device", metavar="DEVICE", help="cpu, cuda, mps, ... (default: cuda if available)"
    )
    image.add_argument(
        "--dtype", choices=("float32", "float16", "bfloat16"),
        help="dtype of the weights (default: float32 for the shipped model and on the CPU, else "
             "float16)",
    )  # fmt: skip
    _figures(parser)
    _talking(parser)
    return parser


def _open_parser() -> _Parser:
    parser = _parser(
        usage="daam-nb open FOLDER [options]",
        description="Show a recording: what it is, what it holds, and what it does not hold.",
        epilog=OPEN_EPILOG,
    )
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="*",
        help="a folder that daam-nb or `Recording.save` wrote",
    )  # fmt: skip
    where = parser.add_argument_group("where to")
    where.add_argument(
        "-o", "--output-folder", metavar="FOLDER", type=_folder,
        help="draw the images again into this folder (default: print text only)",
    )  # fmt: skip
    where.add_argument(
        "--html", metavar="FILE", type=_file,
        help="write a page to explore the recording in any browser, without Python or a network",
    )  # fmt: skip
    _overwrite(where)
    maps = _figures(parser)
    maps.add_argument(
        "-k", "--kind", metavar="KIND", default=ATTENTION,
        help="what the maps show: attention, share or effect; docs/maps.md (default: attention)",
    )  # fmt: skip
    _talking(parser)
    return parser


def _overwrite(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--overwrite", action="store_true", help="replace the files of an earlier run"
    )


def _figures(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("the maps")
    group.add_argument(
        "-w", "--words", metavar="WORD[,WORD...]", type=_words, action="append",
        help="draw only the maps of these words or phrases, at each occurrence (default: every "
        "word)",
    )  # fmt: skip
    group.add_argument(
        "-t", "--threshold", metavar="T", type=_share,
        help="outline where a map reaches this share of its maximum, 0 to 1; the paper's best is "
        "0.4 (default: no outline)",
    )  # fmt: skip
    group.add_argument(
        "--heads", metavar="HEAD[+HEAD...]", type=_heads,
        help="maps of only these heads: by number in every layer (0+3), each with its layer "
        "(LAYER:HEAD+LAYER:HEAD), or relevant (default: all)",
    )  # fmt: skip
    group.add_argument(
        "--all-heads", action="store_true", help="also draw every layer and head of each word"
    )
    return group


def _talking(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("talking")
    group.add_argument("-q", "--quiet", action="store_true", help="print only errors")
    group.add_argument(
        "-v", "--traceback", action="store_true", help="on failure, show the traceback"
    )


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the folder's name is empty; the current folder is '.'")
    return Path(text).expanduser()  # not every shell does it in --output-folder=~/images


def _file(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the file's name is empty")
    return Path(text).expanduser()


def _seed(text: str) -> int:
    return _whole(text, "a seed", low=0, high=2**63 - 1)


def _positive(text: str) -> int:
    return _whole(text, "a number of steps", low=1, high=100_000)


def _count(text: str) -> int:
    return _whole(text, "taken here", low=1, high=100_000)


def _whole(text: str, what: str, *, low: int, high: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not {what}: a whole number from {low} to {high}"
        )
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, such as 7.5")
    return value


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a share of the map's maximum, a number from 0 to 1, such as 0.4"
        )
    return value


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9][0-9]{0,4})[x×]([1-9][0-9]{0,4})", text.strip().lower())
    if match is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a size, height x width in pixels, such as 512x768"
        )
    return int(match[1]), int(match[2])


def _heads(text: str) -> str | list[int] | list[tuple[str, int]]:
    try:
        return typed_heads(text)
    except DaamError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise argparse.ArgumentTypeError(
            f"{text!r} contains no word; give words such as zebra,giraffe"
        )
    return words
