"""The embedded model loads from a folder of files, offline, and says what it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from daam_nb.errors import DaamError, MissingModelError, SelectionError, UnknownOptionError
from daam_nb.menagerie import card, load
from daam_nb.menagerie.model import JOINT, WEIGHTS

shipped = pytest.mark.skipif(
    not (WEIGHTS / "card.json").exists(), reason="the weights are not in this checkout"
)


def test_importing_the_menagerie_imports_no_diffusers() -> None:
    code = (
        "import sys; import daam_nb.menagerie; "
        "print([m for m in ('diffusers', 'transformers', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_absent_weights_are_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError) as caught:
        load(folder=tmp_path)
    message = str(caught.value)
    assert str(tmp_path) in message and "python -m training all" in message
    assert isinstance(caught.value, FileNotFoundError) and isinstance(caught.value, DaamError)


@shipped
def test_the_shipped_pipeline_paints_offline() -> None:
    code = (
        "import socket, torch, numpy as np\n"
        "def refuse(*a, **k): raise OSError('no network in this test')\n"
        "socket.socket.connect = refuse\n"
        "from daam_nb.menagerie import load, card\n"
        "pipe = load(); pipe.set_progress_bar_config(disable=True)\n"
        "g = torch.Generator().manual_seed(0)\n"
        "image = pipe('a red car on the grass', num_inference_steps=4, generator=g).images[0]\n"
        "assert image.size == (64, 64) and np.asarray(image).std() > 5\n"
        "assert pipe.config._name_or_path == card().model_id\n"
        "assert pipe.unet.dtype == torch.float32 and pipe.safety_checker is None\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "safety" not in done.stderr and "Warning" not in done.stderr


@shipped
def test_the_shipped_files_are_those_of_the_card() -> None:
    import hashlib

    facts = card()
    files = {
        str(path.relative_to(WEIGHTS)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in WEIGHTS.rglob("*")
        if path.is_file() and path.name != "card.json"
    }
    assert files == facts.checksums
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*")) <= 25e6
    assert max(path.stat().st_size for path in WEIGHTS.rglob("*")) <= 16 * 2**20


@shipped
def test_the_shipped_pipeline_has_what_studies_need() -> None:
    from daam_nb.menagerie import NOUNS

    pipe = load()
    cross = {n for n, _ in pipe.unet.named_modules() if n.endswith("attn2")}
    assert {n.split(".")[0] for n in cross} == {"down_blocks", "mid_block", "up_blocks"}
    # The card's recommended layers are layers of this model.
    assert set(card().recommended or ()) <= cross
    assert all(pipe.unet.get_submodule(n).heads >= 4 for n in cross)
    assert pipe.tokenizer.model_max_length == 32
    pieces = {noun.name: len(pipe.tokenizer.tokenize(noun.name)) for noun in NOUNS}
    assert set(pieces.values()) == {1, 2} and pieces["giraffe"] == 2
    for part in WEIGHTS.rglob("config.json"):
        # No folder of the machine it was trained on.
        assert "/" not in json.loads(part.read_text()).get("_name_or_path", "")
    index = json.loads((WEIGHTS / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionPipeline"


def test_each_shipped_model_has_its_card() -> None:
    assert card(architecture="joint") == card(JOINT) != card()
    with pytest.raises(SelectionError, match="architecture"):
        card(architecture="flux")  # type: ignore[arg-type]
    with pytest.raises(UnknownOptionError, match="architecture"):
        card(architectur="joint")  # type: ignore[call-arg]
