"""The reference's README example runs, with import line, model and device changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daam_nb.menagerie.model import WEIGHTS

PAGE = Path(__file__).parents[2] / "docs" / "from-daam.md"


def test_the_example_runs_on_the_shipped_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    text = code[1]
    for old, new in (
        ('"stabilityai/stable-diffusion-2-base"', repr(str(WEIGHTS))),
        ('"cuda"', '"cpu"'),
        ("num_inference_steps=50", "num_inference_steps=3"),
    ):
        assert old in text
        text = text.replace(old, new)
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.gcf()))
    namespace: dict[str, object] = {}
    exec(compile(text, str(PAGE), "exec"), namespace)
    (figure,) = shown
    heat, background = figure.axes[0].images
    image = namespace["out"].images[0]  # type: ignore[attr-defined]
    assert heat.get_array().shape == (image.height, image.width)
    assert background.get_array().shape == (image.height, image.width, 4)
    pyplot.close(figure)
