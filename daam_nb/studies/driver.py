"""`run_study`: run any study, from its options to its page; it can be interrupted and resumed."""

from __future__ import annotations

import os
from typing import Any

from daam_nb.kinds import check_flag, check_path
from daam_nb.studies.corpus.generation import Caller, check_options, generate
from daam_nb.studies.corpus.layer_choices import check_selections
from daam_nb.studies.options import options_of
from daam_nb.studies.registry import study_named
from daam_nb.studies.report.page import Report
from daam_nb.studies.study import Execution, Study


def run_study(
    study: str | type[Study[Any]],
    pipe: Any,
    *,
    into: str | os.PathLike[str],
    progress: bool = True,
    **options: Any,
) -> Report:
    """Record images, measure them and report; resume where an earlier call was interrupted.

    Parameters
    ----------
    study
        The study, by name or class.
    pipe
        A diffusers pipeline; None if `into` holds all recordings already.
    into
        Folder of the study: its recordings and its rows.
    progress
        Whether to show progress bars.
    **options
        Options of the study (the fields of its options dataclass, see docs/studies.md), and of the
        pipeline's call: ``num_inference_steps``, ``guidance_scale``, ..., and ``batch``.

    Returns
    -------
    Report
        Tables and figures; ``report.save(folder)`` writes the page.

    Raises
    ------
    UnknownOptionError
        For an option that neither the study nor the pipeline takes; nothing is written then.
    SelectionError
        For layers and heads that the pipeline does not have; nothing is drawn then.
    StudyError
        If the folder was made with another model or other options, and for the study's own errors.
    """
    kind = study_named(study) if isinstance(study, str) else study
    folder = check_path(into, "into")
    check_flag(progress, "progress")
    names = [each.name for each in options_of(kind.options_type)]
    caller = Caller(f"run_study({kind.name!r})", (*names, "into", "progress"))
    call = {name: value for name, value in options.items() if name not in names}
    if pipe is not None:
        check_options(pipe, call, caller, Caller.of(generate))
    own = {name: value for name, value in options.items() if name in names}
    bound_study = kind(kind.options_type(**own))
    execution = Execution(pipe, folder, call, progress, caller)
    bound_study.check(execution)
    if pipe is not None:
        check_selections(pipe, bound_study.selections())
    runs = bound_study.record(execution)
    return bound_study.report(bound_study.tables(execution, runs), runs)
