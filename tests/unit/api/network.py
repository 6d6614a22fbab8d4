"""A whole node in memory but for its transports: the real ledger in a temporary database, and time that tests move."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.api.answerer import Answerer
from cloudnode.api.calls import Scope
from cloudnode.api.errors import ApiError
from cloudnode.api.facts import (
    BannedPeer,
    Certificate,
    ForwardedPort,
    Interface,
    Nat,
    NatKind,
    OtherNode,
    PeerInfo,
    PeerInterface,
    Peers,
    PunchAttempt,
    PunchCandidate,
    PunchEndpoint,
    PunchGranted,
    PunchParams,
    ReachedInterface,
    SeenAddress,
    Stun,
    StunEndpoint,
    StunMapping,
    StunRecord,
    StunServerPorts,
    SyncFacts,
)
from cloudnode.api.limits import Limits
from cloudnode.api.methods import TABLE
from cloudnode.api.served import ServedNode
from cloudnode.api.session import ApiSession, ApiSessionOpener
from cloudnode.formats.appointment import sign_approval
from cloudnode.formats.genesis import Parameters, build_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import (
    Appoint,
    Envelope,
    build_appoint,
    build_delete,
    build_put,
    build_rate,
    build_withdraw,
    sign_operation,
)
from cloudnode.node.evidence import EvidenceStore
from cloudnode.node.ledger import Ledger, LedgerConfig
from cloudnode.store.sqlite import SqliteStore
from cloudnode.transports.seam import Caller
from tests.unit.node.nodes import open_identity

TIME = 1_790_000_000_000


def make_key(seed: int) -> SigningKey:
    """A key that is the same in every run."""
    return SigningKey(seed.to_bytes(32, "big"))


def run_at_once(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
    """What would run in a thread runs here."""
    return maybeDeferred(function, *arguments)


ATTEMPT = PunchAttempt(
    "target", "ef" * 32, "udp", "direct", 1_790_000_000, "open", 0.0461, 3,
    [PunchCandidate("198.51.100.9", 40_001, "observed")], PunchCandidate("198.51.100.9", 40_001, "observed"), "",
)  # fmt: skip


class Facts:
    """Facts of a node that listens on two ports."""

    started = 1_790_000_000.0

    def __init__(self) -> None:
        self.linked: list[OtherNode] = []
        self.punches: list[tuple[PunchParams, str]] = []

    def interfaces(self) -> Sequence[Interface]:
        return [
            Interface("http", "tcp", "0.0.0.0", 38081, False),
            Interface("ws", "tcp", "0.0.0.0", 38082, False),
        ]

    def certificates(self) -> Sequence[Certificate]:
        return [Certificate("ab" * 32, 1_790_000_000, 1_790_864_000, "cd" * 64)]

    def peers(self) -> Sequence[PeerInfo]:
        return [
            PeerInfo(
                "ef" * 32, "192.0.2.9:38082", "http,ws", True, 1_790_000_001, 1_790_000_001, 1_790_000_000, 0, 21_500,
                "ws", "cloudnode 0.1.0", False, 3, False, 0, 5, 5, 1, 2_048, 4_096,
                [PeerInterface("ws", "", 38082, True)], None, None, list(self.seen_addresses()), [ATTEMPT],
            )
        ]  # fmt: skip

    def others(self) -> Sequence[OtherNode]:
        return self.linked

    def peer_counts(self) -> Peers:
        return Peers(0, 1, 3, [BannedPeer("198.51.100.7", "wrong_block", 2, 1_790_000_240)])

    def sync(self) -> SyncFacts:
        return SyncFacts(5, 0.0, 0.0, None)

    def stun(self) -> Stun:
        mapping = StunMapping(
            "udp", "10.0.0.2:45001", "203.0.113.7", 40_001, "ef" * 32, 1_790_000_000, 1_790_000_001, 15.0, True
        )
        tried = ReachedInterface("tcp", 38082, "203.0.113.7", False, "ef" * 32, 1_790_000_001)
        nat = Nat(
            "endpoint-independent", "address-dependent", "no", "no", "dropped", "works", "unknown", 0, "203.0.113.7",
            60.0, None, 120.0, None,
            "Restricted-cone NAT: others reach this node once a common peer has told it of them.", "", 3, 1,
            1_790_000_001,
        )  # fmt: skip
        forwarded = ForwardedPort("udp", 38083, None, None, None, False, "no_answer: the router does not answer")
        return Stun(
            [mapping], nat, [forwarded], StunServerPorts(38083, 38082), [tried], self._record("aa" * 32, "203.0.113.7")
        )

    def stun_records(self) -> Sequence[StunRecord]:
        return [self._record("aa" * 32, "203.0.113.7"), self._record("ef" * 32, "192.0.2.9")]

    def punch_attempts(self) -> Sequence[PunchAttempt]:
        return [ATTEMPT]

    def seen_addresses(self) -> Sequence[SeenAddress]:
        return [SeenAddress("ef" * 32, "udp", "192.0.2.9", 40_007, 1_790_000_000, 1_790_000_001)]

    def request_punch(self, params: PunchParams, address: str) -> Deferred[PunchGranted]:
        self.punches.append((params, address))
        if params.node != "ef" * 32:
            return fail(ApiError("punch_unlinked"))
        return succeed(
            PunchGranted(
                params.strategy, [PunchCandidate("192.0.2.9", 40_007, "observed")],
                PunchEndpoint("198.51.100.9", 40_001), list(self.certificates()), "independent",
            )
        )  # fmt: skip

    def _record(self, node: str, address: str) -> StunRecord:
        return StunRecord(
            node, 1_790_000_000_000, 1_790_000_000, 1_790_003_600,
            [StunEndpoint("udp", address, 40_001, "ef" * 32, "stun")],
            NatKind("endpoint-independent", "unknown", "no", "unknown", "unknown"), list(self.certificates()), "00",
        )  # fmt: skip


class MemoryConnection:
    """A connection that keeps what is sent. ``caller`` is limited by address; this machine's are not."""

    def __init__(self, address: str = "192.0.2.7", transport: str = "ws") -> None:
        self.caller = Caller(address, transport)
        self.sent: list[bytes] = []
        self.closed: tuple[int, str] | None = None

    def send_message(self, message: bytes) -> None:
        self.sent.append(message)

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def take(self) -> list[Any]:
        """What was sent since, decoded."""
        sent, self.sent = self.sent, []
        return [json.loads(message) for message in sent]


