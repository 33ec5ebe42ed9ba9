"""``daam-nb study NAME``: run a study with a model, a judge and captions."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from daam_nb.cli.models import SHIPPED, Architecture
from daam_nb.cli.study_arguments import Study
from daam_nb.cli.talking import complain, say
from daam_nb.errors import MissingExtraError
from daam_nb.printable import printable

# The shipped models' own settings, as their cards were measured with.
CALLS: dict[Architecture, dict[str, Any]] = {
    "unet": {"num_inference_steps": 20, "guidance_scale": 4.0},
    "joint": {"num_inference_steps": 20, "guidance_scale": 4.0, "max_sequence_length": 32},
}
MIN_SEEN = 40  # pixels, of an object that a judge may be asked about
FIRST_RENDERED = 1_000_000  # number of the first scene that is shown to the model, not drawn
IMAGES = 40  # of the shipped world, where nothing says how many


def run_study(options: Study) -> None:
    """Run a study and write its page.

    Raises
    ------
    DaamError
        If something failed; what was recorded and measured is kept, and a second call resumes.
    """
    study = _study(options.name)
    arguments = study.options_type.from_typed(options.options)  # refused before a model is loaded
    if not options.quiet:
        complain(f"loading {options.model or 'the shipped model'} ...")
    from daam_nb import studies
    from daam_nb.cli.models import load_pipeline
    from daam_nb.studies.options import options_of

    pipe = load_pipeline(options.model, device=options.device, dtype=options.dtype, quiet=True)
    names = [each.name for each in options_of(study.options_type)]
    if (architecture := SHIPPED.get(options.model)) is not None:
        arguments = {**_of_the_shipped_world(options, names, architecture), **arguments}
    report = studies.run_study(
        study,
        pipe,
        into=options.into,
        progress=not options.quiet,
        **arguments,
        **_of_the_call(options),
    )
    page = report.save(options.results or options.into, command=options.command)
    if not options.quiet:
        first = report.main()
        one_line = first.map(lambda cell: printable(cell) if isinstance(cell, str) else cell)
        say(one_line.to_string(index=False))
        say(f"The page: {page}")


def _study(name: str) -> Any:
    try:
        from daam_nb.studies.registry import study_named

        return study_named(name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("daam_nb"):
            raise
        raise MissingExtraError(error.name or "?", "studies", f"The study {name!r}") from None


def _of_the_call(options: Study) -> dict[str, Any]:
    """Arguments of the pipeline's call."""
    call_options = {
        "num_inference_steps": options.num_inference_steps,
        "guidance_scale": options.guidance,
    }
    call_options = {name: value for name, value in call_options.items() if value is not None}
    batch = {"batch": options.batch} if options.batch != 1 else {}
    architecture = SHIPPED.get(options.model)
    shipped = {} if architecture is None else CALLS[architecture]
    return {**shipped, **call_options, **batch}


def _of_the_shipped_world(
    options: Study, names: Collection[str], architecture: Architecture
) -> dict[str, Any]:
    """Defaults from the shipped models' world for a study's options: judge, words, captions."""
    from daam_nb import menagerie
    from daam_nb.menagerie.model import JOINT

    card = menagerie.card(JOINT) if architecture == "joint" else menagerie.card()

    typed = options.options
    world: dict[str, Any] = {
        "nouns": menagerie.CLASSES,
        "groups": menagerie.CLASSES,
        "adjectives": list(menagerie.COLORS),
        "recommended": card.recommended,
        "exclude": menagerie.HELD_OUT_PAIRS,  # drawn worse because they were never seen together
        "known": _rendered_pairs(),
        "relations": menagerie.RELATIONS,
        "backgrounds": list(menagerie.BACKGROUNDS.values()),
        "concepts": _concepts(),
    }
    if "judge" in names and "truth" not in typed:
        from daam_nb.menagerie.judge import Judge

        world["judge"] = Judge()
    if "captions" in names and not {"captions", "truth"} & set(typed):
        world["captions"] = _scenes(typed.get("images", IMAGES), typed.get("seeds", 1))
    if "scenes" in names:
        world["scenes"] = _rendered_scenes(typed.get("images", IMAGES))
    return {name: value for name, value in world.items() if name in names}


def _concepts() -> dict[str, tuple[str, ...]]:
    """The words of the shipped world by what they name: nouns by their class, and the others."""
    from daam_nb import menagerie

    return {
        **menagerie.CLASSES,
        "color": tuple(menagerie.COLORS),
        "size": tuple(word for words in menagerie.SIZES.values() for word in words),
        "relation": tuple(words[0] for words in menagerie.RELATIONS.values()),
        "background": tuple(menagerie.BACKGROUNDS)[:7],
    }


def _scenes(count: int, seeds: int) -> list[Any]:
    """Captions of test scenes, none twice, with their facts and, one after the other, their seeds.

    No two share a seed: images of one noise are alike, whatever their captions, and an interval
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


def _rendered_scenes(count: int) -> list[Any]:
    """Rendered test scenes with their exact masks, as many; others than captions are taken from."""
    from daam_nb import menagerie
    from daam_nb.studies.maps import RenderedScene

    rendered = []
    for number in range(FIRST_RENDERED, FIRST_RENDERED + count):
        scene = menagerie.scene(number, "test")
        objects: dict[tuple[int, int], tuple[str, Any]] = {}
        for thing, mask in zip(scene.objects, scene.masks, strict=True):
            _, before = objects.get(thing.word, (thing.noun, False))
            objects[thing.word] = (thing.noun, before | mask)
        rendered.append(
            RenderedScene(scene.image, scene.caption, objects, scene.background_mask, number)
        )
    return rendered


def _rendered_pairs(count: int = 600) -> Iterator[tuple[Any, str, str]]:
    """Rendered scenes that show two objects, each large enough to be seen; made when asked for."""
    from daam_nb import menagerie

    for number in range(count):
        scene = menagerie.scene(number, "test", kind="pair")
        if min(mask.sum() for mask in scene.masks) >= MIN_SEEN:
            first, second = (thing.noun for thing in scene.objects)
            yield scene.image, first, second
