"""Check an installed wheel: the checkout's files are in it, and it loads without the checkout.

`python .ci/check_wheel.py FOLDER`, where FOLDER is what ``pip install --target`` wrote.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Run in the installed copy, away from the checkout.
LOAD = """
import sys
from pathlib import Path

import daam_nb

assert Path(daam_nb.__file__).is_relative_to(sys.argv[1]), daam_nb.__file__
for name in daam_nb.__all__:
    getattr(daam_nb, name)
maps = daam_nb.heat_maps(daam_nb.sample())
assert float(maps.words[0].values.max()) > 0
assert daam_nb.menagerie.load().unet is not None
assert daam_nb.menagerie.load(architecture="joint").transformer is not None
print(f"daam_nb {daam_nb.__version__}: {len(daam_nb.__all__)} public names load from the wheel")
"""


def main(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "daam_nb"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert listed, "git lists no file of the package"
    missing = [name for name in listed if not (folder / name).is_file()]
    assert not missing, f"not in the wheel: {missing}"
    strangers = [name for name in ("training", "tests", "notebooks") if (folder / name).exists()]
    assert not strangers, f"in the wheel, but no part of the package: {strangers}"
    print(f"{len(listed)} files of the package are in the wheel")
    subprocess.run(
        [sys.executable, "-c", LOAD, str(folder)],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "HF_HUB_OFFLINE": "1"},
        check=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