class MemoryNode:
    """A node of a network of its own.

    :ivar account: An account's key. :ivar other: Another's. :ivar clock: Moved by :meth:`pass_time` alone.
    """

    def __init__(
        self, path: str, limits: Limits | None = None, parameters: Parameters | None = None, *, start: bool = True
    ) -> None:
        self.clock = Clock()
        self.account, self.other = make_key(100), make_key(101)
        validator = make_key(1)
        self.genesis = build_genesis(name="test", time=TIME, validators=[validator.public], parameters=parameters)
        self.path = path
        self.store = SqliteStore.open(path, self.genesis)
        self.ledger = Ledger(
            self.clock,
            run_at_once,
            self.store,
            self.genesis,
            make_key(2),
            open_identity(Path(f"{path}.journal"), self.genesis, validator),
            LedgerConfig(audit_interval=0),
            # A block's time then is its parent's and a millisecond, in every run.
            wall_time=lambda: 0.0,
        )
        self.facts = Facts()
        wall_time = lambda: 1_790_000_001.5  # noqa: E731
        self.evidence = EvidenceStore(None, self.genesis.network, self.ledger.find_epoch, run_at_once, wall_time)
        self.served = ServedNode(
            self.ledger, self.facts, limits or Limits(), self.clock, TABLE, self.evidence, wall_time
        )  # fmt: skip
        self.answerer = Answerer(self.served)
        self.opener = ApiSessionOpener(self.served, self.answerer)
        if start:
            self.start()

    def start(self) -> None:
        """Serve; the first block is made at once."""
        Deferred.fromCoroutine(self.ledger.start())
        self.pass_time(0.3)

    def pass_time(self, seconds: float) -> None:
        """Time passes, in steps of 10 ms."""
        self.clock.pump([0.01] * round(seconds * 100))

    def stop(self) -> None:
        """Close the database; nothing may be left that waits for time."""
        stopped = Deferred.fromCoroutine(self.ledger.stop())
        for _ in range(100):
            if stopped.called:
                break
            self.clock.advance(0.01)
        assert stopped.called, "the ledger does not stop"

    # Calling

    def scope(self, address: str = "127.0.0.1", transport: str = "http") -> Scope:
        """A caller without a connection that stays."""
        return Scope(self.served, Caller(address, transport))

    def connect(self, address: str = "192.0.2.7", transport: str = "ws") -> tuple[ApiSession, MemoryConnection]:
        """A session, and the other end of its connection."""
        connection = MemoryConnection(address, transport)
        return self.opener.open_session(connection), connection

    def answer(self, message: bytes | str, scope: Scope | None = None, wait: float = 5.0) -> bytes | None:
        """The answer's bytes, for which up to so many seconds pass."""
        raw = message.encode() if isinstance(message, str) else message
        answer = self.answerer.answer(raw, self.scope() if scope is None else scope)
        if not isinstance(answer, Deferred):
            return answer
        fired: list[bytes | None] = []
        answer.addCallback(fired.append)
        for _ in range(round(wait * 100)):
            if fired:
                break
            self.clock.advance(0.01)
        assert fired, "no answer came"
        return fired[0]

    def ask(self, method: str, params: Any = None, context: Any = None, **options: Any) -> Any:
        """The whole answer to a call, decoded."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method}
        if params is not None:
            request["params"] = params
        if context is not None:
            request["context"] = context
        answer = self.answer(json.dumps(request), **options)
        assert answer is not None
        return json.loads(answer)

    def call(self, method: str, params: Any = None, context: Any = None, **options: Any) -> Any:
        """A call's result."""
        answer = self.ask(method, params, context, **options)
        assert "error" not in answer, answer
        return answer["result"]

    def error(self, method: str, params: Any = None, context: Any = None, **options: Any) -> Any:
        """A call's error."""
        answer = self.ask(method, params, context, **options)
        assert "result" not in answer, answer
        return answer["error"]

    # Writing

    def envelope(self, key: SigningKey, lifetime: int = 50) -> Envelope:
        height = self.ledger.head.height + 1
        return Envelope(self.genesis.network, key.public, TIME + height, height, height + lifetime)

    def put_body(
        self, key: str, data: bytes = b'{"title":"A film"}', account: SigningKey | None = None, **options: Any
    ) -> bytes:
        """A put of the first account into ``film``."""
        return build_put(self.envelope(account or self.account), "film", key, data, **options)

    def params(self, body: bytes, account: SigningKey | None = None, **more: Any) -> dict[str, Any]:
        """Parameters of ``submit``."""
        return {"operation": body.decode(), "signature": sign_operation(account or self.account, body).hex(), **more}

    def write(self, body: bytes, account: SigningKey | None = None) -> Any:
        """Submit an operation and wait until it is final."""
        return self.call("submit", self.params(body, account, wait="final"))

    def put(self, key: str, data: bytes = b'{"title":"A film"}', account: SigningKey | None = None, **more: Any) -> Any:
        """Put a record and wait until it is final."""
        return self.write(self.put_body(key, data, account, **more), account)

    def delete(self, key: str) -> Any:
        return self.write(build_delete(self.envelope(self.account), "film", key))

    def address(self, key: str) -> str:
        return f"{self.account.public.hex()}/film/{key}"

    def rate(self, key: str, stars: int, account: SigningKey | None = None) -> Any:
        """Rate a record of the first account by the other, or by whom is given."""
        rater = account or self.other
        return self.write(build_rate(self.envelope(rater), self.address(key), stars), rater)

    def withdraw(self, key: str) -> Any:
        return self.write(build_withdraw(self.envelope(self.other), self.address(key)), self.other)

    def appoint(self, *keys: SigningKey, epoch: int | None = None) -> bytes:
        """What makes these keys the validators at the end of the present epoch, or another."""
        validators = tuple(key.public for key in keys)
        number = self.ledger.epoch.number if epoch is None else epoch
        approval = sign_approval(make_key(1), 0, self.genesis.network, number, validators)
        return build_appoint(self.envelope(self.account), Appoint(number, validators, (approval,)))

    def name(self, key: str) -> dict[str, str]:
        """Parameters of ``getrecord``."""
        return {"account": self.account.public.hex(), "collection": "film", "key": key}


class NodeTestCase(SynchronousTestCase):
    """A test with a node, which starts at height 1."""

    limits = Limits()
    parameters: Parameters | None = None

    def setUp(self) -> None:
        self.node = MemoryNode(self.mktemp(), self.limits, self.parameters)
        self.addCleanup(self.node.stop)
