from __future__ import annotations

import base64
import dataclasses
import io
import re
from html.parser import HTMLParser
from pathlib import Path

from PIL import Image

from daam_nb.recording import Manifest, Recording, Skipped, load
from tests.storage.contents import image_file
from tests.tiny_recordings import tiny_recording

HOSTILE = """<script>alert("x")</script> & 'a' "b" </div>"""


class Balanced(HTMLParser):
    """Collects tags, and whether each is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.said = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data + "\n"


def image_in(page: str) -> Image.Image:
    found = re.search(r'src="data:image/png;base64,([^"]+)"', page)
    assert found is not None
    return Image.open(io.BytesIO(base64.b64decode(found[1])))


def test_text_is_one_line_with_what_is_held() -> None:
    run = tiny_recording("a cat\nand a dog", kept_steps=(0, 2), heads=(2, 3))
    assert repr(run) == (
        "<Recording 'a cat\\nand a dog': image 64 x 96, 2 of 3 steps, "
        f"5 layers (2 down, 1 mid, 2 up), 13 heads, 7 tokens, {run.nbytes / 1024:.1f} KiB>"
    )
    assert len(repr(tiny_recording("word " * 500))) < 250


def test_how_it_was_kept_is_said() -> None:
    assert "3 steps, summed" in repr(tiny_recording(kept="sum"))
    assert "3 steps, for replay" in repr(tiny_recording(kept="replay"))


def test_a_cell_shows_the_image_itself() -> None:
    run = tiny_recording()
    page = run._repr_html_()
    assert image_in(page).tobytes() == run.image.tobytes()
    assert 'width="192" height="128"' in page


def test_a_large_image_is_made_small_and_a_tiny_one_large() -> None:
    facts = tiny_recording().facts
    sizes = [((1024, 512), (128, 256), 1), ((16, 8), (8, 16), 12)]
    for pil_size, shown, zoom in sizes:
        run = dataclasses.replace(
            tiny_recording(),
            image=Image.new("RGB", pil_size, "red"),
            facts=dataclasses.replace(facts, image_size=pil_size[::-1]),
        )
        page = run._repr_html_()
        assert image_in(page).size == shown[::-1]
        assert f'width="{shown[1] * zoom}" height="{shown[0] * zoom}"' in page


def test_nothing_from_a_prompt_becomes_markup() -> None:
    run = tiny_recording(HOSTILE, negative=HOSTILE, length=50)
    run = dataclasses.replace(
        run,
        facts=dataclasses.replace(run.facts, model=HOSTILE, pipeline=HOSTILE, created=HOSTILE),
        manifest=Manifest((HOSTILE,), (Skipped(HOSTILE, HOSTILE),)),
    )
    page = Balanced(run._repr_html_())
    assert "script" not in page.seen
    assert page.said.count(HOSTILE) == 8
    assert "http" not in run._repr_html_()


def test_facts_and_manifest_are_shown() -> None:
    said = Balanced(tiny_recording(negative="bad weather")._repr_html_()).said
    for words in (
        "a cat and a dog", "tiny/by-hand", "DDIMScheduler", "7.5", "64 x 96 pixels, latents 8 x 12",
        "3 steps", "2 down, 1 mid, 2 up", "7 of 12", "bad weather", "2025-01-01", "in 0.2 s",
        "manifest: 1 captured, 1 not", "attention of 7 tokens", "self-attention (not asked for)",
    ):  # fmt: skip
        assert words in said, words


def test_what_was_cut_is_shown_and_what_is_missing_too() -> None:
    run = tiny_recording("one two three four five", length=5, image=False)
    said = Balanced(run._repr_html_()).said
    assert "never read\nfour five" in said and "no image kept" in said
    bare = dataclasses.replace(
        run,
        manifest=Manifest(),
        facts=dataclasses.replace(run.facts, guidance=None, seed=None, created=""),
    )
    said = Balanced(bare._repr_html_()).said
    assert "guidance\nnone" in said and "seed\nnone given" in said and "manifest" not in said


def test_a_damaged_image_does_not_hide_the_rest(tmp_path: Path) -> None:
    folder = tiny_recording().save(tmp_path / "run")
    file = image_file(folder)
    file.write_bytes(file.read_bytes()[:-4] + b"oops")
    said = Balanced(load(folder)._repr_html_()).said
    assert "its sha256 differs" in said and "a cat and a dog" in said


def test_a_loaded_recording_says_how_much_was_read(tmp_path: Path) -> None:
    run: Recording = load(tiny_recording().save(tmp_path / "run"))
    total = f"{run.nbytes / 1024:.1f} KiB"
    assert f"{total} (0.0 KiB read)" in run._repr_html_()
    dict(run.attention), run.latents
    assert repr(run).endswith(f", {total}>")
