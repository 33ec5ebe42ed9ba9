import base64
import io
import re

import numpy as np
import torch
from PIL import Image

from daam_nb.maps import WordHeatMap, heat_maps
from tests.tiny_recordings import tiny_recording


def images(html: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def test_one_image_per_word_with_the_choice_below() -> None:
    maps = heat_maps(tiny_recording())
    html = maps._repr_html_()
    shown = images(html)
    assert [image.shape for image in shown] == [(8, 12, 3)] * 5
    assert maps.choice in html
    for word, image in zip(maps.words, shown, strict=True):
        assert word.label in html
        brightness = image.sum(-1)
        # inferno grows in lightness: the brightest pixel is the map's peak
        assert brightness.argmax() == word.values.argmax()


def test_images_go_from_black_to_pale_yellow() -> None:
    word = WordHeatMap(torch.tensor([[0.0, 0.5]]), "half")
    (image,) = images(word._repr_html_())
    assert image.tolist() == [[[0, 0, 3], [252, 254, 164]]]
    (nothing,) = images(WordHeatMap(torch.zeros(1, 2))._repr_html_())
    assert nothing.tolist() == [[[0, 0, 3], [0, 0, 3]]]


def test_labels_cannot_become_markup() -> None:
    hostile = WordHeatMap(torch.ones(2, 2), '"><script>alert(1)</script>')
    html = hostile._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert 'alt="heat map of &quot;&gt;' in html
