"""Names in settings on disk of daam_nb's classes and functions that have moved since.

An installed class is identified by the dotted name of its module and its own name. If its module
moved, the digest of everything that holds it would change, and every row measured with it would be
measured again. So its first name remains its name on disk.
"""

from __future__ import annotations

_STUDIES = {
    "corpus.generation": "corpus",
    "corpus.runs": "runs",
    "corpus.settings": "corpus_settings",
    "corpus.captions": "readers",
    "corpus.seeds": "seeds",
    "corpus.identity": "identity",
    "corpus.networks": "networks",
    "corpus.fingerprints": "fingerprints",
    "corpus.attributes": "held",
    "corpus.bytecode": "outside",
    "corpus.rows": "tables",
    "corpus.layer_choices": "layer_choices",
    "arguments": "choices",
    "stats.intervals": "statistics",
    "stats.influence": "influence",
    "stats.stratified": "stratified",
    "stats.within_strata": "within_strata",
    "stats.comparison": "comparing",
    "stats.permutations": "permutations",
    "report.page": "report",
    "report.figures": "figures",
    "report.readable": "readable",
    "report.two_intervals": "two_intervals",
    "report.csv_cells": "cells",
    "oracles.protocols": "protocols",
    "oracles.truths": "truths",
    "oracles.presence": "presence",
    "oracles.segmenters": "segmenters",
    "oracles.coco_masks": "coco_masks",
    "oracles.annotated_folders": "annotated_folders",
    "oracles.same_image": "same_picture",
    "oracles.nouns": "nouns",
    "redraw.redrawing": "changing",
    "redraw.strips": "strips",
    "redraw.control_words": "content",
    "attribution.study": "segmentation",
    "attribution.rows": "attribution_rows",
    "attribution.baselines": "marking",
    "attribution.unsupervised": "unsupervised",
    "attribution.figures": "attribution_figures",
    "visuosyntax.study": "visuosyntax",
    "visuosyntax.statistics": "relation_statistics",
    "visuosyntax.figures": "relation_figures",
    "visuosyntax.word_pairs": "word_pairs",
    "visuosyntax.enhanced_dependencies": "paper_names",
    "cohyponyms.study": "entanglement",
    "cohyponyms.statistics": "entanglement_statistics",
    "cohyponyms.taxonomies": "taxonomies",
    "adjectives.study": "adjectives",
    "adjectives.figures": "adjective_report",
    "faithfulness.study": "faithfulness",
    "faithfulness.figures": "faithful_report",
    "faithfulness.ablations": "faithful_ablations",
    "faithfulness.heads": "faithful_heads",
    "faithfulness.curves": "faithful_curves",
    "faithfulness.losses": "faithful_losses",
    "faithfulness.agreement": "agreement",
    "rating.study": "rating",
    "rating.items": "rating_items",
    "rating.answers": "rating_log",
    "rating.session": "rating_session",
    "rating.statistics": "rating_statistics",
    "rating.tasks": "rating_tasks",
}
"""Module below ``daam_nb.studies`` -> what it was called, there, in the first rows."""

_FIRST = {f"daam_nb.studies.{new}": f"daam_nb.studies.{old}" for new, old in _STUDIES.items()}


def name_on_disk(module: str) -> str:
    """The name of a module in settings on disk."""
    return _FIRST.get(module, module)
