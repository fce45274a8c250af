"""From an error to a line on standard error and the exit status of the process."""

from __future__ import annotations

import gc
import io
import os
import sys
import traceback

import click

from srdata.cli.verbs import cli
from srdata.common.processes.ending_signals import EndingSignals
from srdata.errors import SrdataError


def main() -> None:
    """Run the command line: errors become one line on standard error, 2 for a user's mistake, else 1."""
    write_what_can_be_written()
    # Before numpy is imported, whose threads else run at full speed while they wait for work.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    # What a command makes is freed when it is done with: to look for more took a twentieth of its time.
    gc.set_threshold(10_000)
    ending = EndingSignals()
    ending.catch()
    status = run(sys.argv[1:], ending)
    ending.release()
    gc.freeze()  # else Python looks for garbage in all that was imported before it ends: a tenth of a second
    sys.exit(status)


def write_what_can_be_written() -> None:
    """Write ? for what an output in an older encoding cannot hold, such as δ in a pipe on Windows."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def run(arguments: list[str], ending: EndingSignals | None = None) -> int:
    """Run one command and return its exit status; `ending` are the signals that may end it."""
    ending = ending or EndingSignals()
    verbose = "--verbose" in arguments or bool(os.environ.get("SRDATA_VERBOSE"))
    arguments = [argument for argument in arguments if argument != "--verbose"]
    try:
        status = cli.main(arguments or ["--help"], prog_name="srdata", standalone_mode=False)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "srdata"
        click.echo(f"{where}: {error.format_message()} (see {where} --help)", err=True)
        return 2
    except (click.Abort, KeyboardInterrupt) as error:
        if isinstance(error.__cause__, EOFError):  # which click takes for the end of input
            return _tell(SrdataError("a file ends before its content does: get it again"), 1, verbose)
        ending.tell()
        return ending.status
    except SrdataError as error:
        return _tell(error, error.exit_status, verbose)
    except OSError as error:
        return _tell(error, 1, verbose)
    return status or 0


def _tell(error: Exception, status: int, verbose: bool) -> int:
    if verbose:
        traceback.print_exception(error)
    else:
        click.echo(f"srdata: {error}", err=True)
    return status
