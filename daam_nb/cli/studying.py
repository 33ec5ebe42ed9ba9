"""``daam-nb study NAME``: a model, a judge and captions are brought to a study."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from daam_nb.cli.study_arguments import Study
from daam_nb.cli.talking import complain, say
from daam_nb.errors import MissingExtraError, SelectionError
from daam_nb.printable import printable

# The shipped model's own settings, as its card was measured with.
SHIPPED = {"num_inference_steps": 20, "guidance_scale": 4.0}
LEAST_SEEN = 40  # pixels, of an object that a judge may be asked about
PICTURES = 40  # of the shipped world, where nothing says how many


def run_study(options: Study) -> None:
    """Run a study and write its page.

    Raises
    ------
    DaamError
        Where something failed; what was recorded and measured stays, and a second call goes on.
    """
    module = _module(options.name)
    if not options.quiet:
        complain(f"loading {options.model or 'the shipped model'} ...")
    from daam_nb.cli.models import load_pipeline

    pipe = load_pipeline(options.model, device=options.device, dtype=options.dtype, quiet=True)
    taken = inspect.signature(module.study).parameters
    offered = _offered(options)
    if options.model is None:
        offered |= _of_the_shipped_world(options, taken)
    given = {name: value for name, value in offered.items() if name in taken}
    report = module.study(
        pipe, into=options.into, progress=not options.quiet, **given, **_of_the_call(options)
    )
    page = report.save(options.results or options.into, command=options.command)
    if not options.quiet:
        first = report.main()
        one_line = first.map(lambda cell: printable(cell) if isinstance(cell, str) else cell)
        say(one_line.to_string(index=False))
        say(f"The page: {page}")


def _module(name: str) -> Any:
    try:
        from daam_nb.studies import STUDIES

        return importlib.import_module(STUDIES[name])
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("daam_nb"):
            raise
        raise MissingExtraError(error.name or "?", "studies", f"The study {name!r}") from None


def _of_the_call(options: Study) -> dict[str, Any]:
    """Arguments of the pipeline's call."""
    given = {"num_inference_steps": options.num_inference_steps, "guidance_scale": options.guidance}
    given = {name: value for name, value in given.items() if value is not None}
    batch = {"batch": options.batch} if options.batch != 1 else {}
    return {**(SHIPPED if options.model is None else {}), **given, **batch}


def _offered(options: Study) -> dict[str, Any]:
    """What was said on the command line; a study takes of it what it names."""
    offered: dict[str, Any] = {
        "seeds": range(options.seeds),
        "pictures": options.pictures,
        "parser": _parser(options.parser),
        "head_pictures": options.head_pictures,
        "curve_pictures": options.curve_pictures,
    }
    if options.truth is not None:
        offered["truth"] = _truth(options.truth)
        if options.truth.is_dir():  # its folders say what they were made from
            if options.seeds != 1:
                raise SelectionError(
                    f"--seeds {options.seeds}: the folders of --truth {options.truth} say which "
                    f"picture each mask is of, prompt and seed. Leave out --seeds."
                )
            offered |= {"captions": offered["truth"].captions(), "seeds": None}
    if options.captions is not None:
        own = _with_seeds(_captions(options.captions), options.seeds)
        offered |= {"captions": own, "seeds": None}
    return {name: value for name, value in offered.items() if value is not None or name == "seeds"}


def _of_the_shipped_world(options: Study, taken: Collection[str]) -> dict[str, Any]:
    """What the shipped model's world adds: its judge, its words, its captions."""
    from daam_nb import menagerie

    offered: dict[str, Any] = {
        "nouns": menagerie.CLASSES,
        "groups": menagerie.CLASSES,
        "adjectives": list(menagerie.COLOURS),
        "recommended": menagerie.card().recommended,
        "exclude": menagerie.HELD_OUT_PAIRS,  # drawn worse because they were never seen together
        "known": _rendered_pairs(),
    }
    if "judge" in taken and options.truth is None:
        from daam_nb.menagerie.judge import Judge

        offered["judge"] = Judge()
    if "captions" in taken and options.captions is None and options.truth is None:
        offered |= {"captions": _scenes(options.pictures or PICTURES, options.seeds), "seeds": None}
    return offered


def _scenes(count: int, seeds: int) -> list[Any]:
    """Captions of test scenes, none twice, with their facts and, one after the other, their seeds.

    No two share a seed: pictures of one noise are alike, whatever their captions, and an interval
    that draws captions would not know it.
    """
    from daam_nb import menagerie
    from daam_nb.studies.corpus.captions import Caption

    scenes: dict[str, dict[str, Any]] = {}
    for number in range(100 * count):
        if len(scenes) == count:
            break
        scene = menagerie.scene(number, "test")
        facts = {"scene": number, "kind": scene.kind, "relation": scene.relation}
        scenes.setdefault(scene.caption, facts)
    return [
        Caption(text, {**facts, "seed": place * seeds + shift})
        for place, (text, facts) in enumerate(scenes.items())
        for shift in range(seeds)
    ]


def _rendered_pairs(count: int = 600) -> Iterator[tuple[Any, str, str]]:
    """Rendered scenes that show two objects, each large enough to be seen; made when asked for."""
    from daam_nb import menagerie

    for number in range(count):
        scene = menagerie.scene(number, "test", kind="pair")
        if min(mask.sum() for mask in scene.masks) >= LEAST_SEEN:
            first, second = (thing.noun for thing in scene.objects)
            yield scene.image, first, second


def _captions(path: Path) -> Any:
    from daam_nb.studies.corpus import captions

    known = {
        ".txt": captions.from_text,
        ".csv": captions.from_csv,
        ".jsonl": captions.from_jsonl,
        ".json": captions.from_coco,
    }
    if path.suffix.lower() not in known:
        raise SelectionError(
            f"--captions {path}: the suffix {path.suffix!r} is not known. Use one of "
            f"{', '.join(known)}."
        )
    return known[path.suffix.lower()](path)


def _with_seeds(captions: Any, each: int) -> Any:
    from daam_nb.studies.corpus.seeds import with_seeds

    return with_seeds(captions, each=each)


def _truth(path: Path) -> Any:
    from daam_nb.studies.oracles import truths

    return truths.CocoTruth(path) if path.suffix.lower() == ".json" else truths.FolderTruth(path)


def _parser(name: str | None) -> Any:
    if name is None:
        return None
    from daam_nb.language import load_parser

    return load_parser(name)
