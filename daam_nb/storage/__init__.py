"""Arrays, images and facts <-> a folder of safetensors, PNG and JSON.

Independent of recordings. Nothing is ever unpickled; no file is trusted, and whatever fails a check
raises one `RecordingFormatError` that names the file and the way out. May import `prompt` and
`errors`.
"""

from daam_nb.storage.arrays import ArrayFacts, LazyArrays, check_values
from daam_nb.storage.disk import access_error, told, write_all
from daam_nb.storage.files import PART, whole_file, write_file
from daam_nb.storage.images import ImageFacts, LazyImages
from daam_nb.storage.reading import Folder, read_folder
from daam_nb.storage.strict_json import Fields, broken
from daam_nb.storage.writing import write_folder

__all__ = [
    "PART",
    "ArrayFacts",
    "Fields",
    "Folder",
    "ImageFacts",
    "LazyArrays",
    "LazyImages",
    "access_error",
    "broken",
    "check_values",
    "read_folder",
    "told",
    "whole_file",
    "write_all",
    "write_file",
    "write_folder",
]
