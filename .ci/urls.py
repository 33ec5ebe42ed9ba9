"""The addresses that the package names, all made from one setting of pyproject.toml."""

from __future__ import annotations

from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Urls(MetadataHookInterface):
    """Fill in ``project.urls`` from ``repository``; leave it out while that is empty."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the addresses of the code, the documents, the changes and the issues."""
        if repository := self.config["repository"].rstrip("/"):
            metadata["urls"] = {
                "Source": repository,
                "Documentation": f"{repository}/tree/main/docs",
                "Changelog": f"{repository}/blob/main/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }
        else:
            metadata["urls"] = {}
