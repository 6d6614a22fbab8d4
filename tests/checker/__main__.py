"""The command line: ``python -m tests.checker --help``."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.chaos.timeline import Timeline
from tests.checker.liar import LIES
from tests.checker.lives import Cast, draw_lies, plan_lives
from tests.checker.run import Outcome, Run, Settings, Stage
from tests.natlab import natlab

_EPILOG = """\
Seven real node processes in network namespaces (which need root, iproute2 and nftables): four validators, two nodes
behind NATs, one that lies. Events are items of subscriptions and answers to calls.

exit status: 0 all is as it must be; 1 it is not; 2 wrong usage, or this machine can't do that
"""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m tests.checker",
        description="Have many clients hop between nodes that are killed, stopped, cut off and lie, and compare all "
        "that they were told with what is true.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--clients", type=int, default=50, help="how many (default: %(default)s)")
    add("--processes", type=int, default=2, help="over which they are spread (default: %(default)s)")
    add("--events", type=int, default=1_000_000, help="go on until there were so many (default: %(default)s)")
    add("--seconds", type=float, default=0.0, help="and for so long at least (default: %(default)s)")
    text = "how many times as long as usual nodes are well between two faults (default: %(default)s)"
    add("--calm", type=float, default=1.0, metavar="N", help=text)
    add("--lies", type=_lies, default=LIES, metavar="LIES", help=f"of {','.join(LIES)} (default: all)")
    add("--rate", type=float, default=30.0, metavar="N", help="operations a second besides what clients write")
    add("--pause", type=float, default=2.0, metavar="S", help="between what a client does (default: %(default)s)")
    add("--pace", type=int, default=1000, metavar="MS", help="the network's time between blocks (default: %(default)s)")
    add("--limit", type=float, default=7200.0, metavar="S", help="give up after so long (default: %(default)s)")
    add("--seed", type=int, help="decides faults, lies and what clients do (default: a random one, which is told)")
    add("--report", type=Path, metavar="FILE", help="write timeline and verdict there, too")
    add("--keep", type=Path, metavar="DIR", help="keep data directories, logs and the trace there")
    options = parser.parse_args(arguments)
    if not 1 <= options.processes <= options.clients or options.events < 1 or options.pause <= 0 or options.calm <= 0:
        parser.error("there is at least one process, a client for each, one event, some pause and some calm")
    return options


def _lies(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if not set(chosen) <= set(LIES):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of {', '.join(LIES)}")
    return chosen


def run(options: argparse.Namespace, directory: Path, timeline: Timeline) -> Outcome:
    """One run in a directory."""
    cast, random = Cast(), Random(options.seed)
    faults = plan_lives(random, cast, options.limit, options.calm)
    lies = ((name, random.randrange(1 << 32)) for name in draw_lies(Random(options.seed), options.lies))
    settings = Settings(
        options.clients, options.processes, options.events, options.seconds, options.seed, options.pause, options.rate,
        options.pace, options.limit,
    )  # fmt: skip
    timeline.tell(f"seed {options.seed}: {options.events:,} events, {options.clients} clients")
    stage = Stage(cast, lies)
    try:
        return Run(stage, cast, settings, directory, faults, timeline).run()
    finally:
        stage.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """:returns: The exit status."""
    options = parse_arguments(arguments)
    if options.seed is None:
        options.seed = Random().randrange(1 << 32)
    reason = natlab.unavailable_reason()
    if reason is not None:
        print(f"checker: {reason}", file=sys.stderr)
        return 2
    directory = options.keep or Path(tempfile.mkdtemp(prefix="cloudnode-checker-"))
    directory.mkdir(parents=True, exist_ok=True)
    timeline = Timeline(lambda line: print(line, flush=True))
    began = time.strftime("%Y-%m-%d %H:%M:%S")
    outcome = run(options, directory.absolute(), timeline)
    lines = [*outcome.told, "", *(str(finding) for finding in outcome.findings)]
    lines.append("PASSED" if outcome.is_good else f"FAILED; seed {options.seed}, everything is in {directory}")
    print("\n" + "\n".join(lines))
    if options.report is not None:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        shown = ", ".join(f"{name}={value}" for name, value in vars(options).items() if name != "report")
        options.report.write_text("\n".join([f"{began}  {shown}", "", *timeline.lines, "", *lines]) + "\n")
    if outcome.is_good and options.keep is None:
        shutil.rmtree(directory, ignore_errors=True)
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
