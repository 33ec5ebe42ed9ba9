"""Programs of the project, run as a person starts them, without importing the libraries each time.

A process of its own has the large libraries and nothing of ours, and forks for every program: that
takes a tenth of what their imports take. Where processes cannot fork, each starts anew.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = [
    "torch",
    "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion",
    "diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3",
    "transformers.models.clip.modeling_clip",
    "matplotlib.pyplot",
    "pandas",
    "scipy.stats",
]
QUIET = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}


def run_program(
    words: Sequence[str], *, seconds: float, anew: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run ``-m MODULE ARGUMENT...`` or ``FILE ARGUMENT...`` in the project's folder.

    `anew` is for what hands its own classes to processes that it starts: these look for them in the
    module that Python was started with.

    Raises
    ------
    subprocess.TimeoutExpired
        Where it takes longer; it is ended.
    """
    if anew or "forkserver" not in multiprocessing.get_all_start_methods():
        return subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=os.environ | QUIET,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        code = _forked(list(words), out, err, seconds)
        said, complained = (file.read_text(encoding="utf-8") for file in (out, err))
    if code is None:
        raise subprocess.TimeoutExpired(list(words), seconds, said, complained)
    return subprocess.CompletedProcess(list(words), code, said, complained)


def _forked(words: list[str], out: Path, err: Path, seconds: float) -> int | None:
    """The exit status of a program; None where it took too long."""
    out.touch()
    err.touch()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    program = context.Process(target=_become, args=(words, out, err))
    before = dict(os.environ)
    os.environ.update(QUIET)  # which the libraries read when they are imported
    try:
        program.start()
    finally:
        os.environ.clear()
        os.environ.update(before)
    program.join(seconds)
    if program.is_alive():
        program.kill()
        program.join()
        return None
    return program.exitcode


def _become(words: list[str], out: Path, err: Path) -> None:
    """Be the program: its arguments, folder, environment and output."""
    for path, number in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    os.chdir(ROOT)
    os.environ.update(QUIET)
    by_name = words[0] == "-m"
    sys.argv = words[1:] if by_name else list(words)
    sys.path[0:1] = [str(ROOT if by_name else (ROOT / words[0]).parent)]
    try:
        if by_name:
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(words[0], run_name="__main__")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
