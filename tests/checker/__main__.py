"""The command line: ``python -m tests.checker --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.chaos.conducting import add_common, conduct, make_parser, refuse
from tests.chaos.timeline import Timeline
from tests.checker.liar import LIES
from tests.checker.lives import Cast, draw_lies, plan_lives
from tests.checker.run import Outcome, Run, Settings, Stage
from tests.natlab import natlab

_EPILOG = """\
Seven real node processes in network namespaces (which need root, iproute2 and nftables): four validators, two nodes
behind NATs, one that lies. Events are items of subscriptions and answers to calls.
"""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = make_parser(
        "checker",
        "Have many clients hop between nodes that are killed, stopped, cut off and lie, and compare all "
        "that they were told with what is true.",
        _EPILOG,
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
    add_common(parser, "faults, lies and what clients do")
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
    reason = natlab.unavailable_reason()
    return conduct("checker", options, run) if reason is None else refuse("checker", reason)


if __name__ == "__main__":
    sys.exit(main())
