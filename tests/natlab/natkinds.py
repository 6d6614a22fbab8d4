"""What nodes in the laboratory find out of their NATs.

``python -m tests.natlab.natkinds --runs 20`` prints the table.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from tests.natlab import natlab
from tests.natlab.nodes import LabNode

PEERS = 3
SURVEY_SECONDS = 0.2
PATIENCE = 60.0
POLL_SECONDS = 0.3

_CONFIG = f"""\
[limits]
trusted = ["127.0.0.0/8", "10.0.0.0/8", "{natlab.HOST_SUBNET}", "{natlab.ROUTER_SUBNET}"]

[mappings]
survey = {SURVEY_SECONDS}
tries_second = 1000
"""


@attrs.frozen
class Case:
    """A node behind a router, and what it is to find out.

    :ivar routers: Kind and options of each router, the outermost first.
    :ivar expected: Of ``stun.nat`` in ``getnodeinfo``.
    """

    name: str
    routers: tuple[tuple[str, dict[str, Any]], ...]
    expected: dict[str, str]


def _case(name: str, kind: str, told: str, *, inside: str | None = None, **options: Any) -> Case:
    """:param told: Mapping, filtering, ports, hairpin, syn, udp, allocation. :param inside: An inner router's kind."""
    fields = ("mapping", "filtering", "ports", "hairpin", "syn", "udp", "allocation")
    short = {"EI": "endpoint-independent", "AD": "address-dependent", "APD": "address-and-port-dependent"}
    expected = {field: short.get(word, word) for field, word in zip(fields, told.split(), strict=True)}
    routers = ((kind, options), *(((inside, {}),) if inside else ()))
    return Case(name, routers, expected)


CASES = {
    case.name: case
    for case in (
        _case("none", "none", "none none yes unknown accepted works unknown"),
        _case("firewall", "firewall", "none APD yes unknown dropped works unknown"),
        _case("firewall-rst", "firewall", "none APD yes unknown reset works unknown", unsolicited_tcp="rst"),
        _case("full-cone", "full-cone", "EI EI no no accepted works unknown"),
        _case("full-cone-preserving", "full-cone", "EI EI yes no accepted works unknown", port_preserving=True),
        _case("full-cone-hairpin", "full-cone", "EI EI no yes accepted works unknown", hairpin=True),
        _case("restricted-cone", "restricted-cone", "EI AD no no dropped works unknown"),
        _case("restricted-cone-hairpin", "restricted-cone", "EI AD no yes dropped works unknown", hairpin=True),
        _case("port-restricted", "port-restricted", "EI APD no no dropped works unknown"),
        _case("port-restricted-preserving", "port-restricted", "EI APD yes no dropped works unknown",
              port_preserving=True),
        _case("port-restricted-hairpin", "port-restricted", "EI APD no yes dropped works unknown", hairpin=True),
        _case("port-restricted-rst", "port-restricted", "EI APD no no reset works unknown", unsolicited_tcp="rst"),
        _case("port-restricted-poisoned", "port-restricted", "EI APD no no dropped works unknown",
              poison_lifetime=10),
        _case("address-dependent", "address-dependent", "AD AD no no dropped works random"),
        _case("symmetric", "symmetric", "APD APD no no dropped works random"),
        _case("symmetric-sequential", "symmetric", "APD APD no no dropped works sequential",
              port_allocation="sequential"),
        _case("no-udp", "port-restricted", "EI unknown no unknown dropped blocked unknown", block_udp=True),
        _case("port-restricted-in-full-cone", "full-cone", "EI APD no no dropped works unknown",
              inside="port-restricted"),
        _case("full-cone-in-symmetric", "symmetric", "APD APD no no dropped works random", inside="full-cone"),
    )
}  # fmt: skip


@contextlib.contextmanager
def run_peers(lab: natlab.Lab, home: Path) -> Iterator[list[LabNode]]:
    """Public nodes of one network, which others can ask."""
    config = home / "config.toml"
    config.write_text(_CONFIG)
    with contextlib.ExitStack() as stack:
        nodes: list[LabNode] = []
        for number in range(PEERS):
            joins = [word for node in nodes for word in ("--join", node.ws_url)]
            name = f"peer{number}"
            node = LabNode(lab.public_host(name), home / name, ["--config", str(config), "--stun", "3478", *joins])
            stack.callback(node.close)
            nodes.append(node)
            node.start()
        yield nodes


