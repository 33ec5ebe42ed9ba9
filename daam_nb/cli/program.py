"""`main`: parse the command line, run it, and turn any failure into one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from daam_nb.cli.arguments import Draw, Open, UsageError, read_arguments
from daam_nb.cli.study_arguments import Study
from daam_nb.cli.talking import complain, say
from daam_nb.errors import DaamError
from daam_nb.printable import printable

DONE, FAILED, MISTYPED, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``daam-nb``.

    Parameters
    ----------
    argv
        The words after the program's name; None: those of this process.

    Returns
    -------
    int
        0: done. 1: something failed, stated in one line on stderr. 2: mistyped. 130: interrupted.
    """
    try:
        options = read_arguments(sys.argv[1:] if argv is None else argv)
    except UsageError as error:
        complain(str(error))
        return MISTYPED
    except SystemExit as done:  # --help and --version have printed
        return int(done.code or 0)
    formatted = warnings.formatwarning
    warnings.formatwarning = lambda *said, **more: printable(formatted(*said, **more), keep="\n")
    try:
        _run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        complain("interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; without this Python complains again on its way.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        if options.traceback:
            say(traceback.format_exc().rstrip(), to=sys.stderr)
        complain(_in_one_line(error, traced=options.traceback))
        return FAILED
    finally:
        warnings.formatwarning = formatted
    return DONE


def _run(options: Draw | Open | Study) -> None:
    # Only now anything heavy is loaded, and only what the command needs.
    if isinstance(options, Draw):
        from daam_nb.cli.drawing import draw

        draw(options)
    elif isinstance(options, Study):
        from daam_nb.cli.studying import run_study

        run_study(options)
    else:
        from daam_nb.cli.opening import show_again

        show_again(options)


def _in_one_line(error: Exception, *, traced: bool) -> str:
    """Errors of daam_nb state the way out; for others also the type and how to see more."""
    message = " ".join(str(error).split())
    if isinstance(error, DaamError):
        return message
    if len(message) > 500:
        message = message[:499] + "…"
    in_words = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return in_words if traced else f"{in_words} (--traceback shows the details)"
