"""What a page must never do: ask another host for something, or report an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Request, WebError

# The page's own images and workers, and files opened as files.
INSIDE = ("data", "blob", "file", "about", "chrome-error")


@dataclass
class Watch:
    """What went wrong in the pages of one browser context, as it happens."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> Watch:
        """Watch every page of a context, also those opened later."""
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", self._uncaught)
        return self

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in INSIDE and parts.hostname != "127.0.0.1":
            self.outside.append(request.url)

    def _uncaught(self, error: WebError) -> None:
        where = error.error.stack if isinstance(error.error, Error) else ""
        self.errors.append(f"uncaught: {error.error}\n{where}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def check(self) -> None:
        """Fail where anything was seen."""
        assert self.outside == [], f"asked other hosts: {self.outside}"
        assert self.errors == [], "errors in the page:\n" + "\n".join(self.errors)

    def clear(self) -> None:
        """Start anew."""
        self.errors.clear()
        self.outside.clear()
