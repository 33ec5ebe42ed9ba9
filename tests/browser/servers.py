"""Real servers for the browser tests: JupyterLab (Notebook 7 is in it, too), Voila and marimo.

Each is a process of its own with its configuration, its data and its notebooks in a temporary
folder: nothing of the machine's user takes part, and nothing is left behind.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 90
NOT_FOR_VOILA = "@jupyter-notebook/lab-extension"


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes
    ----------
    url
        Without a slash at the end.
    token
        For `?token=`; empty where none is asked for.
    notebooks
        The folder it serves.
    log
        What it printed.
    """

    url: str
    token: str
    notebooks: Path
    log: Path

    def address(self, path: str) -> str:
        """Where a page is, with what it takes to be let in."""
        return f"{self.url}/{path}" + (f"?token={self.token}" if self.token else "")


# What would reach for the network, or ask a person something, is off: news, updates, extensions.
_CONFIG = {
    "LabApp": {
        "expose_app_in_browser": True,
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "extension_manager": "readonly",
    },
    "JupyterNotebookApp": {"expose_app_in_browser": True},
    "ServerApp": {
        "allow_root": True,
        "shutdown_no_activity_timeout": 900,
        "open_browser": False,
        "ip": "127.0.0.1",
        "port_retries": 0,
    },
}


@contextmanager
def jupyter(place: Path) -> Iterator[Server]:
    """JupyterLab and, under /notebooks, Notebook 7."""
    token = secrets.token_hex(16)
    command = ["jupyterlab", "--no-browser", f"--IdentityProvider.token={token}"]
    with _running(place, command, port="--ServerApp.port", token=token, ready="api/status") as one:
        yield one


@contextmanager
def voila(place: Path, notebook: Path, *, ready_kernels: int = 0) -> Iterator[Server]:
    """Voila on one notebook, which it runs anew for everyone who opens the page.

    `ready_kernels` of them have run it already, before anyone asks.
    """
    command = ["voila", str(notebook), "--no-browser", "--Voila.ip=127.0.0.1"]
    # As `make classroom` does. Notebook 7's extension is of no use to Voila and complains in it.
    command += ["--template=offline", f"--VoilaConfiguration.extension_denylist={NOT_FOR_VOILA}"]
    if ready_kernels:
        command += ["--preheat_kernel=True", f"--pool_size={ready_kernels}"]
    with _running(place, command, port="--port", token="", ready="voila/static/voila.js") as one:
        yield one


@contextmanager
def marimo(folder: Path, notebook: Path) -> Iterator[Server]:
    """Marimo on one notebook as an app, which it runs anew for everyone who opens the page."""
    command = ["marimo", "run", str(notebook), "--headless", "--no-token", "--no-check"]
    with _running(folder, command, port="--port", token="", ready="health") as server:
        yield server


@contextmanager
def _running(
    place: Path, command: Sequence[str], *, port: str, token: str, ready: str
) -> Iterator[Server]:
    notebooks = place / "notebooks"
    notebooks.mkdir(parents=True, exist_ok=True)
    number = _free_port()
    server = Server(f"http://127.0.0.1:{number}", token, notebooks, place / "server.log")
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, f"{port}={number}"],
            cwd=notebooks,
            env=_environment(place),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # so that its kernels end with it
        )
    try:
        _wait(server, process, ready)
        yield server
    finally:
        _end(process)


def _environment(place: Path) -> dict[str, str]:
    folders = {
        "JUPYTER_CONFIG_DIR": place / "config",
        "JUPYTER_DATA_DIR": place / "data",
        "JUPYTER_RUNTIME_DIR": place / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": place / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": place / "workspaces",
        "IPYTHONDIR": place / "ipython",
        "XDG_CONFIG_HOME": place / "xdg-config",
        "XDG_STATE_HOME": place / "xdg-state",
        "XDG_CACHE_HOME": place / "xdg-cache",
    }
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    config = folders["JUPYTER_CONFIG_DIR"]
    (config / "jupyter_config.json").write_text(json.dumps(_CONFIG))
    (config / "labconfig").mkdir(exist_ok=True)
    disabled = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (config / "labconfig" / "page_config.json").write_text(json.dumps(disabled))
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    quiet = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    return (
        os.environ
        | quiet
        | {name: str(folder) for name, folder in folders.items()}
        | {"PYTHONPATH": path, "JUPYTER_PATH": str(ROOT / "notebooks")}  # Voila's template
    )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        number: int = one.getsockname()[1]
    return number


def _wait(server: Server, process: subprocess.Popen[bytes], ready: str) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(server.address(ready), timeout=5):
                return
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The server did not start:\n{server.log.read_text(errors='replace')}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and what it started: first asked, then made to."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
    process.wait(timeout=10)
