"""One run: hosts, a network between them, and what befalls both, all decided by the seed."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from random import Random

import attrs

from cloudnode.consensus.effects import (
    Accused,
    Certified,
    Diverged,
    Effect,
    EpochOpened,
    Finalized,
    Forked,
    Persist,
    Refused,
    Send,
)
from cloudnode.consensus.messages import Blocks, Message, Proposal, decode_message, encode_message
from cloudnode.consensus.seams import Settings, Signer
from cloudnode.consensus.simplex import Simplex
from cloudnode.formats.keys import SigningKey, verify
from cloudnode.simulator.clock import Clock
from cloudnode.simulator.faults import altered
from cloudnode.simulator.host import Host, Identity
from cloudnode.simulator.ledger import BLOCK_MOST, Changes
from cloudnode.simulator.liars import LIARS
from cloudnode.simulator.links import Links
from cloudnode.simulator.properties import Properties, Violation
from cloudnode.simulator.scenario import Change, Scenario
from cloudnode.simulator.signing import HashKey, verify_hash
from cloudnode.simulator.trace import describe

NETWORK = sha256(b"a simulated network").digest()

RESTORE_TIME = 0.2
"""Seconds that it takes to put a backup in place."""

SPLIT_TIME = 1.0
"""Seconds for which one and the same half of the network sees one of two twins."""


@attrs.frozen
class Outcome:
    """What came of a run.

    :ivar violation: The property that was broken and how; None if all held. :ivar at: When, in simulated seconds.
    :ivar healed_after: Seconds from healing until every honest node had finalized new blocks.
    :ivar heights: Of the honest nodes. :ivar refused: Wrong messages noticed. :ivar accused: Nodes with evidence.
    """

    seed: int
    violation: tuple[str, str] | None
    at: float
    healed_after: float | None
    heights: tuple[int, ...]
    messages: int
    crashes: int
    epochs: int
    refused: int
    accused: int


class Simulation:
    """Runs a scenario.

    :ivar on_final: Called with host and effect, to measure.
    """

    def __init__(
        self,
        scenario: Scenario,
        participant: type[Simplex] = Simplex,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self.clock = Clock()
        self.on_effect: Callable[[Host, Effect], None] = lambda host, effect: None
        self._scenario = scenario
        self._random = Random(f"run {scenario.seed}")
        self._trace = trace
        self._changes = Changes()
        self._is_healed = False
        self._side: dict[int, int] | None = None
        self._down: dict[Host, None] = {}  # no set: its order is not the seed's
        self._epoch = 0
        self._messages = self._crashes = self._refused = 0
        self._accused: set[bytes] = set()
        self._goal: int | None = None
        self._lagging: set[Host] = set()
        self._healed_after: float | None = None
        self._build(participant)

    def _build(self, participant: type[Simplex]) -> None:
        scenario = self._scenario
        make: Callable[[bytes], Signer] = SigningKey if scenario.is_signed else HashKey
        self._signers = [make(sha256(b"%d" % node).digest()) for node in range(scenario.nodes)]
        validators = tuple(signer.public for signer in self._signers)
        honest = [node for node in range(scenario.nodes) if node not in scenario.faulty]
        self._properties = Properties((validators[node] for node in honest), honest)
        self.hosts: list[Host] = []
        self._of_node: dict[int, list[Host]] = {}
        for node in range(scenario.nodes):
            kind = scenario.faulty.get(node)
            copies = 2 if kind in ("twins", "lawless") else 1
            for copy in range(copies):
                identity = Identity(
                    node=node,
                    name=f"{node}{'ab'[copy] if copies > 1 else ''}",
                    signer=self._signers[node],
                    is_honest=kind is None,
                    participant=LIARS.get(kind, Simplex) if kind else participant,
                    wall_offset=copy,
                )
                host = Host(
                    self, identity, NETWORK, scenario.settings, validators, self._changes,
                    verify if scenario.is_signed else verify_hash, scenario.is_on_wire,
                )  # fmt: skip
                self.hosts.append(host)
                self._of_node.setdefault(node, []).append(host)
        self._honest = [host for host in self.hosts if host.identity.is_honest]
        self._links = Links(scenario.links, validators, self._of_node, self.clock, self._delay)

    # Running.

    def run(self) -> Outcome:
        """Everything that the seed says, until all honest nodes are live again or the bound is over."""
        scenario = self._scenario
        violation = None
        try:
            self._plan()
            self.clock.run(scenario.heals_at + scenario.bound, self._is_over)
            if self._goal is not None and self._lagging:
                late = ", ".join(f"node {host} at {len(host.ledger.blocks)}" for host in self._honest)
                raise Violation(
                    "after healing all honest nodes finalize",
                    f"{scenario.bound:.0f} s later not all have reached height {self._goal}: {late}",
                )
        except Violation as broken:
            violation = (broken.name, broken.detail)
            self._say(None, f"BROKEN: {broken.name}: {broken.detail}")
        return Outcome(
            scenario.seed, violation, self.clock.now, self._healed_after,
            tuple(len(host.ledger.blocks) for host in self._honest),
            self._messages, self._crashes, self._epoch, self._refused, len(self._accused),
        )  # fmt: skip

    def _is_over(self) -> bool:
        return self._goal is not None and not self._lagging

    def _plan(self) -> None:
        scenario, clock = self._scenario, self.clock
        for host in self.hosts:
            if scenario.faulty.get(host.identity.node) != "silent":
                clock.later(self._random.uniform(0, scenario.start_spread), self._boot, host)
        for at, operation in scenario.operations:
            clock.at(at, self._submit, operation)
        for at, node, duration in scenario.crashes:
            clock.at(at, self._crash_node, node, duration)
        for at, sides in scenario.partitions:
            clock.at(at, self._partition, sides)
        for epoch, change in enumerate(scenario.changes):
            clock.at(change.at, self._submit_change, epoch, change)
        for at, node, blocks in scenario.restores:
            clock.at(at, self._restore, node, blocks)
        clock.at(scenario.heals_at, self._heal)

    def _boot(self, host: Host) -> None:
        self._down.pop(host, None)
        self._say(host, "starts")
        host.boot()
        self._links.opened(host)

    def _crash_node(self, node: int, duration: float) -> None:
        for host in self._of_node[node]:
            self._crash(host, duration)

    def _crash(self, host: Host, duration: float) -> None:
        if host.core is None or self._is_healed:
            return
        self._crashes += 1
        self._say(host, f"crashes; what it had not synced is lost ({duration:.2f} s)")
        host.crash()
        self._links.closed(host)
        self._down[host] = None
        if duration != float("inf"):
            self.clock.later(duration, self._boot_again, host)

    def _boot_again(self, host: Host) -> None:
        if host in self._down:
            self._boot(host)

    def _restore(self, node: int, blocks: int) -> None:
        """An operator puts a backup of a node's store in place; some other node has what is lost by that."""
        (host,) = self._of_node[node]
        others = max((other.ledger.durable for other in self._honest if other is not host), default=0)
        if host.core is None or others < host.ledger.durable or self._is_healed:
            return
        self._crash(host, RESTORE_TIME)
        host.ledger.put_back(blocks)
        self._say(host, f"is put back to height {host.ledger.durable}")

    def _partition(self, sides: dict[int, int] | None) -> None:
        if not self._is_healed:
            self._side = sides
            self._say(None, "the network is whole" if sides is None else f"the network is split: {sides}")

    def _heal(self) -> None:
        self._is_healed = True
        self._side = None
        self._say(None, "healed: no loss, no crash, no partition from here on")
        for host in list(self._down):
            if self._scenario.faulty.get(host.identity.node) != "dying":
                self._boot(host)
        self._goal = max(len(host.ledger.blocks) for host in self._honest) + 2
        self._lagging = set(self._honest)

    # Operations.

    def _submit(self, operation: bytes) -> None:
        for host in self.hosts:
            self.clock.later(self._random.expovariate(1 / 0.05), host.hold, operation)

    def _submit_change(self, epoch: int, change: Change) -> None:
        """In a network that may be partitioned nobody knows which epoch it is: a change waits for its own."""
        operation = sha256(b"change %d of %d" % (epoch, self._scenario.seed)).digest()
        validators = tuple(self._signers[node].public for node in change.order)
        self._changes.add(operation, epoch, validators)
        self._submit(operation)

    # The network, as hosts see it.

    def sync_time(self, host: Host) -> float:
        """Seconds that a sync or the execution of a block takes."""
        mean = self._scenario.sync_time
        return self._random.uniform(mean / 2, mean * 2) if self._scenario.is_rough else mean

    def syncing(self, host: Host) -> None:
        """A sync begins."""
        if not self._is_healed and self._random.random() < self._scenario.sync_crash:
            seconds = self._random.uniform(0, 2 * self._scenario.sync_time)
            self.clock.later(seconds, self._crash, host, self._random.choice((0.005, 0.05, 1.0)))

    def is_held(self, host: Host, operation: bytes) -> bool:
        """Whether a node that the host reaches now has the operation's body."""
        return any(
            other.core is not None and other.ledger.holds(operation) and self._is_reachable(other, host)
            for other in self.hosts
        )

    def transmit(self, host: Host, peer: int, message: Message) -> None:
        """Put a message on the way: it may be lost, late or doubled, and be for one twin alone."""
        random, scenario = self._random, self._scenario
        if not host.identity.is_honest:
            kind = scenario.faulty[host.identity.node]
            if kind == "withholding" and (isinstance(message, Blocks) or _hides(message, peer)):
                return
            if kind == "lying" and random.random() < 0.3:
                message = altered(message, random)
        self._messages += 1
        for receiver in self._of_node[peer]:
            if not self._is_reachable(host, receiver):
                continue
            copies = 1
            if scenario.is_rough and not self._is_healed:
                copies = (random.random() >= scenario.loss) + (random.random() < scenario.duplication)
            for _ in range(copies):
                self.clock.later(self._delay(), self._deliver, receiver, host.identity.node, message)

    def _delay(self) -> float:
        mean = self._scenario.delay
        return mean * (0.5 + self._random.expovariate(2.0)) if self._scenario.is_rough else mean

    def _is_reachable(self, sender: Host, receiver: Host) -> bool:
        nodes = sender.identity.node, receiver.identity.node
        if self._side is not None and self._side[nodes[0]] != self._side[nodes[1]]:
            return False
        for twin, other in ((sender, nodes[1]), (receiver, nodes[0])):
            if len(self._of_node[twin.identity.node]) > 1:
                sides = Random(f"{self._scenario.seed} {int(self.clock.now / SPLIT_TIME)} {other}").randrange(3)
                if sides != 2 and self._of_node[twin.identity.node][sides] is not twin:
                    return False
        return True

    def _deliver(self, receiver: Host, peer: int, message: Message) -> None:
        if self._scenario.is_on_wire and receiver.core is not None:
            try:
                message = decode_message(encode_message(message), BLOCK_MOST)
            except Exception as error:
                if peer not in self._scenario.faulty:
                    raise Violation("honest messages are accepted", f"from node {peer}: {error}") from error
                self._refused += 1
                return
        if self._trace is not None and receiver.core is not None:
            self._say(receiver, f"hears from node {peer}: {describe(message)}")
        receiver.receive(peer, message)

    # What hosts did.

    def performed(self, host: Host, effect: Effect) -> None:
        """Check every effect, and write it down."""
        if self._trace is not None:
            self._say(host, describe(effect))
        self.on_effect(host, effect)
        match effect:
            case EpochOpened():
                self._epoch = max(self._epoch, effect.epoch)
                self._properties.epoch_opened(host, effect)
            case Send():
                self._properties.sent(host, effect)
            case _ if not host.identity.is_honest:
                pass
            case Certified():
                self._properties.certified(host, effect)
            case Finalized():
                self._properties.finalized(host, effect)
                self._note_progress(host)
            case Accused():
                self._accused.add(effect.key)
                self._properties.accused(host, effect)
            case Refused():
                self._refused += 1
                self._properties.refused(host, effect)
            case Forked() | Diverged():
                self._properties.alarmed(host, effect)
            case Persist():
                pass

    def _note_progress(self, host: Host) -> None:
        if self._goal is not None and len(host.ledger.blocks) >= self._goal and host in self._lagging:
            self._lagging.discard(host)
            if not self._lagging:
                self._healed_after = self.clock.now - self._scenario.heals_at

    def _say(self, host: Host | None, text: str) -> None:
        if self._trace is not None:
            who = "         " if host is None else f"node {host!s:4}"
            view = "" if host is None or host.core is None else f"view {host.core.view}"
            self._trace(f"{self.clock.now:9.4f} s  {who}  {view:9}  {text}")


def _hides(message: Message, peer: int) -> bool:
    return isinstance(message, Proposal) and (message.block.header.view + peer) % 3 == 0


__all__ = ["NETWORK", "Outcome", "Settings", "Simulation"]
