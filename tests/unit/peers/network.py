"""Whole nodes in one process, linked in memory: real ledgers and neighbourhoods, one clock, no sockets, no threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.genesis import Genesis, Parameters, build_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Envelope, build_put, sign_operation
from cloudnode.node.evidence import EvidenceStore
from cloudnode.node.ledger import Ledger, LedgerConfig
from cloudnode.node.receiving import OperationReceiver
from cloudnode.peers.catchingup import SyncSetting
from cloudnode.peers.limits import PeerSettings
from cloudnode.peers.messages import Interface
from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.peers.peer import Channel, Peer
from cloudnode.peers.places import JoinAddress, LinkTransport
from cloudnode.store.sqlite import SqliteStore
from tests.chaos.compare import Difference, Snapshot, compare
from tests.unit.node.nodes import open_identity, run_at_once
from tests.unit.store.network import TIME, make_key

PORT = 38082
LIFETIME = 50
"""For so many heights an operation is valid."""
PARAMETERS = Parameters(heartbeat_ms=2_000)


class MemoryChannel:
    """One end of a channel (:class:`cloudnode.peers.peer.Channel`); frames come in the clock's next turn."""

    transport_name = "ws"
    local_address = ""

    def __init__(self, clock: Clock, address: str, port: int, inbound: bool, binding: bytes) -> None:
        self.address, self.port, self.inbound, self.binding = address, port, inbound, binding
        self.end: Peer | None = None
        self.other: MemoryChannel | None = None
        self.closed_with: str | None = None
        self.arriving_bytes = 0
        self.seconds_away = 0.001
        self._clock = clock
        self._is_cut = False

    def cut(self) -> None:
        """From now on nothing passes, and neither end is told so."""
        assert self.other is not None
        self._is_cut = self.other._is_cut = True

    def send_frame(self, frame: bytes) -> None:
        assert self.other is not None
        if self._is_cut:
            return
        self._clock.callLater(self.seconds_away, self.other._deliver, frame)

    def _deliver(self, frame: bytes) -> None:
        if self.end is not None:
            self.end.frame_received(frame)

    def expect_long_messages(self) -> None:
        """Frames of any length come here."""

    def close(self, reason: str) -> None:
        if self.closed_with is None:
            self.closed_with = reason
            self._clock.callLater(0.002, self._lose)

    def _lose(self) -> None:
        for channel in (self,) if self._is_cut else (self, self.other):
            assert channel is not None
            end, channel.end = channel.end, None
            if end is not None:
                end.channel_lost("closed")


