"""Images side by side."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from daam_nb.errors import StudyError
from daam_nb.studies.redraw.strips import strip


def test_names_and_images_stand_in_order() -> None:
    red = Image.new("RGB", (4, 4), "red")
    figure = strip({"first": red, "a $change$": np.eye(4)}, title="A title")
    axes = figure.to_matplotlib().axes[0]
    names = [text.get_text().splitlines()[0] for text in axes.texts]
    assert names == ["first", r"a \$change\$"]
    lefts = [image.get_extent()[0] for image in axes.images]
    assert lefts == sorted(lefts)
    assert len(lefts) == 2
    assert "image/png" in figure._repr_mimebundle_()[0]


def test_nothing_to_show() -> None:
    with pytest.raises(StudyError, match="no image"):
        strip({})
    with pytest.raises(StudyError, match=r"A field must have the shape \(y, x\)"):
        strip({"x": np.zeros((2, 2, 5))})
