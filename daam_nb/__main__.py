"""``python -m daam_nb`` is ``daam-nb``."""

from __future__ import annotations

import sys

from daam_nb.cli import main

if __name__ == "__main__":
    sys.exit(main())
