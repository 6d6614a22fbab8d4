"""One run: nodes in the laboratory, faults, clients, and the verdict on what these saw."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import msgspec

from cloudnode.formats.block import Header
from tests.chaos.faults import Fault
from tests.chaos.network import DisturbedNetwork, Size
from tests.chaos.places import Namespaces
from tests.chaos.timeline import Timeline
from tests.chaos.verdict import Finding, judge_rows, open_snapshots
from tests.checker import trace
from tests.checker.judging import Judge, Verdict
from tests.checker.lives import Cast
from tests.checker.load import Plan
from tests.checker.processes import Clients
from tests.checker.truth import Block, Log, Logged
from tests.integration.conftest import NodeProcess
from tests.natlab import natlab
from tests.natlab.nodes import LabNode

NATS = ("full-cone", "port-restricted")
"""In turn, for the nodes that are behind one."""

NAMING_SECONDS = 20.0
"""For which a session may take to name a liar on a machine that is busy with the run."""

_CONFIG = """
[ledger]
# What it takes of the processors is better spent on clients.
audit_interval = 86400
"""

_INDEX_BITS = 20  # of a position in the log (docs/ledger.md)
_TOLD, _BEFORE, _AFTER = 10, 15.0, 2.0
"""Faults that are told, and the seconds of the trace before and after each."""


class LyingNode(LabNode):
    """A node that tells another lie each time it is started. :ivar told: Its lies so far."""

    def __init__(
        self, host: natlab.Host, home: Path, arguments: Sequence[str], lies: Iterator[tuple[str, int]]
    ) -> None:
        """:param lies: Names and seeds."""
        self.told: list[str] = []
        self._lies = lies
        super().__init__(host, home, arguments)

    def command(self, command: list[str]) -> list[str]:
        """In place of ``twistd cloudnode``."""
        name, seed = next(self._lies)
        self.told.append(name)
        options = command[command.index("cloudnode") + 1 :]
        return super().command([sys.executable, "-m", "tests.checker.liar", name, str(seed), *options])


class Stage(Namespaces):
    """Where the nodes of a cast are: some behind NATs, the others and the clients not."""

    def __init__(self, cast: Cast, lies: Iterator[tuple[str, int]]) -> None:
        """:raises LabError: There can be none here."""
        super().__init__()
        self._cast = cast
        self._lies = lies

    def add(self, home: Path, arguments: Sequence[str]) -> NodeProcess:
        """As :class:`Places` says."""
        number = len(self.nodes)
        joins = list(arguments)
        for hidden in self.nodes[self._cast.validators :]:  # which nobody can dial
            at = joins.index(hidden.ws_url)
            del joins[at - 1 : at + 1]
        if number == self._cast.liar:
            node: LabNode = LyingNode(self._lab.public_host("liar"), home, joins, self._lies)
        elif number >= self._cast.validators:
            kind = NATS[(number - self._cast.validators) % len(NATS)]
            router = self._lab.nat(f"nat-{number + 1}", kind=kind)
            node = LabNode(router.host(f"node-{number + 1}"), home, joins)
        else:
            node = LabNode(self._lab.public_host(f"node-{number + 1}"), home, joins)
        config = node.home / "config.toml"
        config.write_text(config.read_text() + _CONFIG)
        self.nodes.append(node)
        return node


@attrs.frozen
class Settings:
    """What is asked for; see ``--help``. :ivar limit: Seconds that the clients may take at most."""

    clients: int
    processes: int
    events: int
    seconds: float
    seed: int
    pause: float
    rate: float
    pace: int
    limit: float


@attrs.frozen
class Outcome:
    """What came of it. :ivar findings: Of nodes and databases. :ivar verdict: Of clients. :ivar told: In words."""

    findings: Sequence[Finding]
    verdict: Verdict
    told: Sequence[str]

    @property
    def is_good(self) -> bool:
        """Whether all is as it must be."""
        return self.verdict.is_good and all(finding.is_good for finding in self.findings)


class Run:
    """One run."""

    def __init__(
        self, stage: Stage, cast: Cast, settings: Settings, directory: Path, faults: Sequence[Fault], timeline: Timeline
    ) -> None:
        size = Size(cast.validators, cast.hidden + 1, settings.limit, settings.pace)
        self._network = DisturbedNetwork(stage, size, directory, faults, timeline, self._progress)
        self._stage = stage
        self._cast = cast
        self._settings = settings
        self._directory = directory
        self._timeline = timeline
        self._told = (0.0, 0)

    def run(self) -> Outcome:
        """Do all of it; what is started is gone when it returns."""
        network = self._network
        with contextlib.ExitStack() as stack:
            network.start(stack)
            plans = self._plans()
            settings = self._settings
            clients = Clients(
                self._stage.client_command, plans, self._directory, settings.events, settings.seconds
            )
            stack.callback(clients.close)
            self._timeline.begin()
            network.disturb(clients)
            network.calm()
            self._timeline.tell("all faults are over; waiting until all nodes agree")
            network.settle()
            clients.close()
            return self._judge(plans[0], clients)

    def _plans(self) -> list[Plan]:
        """A plan for each process of clients; who writes besides has one alone."""
        cast, nodes, settings = self._cast, self._network.nodes, self._settings
        public = [*nodes[: cast.validators], nodes[cast.liar]]
        liar = nodes[cast.liar]
        hidden = [node.call("getnodeinfo")["node"] for node in nodes[cast.validators : cast.liar]]
        plan = Plan(
            0, settings.clients, str(self._directory / "over"), time.time(), settings.seed,
            nodes[0].call("getnodeinfo")["network"],
            seeds=[node.ws_url for node in public],
            others=[url for node in public for url in (node.http_url, node.wss_url, node.ws_udp_url)],
            certificates={
                url: certificate for node in public for certificate in [_certificate(node)]
                for url in (node.wss_url, node.ws_udp_url)
            },
            by_key=[f"node:{key}" for key in hidden],
            liar=[liar.ws_url, liar.http_url, liar.wss_url, liar.ws_udp_url],
            pause=settings.pause,
            rate=settings.rate,
        )  # fmt: skip
        bounds = [settings.clients * number // settings.processes for number in range(settings.processes + 1)]
        clients = [
            msgspec.structs.replace(plan, first=first, clients=end - first, rate=0.0) for first, end in pairwise(bounds)
        ]
        return [*clients, msgspec.structs.replace(plan, clients=0)]

    def _progress(self, told: dict[str, Any]) -> str:
        now, events = self._timeline.seconds, told["events"]
        before, count = self._told
        rate = (events - count) / max(now - before, 1e-3)
        self._told = (now, events)
        return f"{events:,} events, {rate:,.0f}/s"

    # Judging

    def _judge(self, plan: Plan, clients: Clients) -> Outcome:
        findings = list(self._network.findings)
        nodes = self._network.nodes
        findings += judge_logs(nodes, nodes[self._cast.liar])
        said = clients.errors.read_text(errors="replace")
        if "Traceback" in said:
            findings.append(Finding(False, f"clients had errors of their own: {said[-2000:]}"))
        with contextlib.ExitStack() as stack:
            findings += judge_rows(open_snapshots(nodes, stack))
        judge = Judge(read_log(nodes[0].datadir / "ledger.sqlite3"), plan.liar, NAMING_SECONDS)
        verdict = judge.judge(clients.events())
        return Outcome(findings, verdict, [*self._summary(verdict, clients), *self._show(verdict, clients)])

    def _summary(self, verdict: Verdict, clients: Clients) -> Iterator[str]:
        counts = verdict.counts
        events, seconds = counts["items"] + counts["answers"], clients.seconds
        yield f"{events:,} events in {seconds:,.1f} s, {events / max(seconds, 1e-3):,.0f} a second:"
        yield f"of that the clients took {clients.told['cpu']:,.1f} s of a processor"
        for name, count in sorted(counts.items()):
            yield f"  {count:11,}  {name}"
        liar = self._network.nodes[self._cast.liar]
        if isinstance(liar, LyingNode):
            yield f"the liar lived {len(liar.told)} times: {', '.join(liar.told)}"

    def _show(self, verdict: Verdict, clients: Clients) -> Iterator[str]:
        """The first faults, each with what its client saw about then and what happened to nodes."""
        if verdict.is_good:
            return
        files = " ".join(str(path) for path in clients.traces)
        yield f"{len(verdict.faults)} faults; python -m tests.checker.trace {files} tells all"
        with clients.traces[0].open("ab") as file:
            for at, text in self._timeline.notes:
                file.write(msgspec.json.encode(trace.Noted(round(at - clients.began, 3), text)) + b"\n")
        for fault in verdict.faults[:_TOLD]:
            yield ""
            yield f"FAIL  {fault}"
            if fault.client < 0:
                continue
            near = [
                event
                for event in clients.events()
                if fault.at - _BEFORE <= event.at <= fault.at + _AFTER
                and (isinstance(event, trace.Noted) or event.client == fault.client)
            ]
            near.sort(key=lambda event: event.at)
            yield from trace.tell(near[-60:])


def judge_logs(nodes: Sequence[NodeProcess], liar: NodeProcess) -> list[Finding]:
    """No node has logged a traceback; but the liar may.

    Its lies are its own code's input too: a body that was made malformed fails the proof of the answer that has it.
    All its other code runs in the honest nodes as well.
    """
    findings = []
    for number, node in enumerate(nodes, 1):
        if "Traceback (most recent call last)" not in node.log:
            continue
        told = f"node {number} has a traceback in its log {node.log_path}"
        findings.append(
            Finding(True, f"{told}: the liar's is not judged") if node is liar else Finding(False, told)
        )
    return findings


def _certificate(node: NodeProcess) -> str:
    """The hash of the certificate that a node shows now."""
    told: str = node.call("getnodeinfo")["certificates"][-1]["hash"]
    return told


def read_log(path: Path) -> Log:
    """The log of a node, from its database."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT position, id, body, result FROM operations ORDER BY position").fetchall()
        headers = connection.execute("SELECT height, hash, header FROM blocks ORDER BY height").fetchall()
    finally:
        connection.close()
    operations = [
        Logged((position >> _INDEX_BITS, position & (1 << _INDEX_BITS) - 1), id_.hex(), body.decode(), result)
        for position, id_, body, result in rows
    ]
    blocks = []
    for height, hashed, raw in headers:
        header = Header.decode(raw)
        blocks.append(
            Block(height, hashed.hex(), header.time, header.operations_count, header.root_height, header.root.hex())
        )
    return Log(operations, blocks)
