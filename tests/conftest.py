"""The tiers of the tests: `make check` runs those without a mark, `make test` all of them.

A mark is a matter of where a test stands, so that no file has to say it:

    browser    needs Chromium
    contract   every model family against the contract of its adapter, and every kind of pipeline
    studies    the studies, their statistics and their tables
    slow       trains, loads models, executes documents, notebooks and commands

`pytest --fast` runs those without a mark, and does not even import the others.
"""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
TIERS: dict[str, tuple[str, ...]] = {
    "browser": ("browser",),
    "contract": ("tracing",),
    "studies": ("studies", "cli/test_study.py", "show/rating", "test_results.py"),
    "slow": (
        "classroom",
        "cli/test_cli.py",
        "compat/test_oracle.py",
        "compat/test_readme_example.py",
        "language/test_caption_parser.py",
        "language/test_loading.py",
        "language/test_training.py",
        "menagerie",
        "show/explorer",
        "show/test_conditions.py",
        "storage/test_crashes.py",
        "test_commands.py",
        "test_fuzz_recordings.py",
        "test_menagerie_page.py",
        "test_misuse.py",
        "test_notebooks.py",
        "test_print_blocks.py",
        "test_project.py",
        "test_readme.py",
        "training",
    ),
}


def tier_of(path: Path) -> str | None:
    """The mark of a test file, from where it stands below tests/; None: fast."""
    within = path.relative_to(HERE)
    names = {within.as_posix(), *(parent.as_posix() for parent in within.parents)}
    return next((tier for tier, places in TIERS.items() if names.intersection(places)), None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="only the tests without a mark")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whether a file need not be read."""
    if not config.getoption("--fast") or not collection_path.is_relative_to(HERE):
        return None
    return True if tier_of(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test the mark of its file."""
    for item in items:
        if item.path.is_relative_to(HERE) and (tier := tier_of(item.path)):
            item.add_marker(getattr(pytest.mark, tier))
