from __future__ import annotations

import copy
import os
import pickle
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from daam_nb.errors import RecordingExistsError, RecordingFormatError, RecordingNotFoundError
from daam_nb.storage import arrays as arrays_module
from daam_nb.storage import lock, read_folder, write_folder, writing
from tests.storage.contents import arrays_file, document, image_file, small

shapes = st.lists(st.integers(0, 4), max_size=4)
dtypes = st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64])


@given(
    st.dictionaries(st.text(max_size=20), st.tuples(shapes, dtypes), max_size=4),
    st.integers(0, 2**32),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_arrays_come_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, Any], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    arrays = {
        name: torch.randn(shape, generator=generator).to(dtype)
        for name, (shape, dtype) in wanted.items()
    }
    folder = tmp_path_factory.mktemp("round") / "trip"
    write_folder(folder, facts={}, arrays=arrays, images={})
    found = read_folder(folder).arrays
    assert set(found) == set(arrays)
    for name, tensor in arrays.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_views_strides_and_one_tensor_under_two_names(tmp_path: Path) -> None:
    base = torch.rand(4, 3, 2)
    arrays = {"x": base[1:3], "t": base.permute(2, 0, 1), "same": base[1:3], "grad": base[0]}
    arrays["grad"].requires_grad_()
    write_folder(tmp_path / "run", facts={}, arrays=arrays, images={})
    found = read_folder(tmp_path / "run").arrays
    assert all(torch.equal(found[name], tensor) for name, tensor in arrays.items())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
def test_images_come_back_pixel_for_pixel(tmp_path: Path, mode: str) -> None:
    noise = torch.randint(0, 256, (5, 7, 4), dtype=torch.uint8).numpy()
    image = Image.fromarray(noise).convert(mode)
    image.info["secret"] = "metadata is left out"
    write_folder(tmp_path / "run", facts={}, arrays={}, images={"image": image})
    found = read_folder(tmp_path / "run").images["image"]
    assert (found.mode, found.size) == (mode, (7, 5))
    assert found.tobytes() == image.tobytes()
    assert b"metadata" not in image_file(tmp_path / "run").read_bytes()


def test_opening_reads_no_array_and_no_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(tmp_path / "run")
    hashed: list[int] = []
    whole = arrays_module._sha256
    monkeypatch.setattr(
        arrays_module, "_sha256", lambda tensor: hashed.append(tensor.nbytes) or whole(tensor)
    )
    found = read_folder(tmp_path / "run")
    assert found.arrays.described()["a"].shape == (2, 3)
    assert found.images.described()["image"].size == (2, 3)
    assert "a" in found.arrays and "z" not in found.arrays
    assert (hashed, found.arrays.are_read()) == ([], frozenset())
    first = found.arrays["b"]
    assert (hashed, found.arrays.are_read()) == ([8], {"b"})
    assert found.arrays["b"] is first


def test_names_are_random_and_the_folder_is_readable(tmp_path: Path) -> None:
    folder = small(tmp_path / "deep" / "er" / "run")
    names = sorted(os.listdir(folder))
    assert [name.split("-")[0] for name in names] == ["arrays", "image", "recording.json"]
    assert os.listdir(tmp_path / "deep" / "er") == ["run"]
    said = document(folder)
    assert (said["format"], said["version"]) == ("daam_nb.recording", 2)
    assert said["facts"]["text"] == "naïve 🦓"
    assert "naïve 🦓" in (folder / "recording.json").read_text("utf-8")


def test_the_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert write_folder("~/run", facts={}, arrays={}, images={}) == tmp_path / "run"
    assert read_folder("~/run").path == tmp_path / "run"


def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("x")
    usual = (tmp_path / "usual").stat().st_mode
    folder = small(tmp_path / "run")
    assert {file.name for file in folder.iterdir() if file.stat().st_mode != usual} == set()


# --- what exists ----------------------------------------------------------------------------------


def test_what_exists_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(RecordingExistsError, match=r"run exists\. .*overwrite=True"):
        small(folder, seed=1)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize("kind", ["empty", "foreign", "file", "dangling", "damaged", "newer"])
