"""Front ends are read whole, or it is said how to build them."""

from __future__ import annotations

from pathlib import Path

import pytest

from daam_nb.show.bundles import read_bundle


def test_script_and_style_are_read(tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text("export default {}; // é", "utf-8")
    (tmp_path / "page.css").write_text("p {}", "utf-8")
    assert read_bundle(tmp_path, "page") == ("export default {}; // é", "p {}")


@pytest.mark.parametrize("there", ["page.js", "page.css"])
def test_what_was_not_built_is_said(tmp_path: Path, there: str) -> None:
    (tmp_path / there).touch()
    with pytest.raises(FileNotFoundError, match=r"page\.js is missing.* npm --prefix js run build"):
        read_bundle(tmp_path, "page")