class MemoryNode:
    """A node at an address of its own.

    :ivar host: Its IP address. :ivar serves: What links are taken over.
    :ivar clock_error: Seconds that its machine's clock is ahead; may be changed. :ivar seconds_away: That a frame
        takes from or to it at least, over links that are yet to be made.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        number: int,
        path: str,
        join: Sequence[str],
        config: LedgerConfig | None = None,
        sync: SyncSetting = "auto",
        receiver: OperationReceiver | None = None,
    ) -> None:
        self.network = network
        self.host = f"10.{number}.0.1"
        self.clock_error = 0.0
        self.seconds_away = 0.001
        self.key = make_key(200 + number)
        self.path = path
        self.store = SqliteStore.open(path, network.genesis)
        self.validator_key = network.validator_key(number)
        self.ledger = Ledger(
            network.clock, run_at_once, self.store, network.genesis, self.key,
            open_identity(Path(f"{path}.journal"), network.genesis, self.validator_key),
            config or LedgerConfig(audit_interval=0), wall_time=self.wall_time,
        )  # fmt: skip
        self.evidence = EvidenceStore(
            None, network.genesis.network, self.ledger.find_epoch, run_at_once, network.clock.seconds
        )  # fmt: skip
        counter = itertools.count(1)
        self.neighbourhood = Neighbourhood(
            network.clock, run_at_once, self.ledger, None, self._dial,
            join=[JoinAddress(host, "ws", host, PORT) for host in join],
            settings=PeerSettings(), random=Random(number),
            secret=lambda size: sha256(b"%d %d" % (number, next(counter))).digest(),
            wall_time=self.wall_time, software="test", evidence=self.evidence, sync=sync,
            receiver=receiver, epochs_path=Path(f"{path}.epochs"),
        )  # fmt: skip
        self.neighbourhood.listening.append(Interface("ws", "", PORT, True))
        self.serves: tuple[LinkTransport, ...] = ("ws",)
        self.is_up = False

    def wall_time(self) -> float:
        """What its machine's clock says."""
        return self.network.clock.seconds() + self.network.clock_error + self.clock_error

    def start(self) -> None:
        self.start_ledger()
        self.join()

    def start_ledger(self) -> None:
        """Begin to take operations, and to write blocks."""
        Deferred.fromCoroutine(self.ledger.start())

    def join(self) -> None:
        """Look for peers, and let them come."""
        self.is_up = True
        self.neighbourhood.start()

    def stop(self) -> None:
        self.is_up = False
        for stop in (self.neighbourhood.stop, self.ledger.stop):
            stopping = Deferred.fromCoroutine(stop())
            self.network.advance(0.1)
            assert stopping.called

    async def _dial(
        self, transport: LinkTransport, host: str, port: int, make_end: Callable[[Channel], Peer]
    ) -> None:
        other = self.network.nodes.get(host)
        if other is None or not other.is_up or transport not in other.serves:
            raise ConnectionRefusedError("nobody is there")
        binding = next(self.network.bindings)
        here = MemoryChannel(self.network.clock, host, port, False, binding)
        there = MemoryChannel(self.network.clock, self.host, 50_000, True, binding)
        here.transport_name = there.transport_name = transport
        here.other, there.other = there, here
        here.seconds_away = there.seconds_away = max(self.seconds_away, other.seconds_away)
        there.end = other.neighbourhood.accept(there)
        here.end = make_end(here)

    @property
    def peers(self) -> set[str]:
        """The addresses of its peers."""
        return {peer.address for peer in self.neighbourhood}

    @property
    def rows(self) -> list[object]:
        """What is in its database: the log, the ratings, the records."""
        log, state = ("blocks", "operations", "epochs"), ("records", "ratings", "window", "accounts", "system")
        tables = (*log, *state, "trie", "scores", "totals")
        # Nodes may know a block to be final by different signatures.
        columns = {
            "blocks": "height, hash, header, ids, validators",
            "epochs": "number, last_height, hash, header, validators",
        }
        return [
            self.store._read.execute(f"SELECT {columns.get(table, '*')} FROM {table} ORDER BY 1").fetchall()
            for table in tables
        ]

    def differences(self, other: MemoryNode) -> tuple[Difference, ...]:
        """In what the database of another node differs, but for what a node that caught up can't know exactly."""
        with closing(Snapshot(Path(self.path))) as here, closing(Snapshot(Path(other.path))) as there:
            return compare(here, there).differences

    def put(self, name: str, author: SigningKey | None = None) -> Deferred[object]:
        """Submit a record and wait until it is final."""
        key = author or make_key(100)
        height = self.ledger.head.height
        envelope = Envelope(self.ledger.network, key.public, TIME, height, height + LIFETIME)
        body = build_put(envelope, "film", name, {"t": name})
        accepting = self.ledger.submit(body, sign_operation(key, body))
        return accepting.addCallback(lambda accepted: self.ledger.when_final(accepted.id, accepted.expiry))


class MemoryNetwork:
    """A network with its first validators at ``10.1.0.1``, ``10.2.0.1`` and so on.

    :ivar nodes: By address. :ivar clock_error: Seconds that all machines' clocks are ahead; may be changed.
    """

    def __init__(self, test: SynchronousTestCase, validators: int = 1) -> None:
        self.clock = Clock()
        self.clock.advance(TIME / 1000)
        self.validator = self.validator_key(1)
        self.genesis: Genesis = build_genesis(
            name="test", time=TIME, validators=[self.validator_key(n + 1).public for n in range(validators)],
            parameters=PARAMETERS,
        )  # fmt: skip
        self.clock_error = 0.0
        self.nodes: dict[str, MemoryNode] = {}
        self.bindings = (sha256(b"%d" % number).digest() for number in itertools.count())
        self._test = test

    @staticmethod
    def validator_key(number: int) -> SigningKey:
        """The validator key of a node."""
        return make_key(1 if number == 1 else 300 + number)

    def add(
        self,
        *join: str,
        start: bool = True,
        path: str | None = None,
        config: LedgerConfig | None = None,
        sync: SyncSetting = "auto",
        receiver: OperationReceiver | None = None,
    ) -> MemoryNode:
        """A further node, which joins those. Its database may be there already. By default it does not audit itself."""
        return self._run(len(self.nodes) + 1, path or self._test.mktemp(), join, start, config, sync, receiver)

    def restart(self, node: MemoryNode, sync: SyncSetting = "auto") -> MemoryNode:
        """Stop a node if it runs and start it again on what it had on disk."""
        if node.is_up:
            node.stop()
        number = list(self.nodes).index(node.host) + 1
        return self._run(number, node.path, [host for host in self.nodes if host != node.host], True, None, sync)

    def _run(
        self,
        number: int,
        path: str,
        join: Sequence[str],
        start: bool,
        config: LedgerConfig | None = None,
        sync: SyncSetting = "auto",
        receiver: OperationReceiver | None = None,
    ) -> MemoryNode:
        node = MemoryNode(self, number, path, join, config, sync, receiver)
        self.nodes[node.host] = node
        if start:
            node.start()
        self._test.addCleanup(lambda: node.is_up and node.stop())
        return node

    def advance(self, seconds: float) -> None:
        """Let time pass, in steps of 10 ms."""
        for _ in range(round(seconds * 100)):
            self.clock.advance(0.01)
