"""Who counts as a validator among those that say they are, and what it costs if one does not answer the others."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.keys import VALIDATOR, SigningKey
from cloudnode.formats.operation import Envelope, build_put, sign_operation
from cloudnode.peers.messages import AnyMessage, Consensus, GetProposed, NewBlock, Standing
from cloudnode.peers.peer import Peer
from tests.unit.peers.network import PORT, MemoryChannel, MemoryNetwork, MemoryNode
from tests.unit.peers.test_validators import ValidatorCase
from tests.unit.signing import sign_otherwise
from tests.unit.store.network import TIME, make_key

AUTHOR = make_key(100)


class Case(SynchronousTestCase):
    """Four validators whose first links are with nodes that each test chooses."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(self, validators=4)
        self.nodes = [self.network.add() for _ in range(4)]
        self.ignored: list[MemoryNode] = []

    @property
    def ignorant(self) -> set[str]:
        """Who was asked and gave no answer."""
        return {node.host for node in self.ignored}

    def ignore_questions(self, node: MemoryNode) -> None:
        """A node answers nobody who asks for a proposed block's operations."""
        peer_said = node.neighbourhood.peer_said

        def said(peer: Peer, message: AnyMessage) -> None:
            if isinstance(message, GetProposed):
                self.ignored.append(node)
            else:
                peer_said(peer, message)

        node.neighbourhood.peer_said = said  # type: ignore[method-assign]

    def add_liars(self, count: int) -> list[MemoryNode]:
        """Nodes of no validator that say they are one, each by a key that it made."""
        liars = [self.network.add(*(node.host for node in self.nodes)) for _ in range(count)]
        self.network.advance(2)
        for number, liar in enumerate(liars):
            self.assertLessEqual({node.host for node in self.nodes}, liar.peers)
            self.ignore_questions(liar)
            self.say_standing(liar, make_key(5_000 + number))
        return liars

    def say_standing(self, node: MemoryNode, key: SigningKey) -> None:
        signature = key.sign(VALIDATOR, self.network.genesis.network + node.key.public)
        for peer in node.neighbourhood:
            peer.send(Standing(key.public, signature, True, ()))

    def link(self, first: MemoryNode, *others: MemoryNode) -> None:
        for each in others:
            each.neighbourhood.book.join(first.host, PORT, None)
        self.network.advance(3)

    def link_all(self) -> None:
        for number, node in enumerate(self.nodes):
            self.link(node, *self.nodes[number + 1 :])
        for node in self.nodes:
            self.assertLessEqual({each.host for each in self.nodes} - {node.host}, node.peers)

    def sign_twice(self, count: int = 1) -> None:
        """Operations of which half of the validators has each with one true signature, half with another one."""
        height = self.nodes[0].ledger.head.height
        envelope = Envelope(self.network.genesis.network, AUTHOR.public, TIME, height, height + 50)
        for number in range(count):
            body = build_put(envelope, "film", f"{height}-{number}", {"n": number})
            signatures = [sign_operation(AUTHOR, body), sign_otherwise(AUTHOR, body)]
            for index, node in enumerate(self.nodes):
                node.ledger.submit(body, signatures[index % 2])

    def check_final(self, *nodes: MemoryNode) -> None:
        """What was submitted is final in a second."""
        self.network.advance(1)
        self.assertEqual([node.ledger.pool_operations for node in nodes], [0] * len(nodes))

    def check_liars(self, count: int) -> None:
        self.add_liars(count)
        self.link_all()
        for _ in range(4):
            self.sign_twice()
            self.check_final(*self.nodes)
        self.assertEqual(self.ignorant, set())


class OthersTests(Case):
    def test_one(self) -> None:
        """One that says it is a validator, and was linked before all validators, is asked for nothing."""
        self.check_liars(1)

    def test_many(self) -> None:
        """Nor are more of them than there are validators."""
        self.check_liars(6)

    def test_not_told(self) -> None:
        """Such a node is told no vote, what it says of votes is not heard, and it is told of blocks as any other."""
        [liar] = self.add_liars(1)
        self.link_all()
        heard: list[type[AnyMessage]] = []
        peer_said = liar.neighbourhood.peer_said

        def said(peer: Peer, message: AnyMessage) -> None:
            heard.append(type(message))
            peer_said(peer, message)

        liar.neighbourhood.peer_said = said  # type: ignore[method-assign]
        for peer in liar.neighbourhood:
            peer.send(Consensus(b"no message"))
        self.network.advance(5)
        self.assertNotIn(Consensus, heard)
        self.assertIn(NewBlock, heard)
        self.assertEqual(liar.ledger.head, self.nodes[0].ledger.head)
        self.assertEqual(len(liar.peers), len(self.nodes))


class SilentValidatorTests(Case):
    def test_each(self) -> None:
        """Whichever of four answers no such question, and is linked first, the others go on at their pace."""
        for silent in self.nodes:
            self.link(silent, *(node for node in self.nodes if node is not silent))
        self.link_all()
        for silent in self.nodes[:3]:
            peer_said = silent.neighbourhood.peer_said
            self.ignore_questions(silent)
            for _ in range(2):
                self.sign_twice()
                self.check_final(*(node for node in self.nodes if node is not silent))
            silent.neighbourhood.peer_said = peer_said  # type: ignore[method-assign]
            self.network.advance(2)
        self.assertGreater(len(self.ignorant), 0)

    def test_many_nodes(self) -> None:
        """One that shows its key by many nodes has two of them count, the last ones."""
        self.link_all()
        copies = [self.network.add(*(node.host for node in self.nodes)) for _ in range(5)]
        self.network.advance(2)
        for copy in copies:
            self.ignore_questions(copy)
            self.say_standing(copy, self.nodes[3].validator_key)
        self.network.advance(1)
        last = {copy.key.public for copy in copies[-2:]}
        for node in self.nodes[:3]:
            validator = node.ledger.validator
            assert validator is not None
            others = {each.key.public for each in self.nodes[:3]} - {node.key.public}
            self.assertEqual(validator._peers.keys(), others | last)
        self.sign_twice()
        self.check_final(*self.nodes[:3])


class EpochsTests(ValidatorCase):
    def test_long_behind(self) -> None:
        """A validator that was cut off while all others were replaced, twice, follows them when it is linked again."""
        others = [self.network.add(*(node.host for node in self.nodes)) for _ in range(2)]
        self.network.advance(2)
        behind = self.nodes[3]
        behind.is_up = False
        for peer in behind.neighbourhood:
            assert isinstance(peer._channel, MemoryChannel)
            peer._channel.cut()
        self.appoint(by=(1, 2, 3), validators=(5,))
        self.appoint(by=(5,), validators=(6,))
        self.put_final(others[1], "after")
        assert behind.ledger.validator is not None
        self.assertEqual((behind.ledger.epoch.number, behind.ledger.validator.epoch), (0, 0))
        self.network.advance(60)
        behind.is_up = True
        self.network.advance(60)
        self.check_same(others[1], behind)
        self.assertEqual((behind.ledger.epoch.number, behind.ledger.validator.epoch), (2, None))