def test_overwrite_refuses_what_is_no_recording(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "run"
    if kind == "file":
        target.write_text("mine")
    elif kind == "dangling":
        target.symlink_to(tmp_path / "nowhere")
    else:
        target.mkdir()
    if kind == "foreign":
        (target / "thesis.tex").write_text("mine")
    if kind == "damaged":
        (target / "recording.json").write_text('{"format": "daam_nb.rec')
    if kind == "newer":
        (target / "recording.json").write_text('{"format": "daam_nb.recording", "version": 3}')
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(RecordingExistsError, match=r"is not replaced, .*delete it yourself"):
        small(target, overwrite=True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_overwrite_of_nothing_is_a_first_save(tmp_path: Path) -> None:
    assert read_folder(small(tmp_path / "run", overwrite=True)).facts["seed"] == 0


def test_overwrite_replaces_ours_and_keeps_what_is_not_ours(tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    old = {arrays_file(folder).name, image_file(folder).name}
    foreign = {"notes.txt", "arrays-final.safetensors", "image-0123456789abcdeX.png", ".recording"}
    for name in foreign:
        (folder / name).write_text("mine")
    (folder / "arrays-0123456789abcdef.safetensors").mkdir()
    small(folder, overwrite=True, seed=5)
    left = set(os.listdir(folder))
    assert read_folder(folder).facts["seed"] == 5
    assert foreign | {"arrays-0123456789abcdef.safetensors", "recording.json"} < left
    assert len(left) == 8 and not left & old


def test_a_damaged_array_file_does_not_stop_its_replacement(tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    arrays_file(folder).unlink()
    assert read_folder(small(folder, overwrite=True, seed=2)).facts["seed"] == 2


def test_a_lazily_opened_folder_can_be_saved_over_itself(tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    found = read_folder(folder)
    write_folder(
        folder, facts=found.facts, arrays=found.arrays, images=found.images, overwrite=True
    )
    again, fresh = read_folder(folder), read_folder(small(tmp_path / "other"))
    for name in ("a", "b"):
        assert torch.equal(found.arrays[name], fresh.arrays[name])
        assert torch.equal(again.arrays[name], fresh.arrays[name])
    assert len(os.listdir(folder)) == 3


@pytest.mark.parametrize("fate", ["replaced", "removed"])
def test_what_is_open_stays_whole(tmp_path: Path, fate: str) -> None:
    folder = small(tmp_path / "run")
    found = read_folder(folder)
    if fate == "replaced":
        small(folder, overwrite=True, seed=9)
    else:
        shutil.rmtree(folder)
    fresh = read_folder(small(tmp_path / "other"))
    assert torch.equal(found.arrays["a"], fresh.arrays["a"])
    assert found.images["image"].tobytes() == fresh.images["image"].tobytes()


def test_a_copy_or_a_pickle_holds_the_arrays_themselves(tmp_path: Path) -> None:
    found = read_folder(small(tmp_path / "run"))
    copies = [copy.deepcopy(found), pickle.loads(pickle.dumps(found))]
    shutil.rmtree(tmp_path / "run")
    for other in copies:
        assert type(other.arrays) is dict
        assert torch.equal(other.arrays["a"], found.arrays["a"])
        assert other.images["image"].getpixel((0, 0)) == (0, 20, 30)


def test_many_open_folders_hold_no_file_open(tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else None
    held = [read_folder(folder) for _ in range(50)]
    assert before is None or len(os.listdir("/proc/self/fd")) == before
    assert len(held) == 50


# --- what cannot be saved -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"arrays": {"a": torch.tensor([1.0, float("nan")])}}, "'a' holds values that are not fin"),
        ({"arrays": {"a": torch.tensor([1.0, float("-inf")])}}, "'a' holds values that are not fi"),
        ({"arrays": {"a": torch.arange(3)}}, r"'a' is torch\.int64 .*float16, bfloat16, float32"),
        ({"arrays": {"a": torch.eye(3).to_sparse()}}, r"'a' is torch\.float32 \(torch\.sparse_coo"),
        ({"facts": {"call": {"callback": print}}}, r"facts\.call\.callback is <built-in"),
        (
            {"images": {"image": Image.new("F", (2, 2))}},
            r"'image' is 2 x 2 F; .*\.convert",
        ),
        (
            {"images": {"../image": Image.new("L", (2, 2))}},
            r"'\.\./image' is not a valid file name",
        ),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_would_not_open_again_is_refused_and_nothing_is_left(
    tmp_path: Path, part: dict[str, Any], message: str, overwrite: bool
) -> None:
    if overwrite:
        small(tmp_path / "run")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    content = {"facts": {}, "arrays": {}, "images": {}} | part
    with pytest.raises(RecordingFormatError, match=message):
        write_folder(tmp_path / "run", **content, overwrite=overwrite)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


# --- order, neighbors ----------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks Linux for a descriptor's path")
@pytest.mark.parametrize("overwrite", [False, True])
def test_all_is_on_the_disk_before_anything_points_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    if overwrite:
        small(tmp_path / "run")
    done: list[str] = []

    def fsync(descriptor: int) -> None:
        done.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)

    monkeypatch.setattr(os, "fsync", fsync)
    for move in ("rename", "replace"):
        whole = getattr(os, move)
        monkeypatch.setattr(
            os, move, lambda a, b, whole=whole: (done.append("moved"), whole(a, b))[1]
        )
    folder = small(tmp_path / "run", overwrite=overwrite, seed=1)
    moved = done.index("moved")
    for file in (arrays_file(folder), image_file(folder)):
        assert file.name in done[:moved]
    kinds = [name.split("-")[0] for name in done]
    if overwrite:
        assert kinds == ["arrays", "image", ".recording", "run", "moved", "run"]
    else:
        assert kinds == ["arrays", "image", "recording.json", ".daam_nb", "moved", tmp_path.name]


def test_writers_and_readers_at_once(tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    failures: list[BaseException] = []
    stop = threading.Event()

    def run(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    def write() -> None:
        for seed in range(15):
            small(folder, overwrite=True, seed=seed)

    def read() -> None:
        while not stop.is_set():
            found = read_folder(folder)
            generator = torch.Generator().manual_seed(found.facts["seed"])
            assert torch.equal(found.arrays["a"], torch.rand(2, 3, generator=generator))
            assert found.images["image"].getpixel((0, 0)) == (found.facts["seed"], 20, 30)

    writers = [threading.Thread(target=run, args=(write,)) for _ in range(3)]
    reader = threading.Thread(target=run, args=(read,))
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert failures == []
    assert len(os.listdir(folder)) == 3


@pytest.mark.skipif(not lock.HAS_LOCKS, reason="no locks on this system")
def test_a_writer_waits_and_gives_up_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small(tmp_path / "run")
    with (
        lock.locked(folder),
        pytest.raises(RecordingExistsError, match=r"locked by another writer for over 0\.1 s"),
        lock.locked(folder, patience=0.1),
    ):
        pass
    with lock.locked(folder, patience=0):
        pass


@pytest.mark.skipif(not lock.HAS_LOCKS, reason="no locks on this system")
def test_drafts_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead = tmp_path / ".daam_nb-draft-0000000000000000"
    living = tmp_path / ".daam_nb-draft-1111111111111111"
    foreign = tmp_path / ".daam_nb-draft-of-my-thesis"
    with_notes = tmp_path / ".daam_nb-draft-2222222222222222"
    elsewhere = tmp_path / "elsewhere"
    for folder in (dead, living, foreign, with_notes, elsewhere):
        folder.mkdir()
        (folder / "arrays-0000000000000000.safetensors").write_text("half")
    (with_notes / "notes.txt").write_text("mine")
    (tmp_path / ".daam_nb-draft-3333333333333333").symlink_to(elsewhere)
    with lock.locked(living):
        small(tmp_path / "run")
    assert not dead.exists()
    assert os.listdir(living) == os.listdir(foreign) == os.listdir(elsewhere)
    assert os.listdir(living) == ["arrays-0000000000000000.safetensors"]
    assert os.listdir(with_notes) == ["notes.txt"]


def test_without_locks_young_drafts_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "HAS_LOCKS", False)
    monkeypatch.setattr(writing, "HAS_LOCKS", False)
    young = tmp_path / ".daam_nb-draft-0000000000000000"
    old = tmp_path / ".daam_nb-draft-1111111111111111"
    for folder in (young, old):
        folder.mkdir()
    os.utime(old, (0, 0))
    small(small(tmp_path / "run"), overwrite=True, seed=4)
    assert (young.exists(), old.exists()) == (True, False)
    assert read_folder(tmp_path / "run").facts["seed"] == 4


def test_a_quicker_neighbor_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = writing._write_parts

    def write_parts(folder: Path, *rest: Any) -> bytes:
        if not (tmp_path / "run").exists():
            monkeypatch.setattr(writing, "_write_parts", whole)
            small(tmp_path / "run", seed=7)
        return whole(folder, *rest)

    monkeypatch.setattr(writing, "_write_parts", write_parts)
    with pytest.raises(RecordingExistsError, match="run exists"):
        small(tmp_path / "run", seed=8)
    assert read_folder(tmp_path / "run").facts["seed"] == 7
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, r"run does not exist\. A recording is a folder"),
        (lambda path: path.write_text("x"), r"run is a file\. .*give that folder"),
        (lambda path: path.mkdir(), r"run holds no recording: it has no recording\.json"),
    ],
)
def test_where_nothing_is_to_be_found(tmp_path: Path, make: Any, message: str) -> None:
    make(tmp_path / "run")
    with pytest.raises(RecordingNotFoundError, match=message):
        read_folder(tmp_path / "run")
