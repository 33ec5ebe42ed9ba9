"""Unknown names are answered with the nearest known one."""

from __future__ import annotations

import pytest

from daam_nb.errors import nearest_name, unknown_names_message


@pytest.mark.parametrize(
    ("name", "known", "nearest"),
    [
        ("guidance", ["seed", "guidance_scale"], "guidance_scale"),
        ("layer", ["layers", "height"], "layers"),
        ("step", ["seed", "keep_steps"], "keep_steps"),
        ("heads", ["head", "height"], "head"),
        ("steps", ["seeds", "num_inference_steps"], "num_inference_steps"),
        ("step", ["seeds", "num_inference_steps", "keep_steps"], "keep_steps"),
        ("negativ_prompt", ["prompt", "negative_prompt"], "negative_prompt"),
        ("xyz", ["seed", "head"], None),
        ("e", ["seed", "head"], None),
    ],
)
def test_the_nearest_name(name: str, known: list[str], nearest: str | None) -> None:
    assert nearest_name(name, known) == nearest


def test_one_unknown_name_is_named_with_its_nearest_and_all_known() -> None:
    assert unknown_names_message(["layer"], ["seed", "layers"], where="generate()") == (
        "generate() takes no argument 'layer'; did you mean 'layers'? It takes seed, layers."
    )


def test_several_unknown_names_are_all_named() -> None:
    text = unknown_names_message(
        ["sed", "xyz"], ["seed", "layers"], where="explore()", what="choice"
    )
    assert text == (
        "explore() takes no choices 'sed', 'xyz'; 'sed' is probably 'seed'. It takes seed, layers."
    )
