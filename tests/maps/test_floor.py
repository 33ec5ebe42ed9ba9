"""Maps need no pipeline: what importing and using them loads, seen from a fresh process."""

import subprocess
import sys

FORBIDDEN = (
    "accelerate",
    "diffusers",
    "ipywidgets",
    "pandas",
    "plotly",
    "spacy",
    "transformers",
    "xarray",
    "daam_nb.tracing",
    "daam_nb.show",
    "daam_nb.menagerie",
)

PROGRAM = """
import sys
from tests.tiny_recordings import tiny_recording
from daam_nb.maps import heat_maps, iou
maps = heat_maps(tiny_recording(), steps=[0, 2])
iou(maps.word("cat"), maps.word("dog"), threshold=0.4)
print(*sys.modules)
"""


def test_mapping_a_recording_loads_no_pipeline_and_no_figures() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "daam_nb.maps.heatmap" in loaded
    assert loaded.isdisjoint(FORBIDDEN)