@contextlib.contextmanager
def run_behind(
    lab: natlab.Lab, home: Path, case: Case, peers: Sequence[LabNode], *, settings: str = "",
    arguments: Sequence[str] = (),
) -> Iterator[LabNode]:
    """A node behind a case's routers.

    :param settings: More lines of the configuration's table ``mappings``. :param arguments: More options.
    """
    config = home / f"{case.name}.toml"
    config.write_text(_CONFIG + settings)
    network: Any = lab
    for depth, (kind, options) in enumerate(case.routers):
        network = network.nat(f"{case.name}-{depth}", kind, **options)
    joins = [word for peer in peers for word in ("--join", peer.ws_url)]
    node = LabNode(network.host(f"{case.name}-host"), home / case.name, ["--config", str(config), *joins, *arguments])
    try:
        node.start()
        yield node
    finally:
        node.close()


def read_nat(node: LabNode) -> dict[str, Any] | None:
    """What a node tells of its NAT; None before it knows."""
    nat: dict[str, Any] | None = node.call("getnodeinfo")["stun"]["nat"]
    return nat


class Watched:
    """What one node finds out, survey after survey.

    :ivar right: How often it found out all. :ivar was_wrong: Whether it ever took something for what it is not.
    """

    def __init__(self, case: Case, node: LabNode) -> None:
        self.case = case
        self.node = node
        self.right = 0
        self.was_wrong = False
        self.results: Counter[tuple[str, ...]] = Counter()
        self.was_open_wrongly = False
        self._round = 0

    @property
    def rounds(self) -> int:
        """How many surveys were seen."""
        return self.results.total()

    def look(self) -> None:
        """Count the newest survey, unless it was counted."""
        nat = read_nat(self.node)
        if nat is None or nat["round"] == self._round or nat["observers"] < 2:
            return
        self._round = nat["round"]
        expected = self.case.expected
        found = tuple(nat[field] for field in expected)
        self.results[found] += 1
        # For a cone, only one socket of each kind is opened: how ports are chosen may not be known.
        differ = {
            each for (field, wanted), each in zip(expected.items(), found, strict=True)
            if each != wanted and not (field == "allocation" and wanted == "unknown")
        }  # fmt: skip
        self.right += not differ
        self.was_wrong |= not differ <= {"unknown"}
        opened = ("none", "endpoint-independent")
        self.was_open_wrongly |= nat["filtering"] in opened and expected["filtering"] not in opened


def survey_all(
    lab: natlab.Lab, home: Path, cases: Sequence[Case], runs: int,
    done: Callable[[str, LabNode], None] = lambda name, node: None, *, patience: float = PATIENCE,
    until_right: bool = False,
) -> list[Watched]:
    """Let a node behind each router find out its kind so many times.

    :param done: Called at the end with each case's name and its node, while that runs.
    :param patience: Seconds to wait for all of it at most, and 12 for each time.
    :param until_right: So many times are to be right; else all count.
    """

    def lacks(each: Watched) -> bool:
        return (each.right if until_right else each.rounds) < runs

    with contextlib.ExitStack() as stack:
        peers = stack.enter_context(run_peers(lab, home))
        watched = [Watched(case, stack.enter_context(run_behind(lab, home, case, peers))) for case in cases]
        deadline = time.monotonic() + patience + 12.0 * runs
        while any(map(lacks, watched)) and time.monotonic() < deadline:
            for each in watched:
                if lacks(each):
                    each.look()
            time.sleep(POLL_SECONDS)
        for each in watched:
            done(each.case.name, each.node)
        return watched


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="tests.natlab.natkinds", description="What nodes find out of NATs.")
    parser.add_argument("--runs", type=int, default=20, help="surveys behind each router")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; default: all")
    options = parser.parse_args()
    if reason := natlab.unavailable_reason():
        print(reason)
        return 1
    unknown = set(options.cases) - set(CASES)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    cases = [CASES[name] for name in options.cases] or list(CASES.values())
    with natlab.Lab() as lab, tempfile.TemporaryDirectory() as home:
        watched = survey_all(lab, Path(home), cases, options.runs)
    print(f"{'router':30} {'right':>7}  mapping, filtering, ports, hairpin, syn, udp, allocation")
    for each in watched:
        print(f"{each.case.name:30} {f'{each.right}/{each.rounds}':>7}  {'; '.join(map(_shorten, each.results))}")
    wrong = [each for each in watched if each.right < options.runs]
    opened = [each.case.name for each in watched if each.was_open_wrongly]
    print(f"restricted ones that were told to be open: {', '.join(opened) or 'none'}")
    return int(bool(wrong or opened))


def _shorten(found: tuple[str, ...]) -> str:
    short = {"endpoint-independent": "EI", "address-dependent": "AD", "address-and-port-dependent": "APD"}
    return " ".join(short.get(word, word) for word in found)


if __name__ == "__main__":
    sys.exit(main())
