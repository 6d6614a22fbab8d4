"""The command line: ``python -m tests.chaos --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.chaos.conducting import add_common, conduct, make_parser, refuse
from tests.chaos.faults import KINDS, Kind, plan_faults
from tests.chaos.places import Namespaces, OneMachine, Places
from tests.chaos.run import Run, Settings
from tests.chaos.timeline import Timeline
from tests.chaos.verdict import Outcome
from tests.movielens import Data, find_real_data, make_data, real_data
from tests.natlab import natlab

_EPILOG = """\
Nodes and clients are real processes. With cuts (which need root, iproute2 and nftables) each node is in a network
namespace of its own and the clients in another; without, all are on 127.0.0.1.
"""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = make_parser(
        "chaos",
        "Publish a data set through all nodes of a network while nodes are killed, stopped and cut off, "
        "and compare all databases row for row at the end.",
        _EPILOG,
    )
    add = parser.add_argument
    add("--nodes", type=int, default=7, help="how many (default: %(default)s)")
    add("--validators", type=int, default=4, help="how many of them validate (default: %(default)s)")
    add("--clients", type=int, default=20, help="connections, spread over all nodes (default: %(default)s)")
    add("--window", type=int, default=100, help="operations on their way of each client (default: %(default)s)")
    add("--data", type=Path, metavar="DIR", help="where MovieLens is (default: $CLOUDNODE_MOVIELENS, ../shared/data)")
    add("--operations", type=int, metavar="N", help="publish N made-up operations of that shape instead")
    add("--faults", type=_kinds, default=KINDS, metavar="KINDS", help="of kill,stop,cut, or none (default: all)")
    add("--seconds", type=float, default=60.0, help="how long there are faults (default: %(default)s)")
    add("--limit", type=float, default=900.0, help="give up after so many seconds (default: %(default)s)")
    add("--least", type=float, default=0.0, metavar="RATE", help="fail below so many operations a second")
    add("--pace", type=int, default=200, metavar="MS", help="the network's time between blocks (default: %(default)s)")
    add_common(parser, "faults and keys")
    options = parser.parse_args(arguments)
    if not 1 <= options.validators <= options.nodes <= 20:
        parser.error("there are 1 to 20 nodes, and at least one of them validates")
    if options.clients < 1 or options.window < 1:
        parser.error("there is at least one client, with at least one operation on its way")
    if options.operations is not None and options.operations < 100:
        parser.error("make up 100 operations at least")
    return options


def _kinds(text: str) -> tuple[Kind, ...]:
    if text == "none":
        return ()
    chosen = tuple(kind for kind in KINDS if kind in text.split(","))
    if len(chosen) != len(text.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of {', '.join(KINDS)}")
    return chosen


def _make_up(directory: Path, operations: int) -> Data:
    """About as many films, raters and ratings of each as MovieLens has in proportion."""
    films = max(20, operations // 12)
    users = max(operations // 160, 2 * operations // films + 1)
    return make_data(directory, films, users, operations - films)


def _find_data(options: argparse.Namespace, directory: Path) -> Data:
    if options.operations is not None:
        return _make_up(directory, options.operations)
    data = find_real_data() if options.data is None else real_data(options.data)
    if data is not None and data.movies.exists():
        return data
    if options.data is not None:
        raise FileNotFoundError(f"there is no MovieLens in {options.data}")
    return _make_up(directory, 109_070)


def run(options: argparse.Namespace, directory: Path, timeline: Timeline) -> Outcome:
    """One run in a directory."""
    data = _find_data(options, directory)
    seed = options.seed
    followers = options.nodes - options.validators
    faults = ()
    if options.faults:
        faults = plan_faults(Random(seed), options.faults, options.seconds, options.validators, followers)
    timeline.tell(
        f"seed {seed}: {data.films + data.count:,} operations by {options.clients} clients, {len(faults)} faults "
        f"within {options.seconds:g} s"
    )
    settings = Settings(
        options.validators, followers, options.clients, options.window, seed, options.limit, options.least, options.pace
    )
    places: Places = Namespaces() if "cut" in options.faults else OneMachine()
    try:
        return Run(places, settings, data, directory, faults, timeline).run()
    finally:
        places.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """:returns: The exit status."""
    options = parse_arguments(arguments)
    reason = natlab.unavailable_reason() if "cut" in options.faults else None
    if reason is not None:
        return refuse("chaos", f"{reason} (or leave the cuts out: --faults kill,stop)")
    return conduct("chaos", options, run)


if __name__ == "__main__":
    sys.exit(main())
