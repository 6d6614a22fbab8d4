"""What the commands that disturb a network have alike: a directory, a verdict in words, a report, an exit status."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Protocol

from tests.chaos.timeline import Timeline
from tests.chaos.verdict import Finding

EXIT_STATUS = "exit status: 0 all is as it must be; 1 it is not; 2 wrong usage, or this machine can't do that\n"


class Outcome(Protocol):
    """What a run came to."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What was looked at."""

    @property
    def told(self) -> Sequence[str]:
        """What there is to say before, in lines."""

    @property
    def is_good(self) -> bool:
        """Whether all is as it must be."""


def make_parser(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """A parser of ``python -m tests.NAME``. :param epilog: Ends with a line feed; what the exit status says follows."""
    return argparse.ArgumentParser(
        f"python -m tests.{name}",
        description=description,
        epilog=f"{epilog}\n{EXIT_STATUS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_common(parser: argparse.ArgumentParser, seed: str) -> None:
    """Add ``--seed``, ``--report`` and ``--keep``. :param seed: What the seed decides."""
    add = parser.add_argument
    add("--seed", type=int, help=f"decides {seed} (default: a random one, which is told)")
    add("--report", type=Path, metavar="FILE", help="write timeline and verdict there, too")
    add("--keep", type=Path, metavar="DIR", help="keep data directories and logs there (a failed run keeps its own)")


def refuse(name: str, reason: object) -> int:
    """Say why there is no run. :returns: The exit status."""
    print(f"{name}: {reason}", file=sys.stderr)
    return 2


def conduct(
    name: str, options: argparse.Namespace, run: Callable[[argparse.Namespace, Path, Timeline], Outcome]
) -> int:
    """Run in a directory of its own, which is removed if all was good, and tell what came of it.

    :param options: With what :func:`add_common` added; a seed is drawn where none was given.
    :returns: The exit status.
    """
    if options.seed is None:
        options.seed = Random().randrange(1 << 32)
    directory = options.keep or Path(tempfile.mkdtemp(prefix=f"cloudnode-{name}-"))
    directory.mkdir(parents=True, exist_ok=True)
    timeline = Timeline(lambda line: print(line, flush=True))
    began = time.strftime("%Y-%m-%d %H:%M:%S")
    try:
        outcome = run(options, directory.absolute(), timeline)
    except FileNotFoundError as error:
        return refuse(name, error)
    lines = [*outcome.told, "", *(str(finding) for finding in outcome.findings)]
    lines.append("PASSED" if outcome.is_good else f"FAILED; seed {options.seed}, everything is in {directory}")
    print("\n" + "\n".join(lines))
    if options.report is not None:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        shown = ", ".join(f"{each}={value}" for each, value in vars(options).items() if each != "report")
        options.report.write_text("\n".join([f"{began}  {shown}", "", *timeline.lines, "", *lines]) + "\n")
    if outcome.is_good and options.keep is None:
        shutil.rmtree(directory, ignore_errors=True)
    return 0 if outcome.is_good else 1
