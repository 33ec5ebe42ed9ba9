"""Arguments of ``daam-nb study``: parsed and checked without loading anything heavy.

A study's own flags are made from its options dataclass (`daam_nb.studies.options`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, TypeVar

from daam_nb.errors import DaamError
from daam_nb.printable import printable
from daam_nb.studies.options import Option, StudyOptions, options_of
from daam_nb.studies.registry import BUILT_IN, Entry, entry_of, study_names

DRAWN = ("images", "seeds", "captions")
"""Options that say what is drawn, in a group of their own."""

EPILOG = """\
studies:
{studies}

`daam-nb study NAME --help` lists the options of one. Stopped at any moment, the same command goes
on where it was; FOLDER holds the recordings and the rows. The report is a page NAME.md with its
figures and tables.

examples:
  daam-nb study attribution --into runs/attribution --images 40
  daam-nb study visuosyntax --into runs/syntax --captions captions.txt --model FOLDER
  daam-nb study attribution --into runs/coco-gen --truth COCO-Gen --model FOLDER
"""


@dataclass(frozen=True)
class Study:
    """`daam-nb study NAME`, read.

    `options` are those of the study that were typed, by name; `command` is what was typed.
    """

    name: str
    into: Path
    results: Path | None
    options: Mapping[str, Any]
    model: str | None
    num_inference_steps: int | None
    guidance: float | None
    batch: int
    device: str | None
    dtype: str | None
    quiet: bool
    traceback: bool
    command: str


Parser = TypeVar("Parser", bound=argparse.ArgumentParser)


def study_of(argv: Sequence[str]) -> Entry | None:
    """The named study; None if no name was given.

    Raises
    ------
    DaamError
        If an installed study cannot be loaded.
    """
    names = study_names()
    named = [word for word in argv if word in names]
    return entry_of(named[0]) if named else None


def study_parser(
    new: Callable[..., Parser],
    study: Entry | None,
    *,
    whole: Callable[[str], int],
    number: Callable[[str], float],
    folder: Callable[[str], Path],
) -> Parser:
    """Make a parser of one study's options, or of those of all if no study is named.

    Numbers and folders are parsed as in the other commands.
    """
    if study is None:
        about = "Run a study: record images, measure them, and write a page of results."
    else:
        about = f"{study.name}: {study.question}"
    parser = new(
        usage="daam-nb study NAME --into FOLDER [options]",
        description=about,
        epilog=EPILOG.format(studies=_listed()) if study is None else None,
    )
    parser.add_argument("name", metavar="NAME", nargs="*", help=", ".join(study_names()))
    where = parser.add_argument_group("where to")
    _add(where, "--into", metavar="FOLDER", type=folder, help="folder of the recordings and rows")
    _add(
        where, "--results", metavar="FOLDER", type=folder,
        help="folder of the page (default: that of --into)",
    )  # fmt: skip
    options = options_of(StudyOptions) if study is None else study.options
    drawn = parser.add_argument_group("what is drawn")
    own = parser.add_argument_group("the study")
    for each in options:
        if each.flag is not None:
            _add_option(drawn if each.name in DRAWN else own, each, folder)
    model = parser.add_argument_group("the model")
    _add(model, "-m", "--model", metavar="MODEL", help="as for a prompt")
    _add(
        model, "-n", "--num-inference-steps", metavar="N", type=whole,
        help="number of number of denoising steps (default: 20 for the shipped model, else the "
        "model's)",
    )  # fmt: skip
    _add(
        model, "-g", "--guidance", metavar="G", type=number,
        help="guidance scale (default: 4 for the shipped model, else the model's)",
    )  # fmt: skip
    _add(
        model, "--batch", metavar="N", type=whole, default=1,
        help="images drawn at once; faster, but the same N is needed to resume (default: 1)",
    )  # fmt: skip
    _add(model, "--device", metavar="DEVICE", help="as for a prompt")
    _add(model, "--dtype", choices=("float32", "float16", "bfloat16"), help="as for a prompt")
    return parser


def read_study(
    read: argparse.Namespace, names: Sequence[str], study: Entry | None, command: str
) -> Study | str:
    """Parse the command line; return a sentence if something is wrong with it."""
    if study is None or list(names) != [study.name]:
        typed = " ".join(names) or "none"
        return f"a study is one of {', '.join(study_names())}, not {typed}."
    if read.into is None:
        return "name the folder of the recordings: --into FOLDER."
    arguments = vars(read)
    flagged = [each.name for each in study.options if each.flag is not None]
    options = {name: arguments.pop(_dest(name)) for name in flagged}
    options = {name: value for name, value in options.items() if value is not None}
    if problem := study.options_type.problem(options):
        return problem
    return Study(**{**arguments, "name": study.name, "options": options, "command": command})


def of_another(argv: Sequence[str], study: Entry | None) -> str:
    """A sentence that names the study whose option was typed, if it is another's; else empty."""
    if study is None:
        return ""
    own = {each.flag for each in study.options}
    for word in argv:
        flag = word.partition("=")[0]
        if flag in own or not flag.startswith("--"):
            continue
        entries = map(entry_of, BUILT_IN)
        takers = [other.name for other in entries if flag in [each.flag for each in other.options]]
        if takers:
            return f"{study.name} takes no {flag}; it is for {', '.join(takers)}."
    return ""


def _listed() -> str:
    """Every study with its question; for one that cannot be loaded, the reason."""
    lines = []
    width = max(map(len, study_names())) + 3
    for name in study_names():
        try:
            question = entry_of(name).question
        except DaamError as error:
            question = f"(cannot be run) {error}"
        lines.append(f"  {printable(name):<{width}}{printable(' '.join(question.split()))}")
    return "\n".join(lines)


def _add_option(group: Any, each: Option, folder: Callable[[str], Path]) -> None:
    about = each.about.replace("%", "%%")
    has_default = each.default is not MISSING and each.default is not None
    if has_default and each.kind is not None and "(default" not in about:
        about += f" (default: {str(each.default).replace('%', '%%')})"
    more: dict[str, Any] = {"dest": _dest(each.name), "default": None, "help": about}
    if each.kind is bool:
        group.add_argument(each.flag, action=argparse.BooleanOptionalAction, **more)
        return
    is_path = each.kind is Path or each.said.typed is Path
    kind = folder if is_path else _reading(each)
    group.add_argument(each.flag, metavar=each.metavar, type=kind, **more)


def _reading(each: Option) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return each.read(text)
        except DaamError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _dest(name: str) -> str:
    return f"option {name}"


def _add(group: Any, *names: str, **options: Any) -> None:
    group.add_argument(*names, **options)
