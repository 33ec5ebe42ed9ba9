"""Layers and heads that a pipeline does not have are refused before anything is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daam_nb.errors import SelectionError
from daam_nb.studies import run_study
from daam_nb.studies.corpus.layer_choices import check_selections
from tests.joint_pipelines import sd3
from tests.pipelines import sd1
from tests.studies.toy import SIZE, ToyJudge


@pytest.fixture(scope="module")
def pipe() -> Any:
    return sd1()


@pytest.mark.parametrize(
    ("study", "options", "said"),
    [
        ("attribution", {"layers": {"DAAM": "papper"}}, "'papper' selects none of the 7 layers"),
        ("attribution", {"recommended": ["nope.attn2"]}, "'nope.attn2' selects none"),
        ("attribution", {"heads": 99}, "has no head 99"),
        ("visuosyntax", {"heads": [("nope", 1)]}, "a head of 'nope', but there is no such layer"),
        ("faithfulness", {"recommended": "nope"}, "'nope' selects none"),
    ],
)
def test_before_anything_is_drawn(
    pipe: Any, tmp_path: Path, study: str, options: dict[str, Any], said: str
) -> None:
    if study != "visuosyntax":
        options = {**options, "judge": ToyJudge()}
    with pytest.raises(SelectionError, match=said):
        run_study(study, pipe, into=tmp_path / "s", captions=["a cat"], **options, **SIZE)
    assert not (tmp_path / "s").exists()


def test_what_is_there_or_known_later_passes(pipe: Any) -> None:
    first = pipe.unet.down_blocks[0].attentions[0].transformer_blocks[0].attn2
    name = next(n for n, module in pipe.unet.named_modules() if module is first)
    check_selections(pipe, [("paper", None), ([name], [0]), ("all", [(name, 0)])])
    check_selections(pipe, [("up", "relevant"), (lambda layer: layer.size[0] == 3, None)])
    check_selections(sd3(), [("paper", None), ("transformer_blocks.0.attn", [0])])
