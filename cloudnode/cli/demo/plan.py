"""What a network of so many nodes consists of: directories, ports, who validates, who joins whom."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import attrs

from cloudnode.formats.genesis import Parameters, build_genesis
from cloudnode.node.datadir import NETWORK_NAME, Datadir, PreparedDatadir

HOST = "127.0.0.1"

# Below the ports that Linux hands out by itself, so that no outgoing connection takes one meanwhile.
_PORT_RANGE = range(20_000, 32_000)


class PlanError(Exception):
    """The network can't be prepared; the text is one line that says what to do."""


@attrs.frozen
class NodePlan:
    """A node to be.

    :ivar number: From 1. :ivar home: Its directory, with the data directory and what the process wrote.
    :ivar http: :ivar ws: :ivar ws_udp: Ports on 127.0.0.1. :ivar joins: URLs of the nodes that it joins.
    :ivar is_prepared: Whether its data directory has the network already; else the nodes that it joins must serve.
    """

    number: int
    home: Path
    http: int
    ws: int
    ws_udp: int
    joins: tuple[str, ...]
    is_prepared: bool

    @property
    def datadir(self) -> Path:
        """The node's data directory."""
        return self.home / "data"

    @property
    def http_url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.http}"

    def arguments(self) -> list[str]:
        """The arguments of ``twistd``."""
        options = ["--nodaemon", "--pidfile=", "cloudnode", "--datadir", str(self.datadir)]
        options += ["--http", f"tcp:{self.http}:interface={HOST}", "--ws", f"tcp:{self.ws}:interface={HOST}"]
        options += ["--ws-udp", f"{HOST}:{self.ws_udp}", "--stun", "none"]
        return options + [word for url in self.joins for word in ("--join", url)]


def count_validators(nodes: int) -> int:
    """How many of so many nodes validate: four, which tolerate one that is down; of fewer nodes one.

    Two or three would tolerate none: any node that somebody kills would stop the network.
    """
    return 4 if nodes >= 4 else 1


def find_free_ports(count: int, host: str = HOST, ports: Iterable[int] | None = None) -> list[int]:
    """Ports which were free a moment ago, for TCP and UDP.

    :param ports: The first ones of these, which must be enough; by default any.
    """
    found: list[int] = []
    for port in _random_ports() if ports is None else ports:
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((host, port))
            udp.bind((host, port))
            if port not in found:
                found.append(port)
        if len(found) == count:
            break
    return found


def _random_ports() -> Iterator[int]:
    while True:
        yield random.choice(_PORT_RANGE)


def make_plans(directory: Path, nodes: int, validators: int, ports: Sequence[int]) -> list[NodePlan]:
    """Say what each node is. Each joins the first one and the one before it, the first the second.

    :param ports: Three free ones for each node.
    """
    plans = []
    for number in range(1, nodes + 1):
        http, ws, ws_udp = ports[3 * number - 3 : 3 * number]
        joined = sorted({1, number - 1} - {0, number}) or [2] * (nodes > 1)
        joins = tuple(f"ws://{HOST}:{ports[3 * other - 2]}" for other in joined)
        home = directory / f"node-{number}"
        plans.append(NodePlan(number, home, http, ws, ws_udp, joins, number <= validators))
    return plans


def prepare(
    plans: Sequence[NodePlan], now: Callable[[], float] = time.time, parameters: Parameters | None = None
) -> None:
    """Make the data directories of the validators, with one genesis that names them all.

    The other nodes begin with nothing and learn the network from those that they join. What an earlier run left is
    kept.

    :param parameters: The rules of a new network, the usual ones by default.
    :raises PlanError: What is there is no network of so many validators.
    :raises DatadirError: A directory can't be made, or is in use.
    """
    prepared: list[PreparedDatadir] = []
    try:
        for plan in plans:
            if plan.is_prepared:
                prepared.append(Datadir.prepare(plan.datadir))
        keys = [each.validator_key.public for each in prepared]
        there = [each.genesis for each in prepared]
        genesis = there[0] or build_genesis(
            name=NETWORK_NAME, time=int(now() * 1000), validators=keys, parameters=parameters
        )
        if any(each is not None and each.network != genesis.network for each in there) or (
            sorted(genesis.validators) != sorted(keys)
        ):
            raise PlanError(
                f"{plans[0].home.parent} holds another network than one of {len(keys)} validators: "
                "name an empty directory with --datadir"
            )
        for each in prepared:
            each.complete(genesis)
    finally:
        for each in prepared:
            each.close()
