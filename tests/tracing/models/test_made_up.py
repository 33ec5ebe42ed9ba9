"""Families that nobody has published are added by one file each, and pass the whole contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapter_contract import AWKWARD, AdapterContract
from tests.made_up_pipelines import scrolls, tiles
from tests.tracing.models import made_up_cross, made_up_joint
from tests.tracing.models.made_up_cross import Tiles
from tests.tracing.models.made_up_joint import Scrolls


class TestCross(AdapterContract):
    adapter = Tiles
    build = staticmethod(tiles)
    call = {"guidance_scale": 1.0}  # noqa: RUF012
    guided = {"guidance_scale": 4.5}  # noqa: RUF012
    awkward_prompts = (*AWKWARD, "dog.png (cat)")


class TestJoint(AdapterContract):
    adapter = Scrolls
    build = staticmethod(scrolls)
    guided = {"true_cfg_scale": 4.0}  # noqa: RUF012


@pytest.mark.parametrize(("module", "most"), [(made_up_cross, 40), (made_up_joint, 80)])
def test_a_family_is_a_short_file(module: object, most: int) -> None:
    lines = Path(str(module.__file__)).read_text(encoding="utf-8").splitlines()  # type: ignore[attr-defined]
    assert len(lines) <= most
