"""Nodes that follow a validator, in memory: what they agree on, and what becomes of liars."""

from __future__ import annotations

from unittest.mock import patch

import attrs
import msgspec
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.block import FINALIZE, Certificate, Header, sign_vote
from cloudnode.formats.checkpoint import Checkpoint, CheckpointMissed
from cloudnode.formats.finality import Finality
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Envelope, build_put, decode_operation, sign_operation
from cloudnode.ledger.reading import Outcome
from cloudnode.node.ledger import LedgerConfig
from cloudnode.peers.bookfile import dump_book, load_book
from cloudnode.peers.messages import Blocks, GetBlocks, GetOperations, NewBlock, Operations, SentBlock
from cloudnode.peers.peer import Peer
from cloudnode.peers.serving import Serving
from cloudnode.store.audit.worker import Portion
from tests.unit.peers.network import MemoryNetwork, MemoryNode
from tests.unit.signing import sign_otherwise
from tests.unit.store.network import make_key


class FollowingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        self.validator = self.network.add()

    def fill(self, count: int = 30) -> None:
        """Have the validator make some blocks with operations in them."""
        for number in range(count):
            done = self.validator.put(f"r{number}")
            if number % 5 == 4:
                self.network.advance(0.3)
        self.network.advance(1)
        self.successResultOf(done)

    def check_same(self, *nodes: MemoryNode) -> None:
        for node in nodes:
            self.assertEqual(node.ledger.head, self.validator.ledger.head)
            self.assertEqual(node.rows, self.validator.rows)

    def test_catches_up_and_follows(self) -> None:
        """A new node has the validator's rows, all of them, a moment after it joined, and every block after that."""
        self.fill()
        follower = self.network.add(self.validator.host)
        self.network.advance(2)
        self.check_same(follower)
        self.fill(7)
        self.check_same(follower)

    def test_chain_of_nodes(self) -> None:
        """Nodes that joined one another learn of each other and hold the same; addresses travel with gossip."""
        first = self.network.add(self.validator.host)
        self.network.advance(1)
        second = self.network.add(first.host)
        self.network.advance(3)
        self.assertEqual(second.peers, {self.validator.host, first.host})
        self.fill()
        self.check_same(first, second)

    def test_submit_anywhere(self) -> None:
        """An operation that a follower took is final there after it went to the validator and came back."""
        first = self.network.add(self.validator.host)
        self.network.advance(1)
        second = self.network.add(first.host, start=False)
        second.neighbourhood.settings = attrs.evolve(second.neighbourhood.settings, outbound=1)
        second.start()
        self.network.advance(1)
        final = second.put("far away")
        self.network.advance(1)
        outcome = self.successResultOf(final)
        assert isinstance(outcome, Outcome)
        self.assertEqual(outcome.result, 0)
        self.network.advance(1)
        self.check_same(first, second)
        self.assertEqual(second.ledger.pool_operations, 0)

    def test_bodies_travel_once(self) -> None:
        """With several links between nodes a body comes to each node once."""
        nodes = [self.network.add(self.validator.host) for _ in range(3)]
        self.network.advance(3)
        before = sum(peer.received_bytes for node in nodes for peer in node.neighbourhood)
        size = 40_000
        done = nodes[0].put("x" * 100)
        self.network.advance(0.5)
        body = b'{"t":"' + b"y" * size + b'"}'
        key = make_key(100)
        envelope = Envelope(self.network.genesis.network, key.public, 1, 0, 50)
        text = build_put(envelope, "film", "long", body)
        nodes[0].ledger.submit(text, sign_operation(key, text))
        self.network.advance(2)
        self.successResultOf(done)
        after = sum(peer.received_bytes for node in nodes for peer in node.neighbourhood)
        self.check_same(*nodes)
        # Two of the three followers are sent it, by whomever.
        self.assertTrue(2 * size < after - before < 3 * size, after - before)

    def _late_bodies(self, seconds: float) -> tuple[MemoryNode, list[GetOperations]]:
        """A follower to which gossip brings bodies so late, when it has heard of their block; and what it asks for."""
        follower = self.network.add(self.validator.host)
        author = self.network.add(self.validator.host, follower.host)
        self.network.advance(2)
        took, clock = follower.neighbourhood._gossip.took, self.network.clock
        follower.neighbourhood._gossip.took = lambda peer, bodies: clock.callLater(seconds, took, peer, bodies)
        asked: list[GetOperations] = []
        for node in (self.validator, author):
            serving = node.neighbourhood._serving
            answer = serving.operations
            serving.operations = lambda question, answer=answer: asked.append(question) or answer(question)
        for number in range(7):
            author.put(f"r{number}")
        self.network.advance(2)
        return follower, asked

    def test_bodies_on_their_way_are_waited_for(self) -> None:
        """A block is known before its bodies are here: those that gossip brings in time are not fetched besides."""
        follower, asked = self._late_bodies(0.6)
        self.check_same(follower)
        self.assertEqual(asked, [])

    def test_bodies_that_do_not_come(self) -> None:
        """What gossip does not bring in time is fetched like any other."""
        follower, asked = self._late_bodies(20)
        self.check_same(follower)
        self.assertEqual(sum(span.count for question in asked for span in question.spans), 7)

    def test_one_link(self) -> None:
        """Two nodes that dial each other at the same moment keep one link, the same on both sides."""
        first = self.network.add(self.validator.host, start=False)
        self.validator.neighbourhood.book.join(first.host, 38082, None)
        first.start()
        self.validator.neighbourhood._dialling.dial_more()
        self.network.advance(3)
        self.assertEqual(self.validator.neighbourhood.counters().dials, 1)
        [here], [there] = list(first.neighbourhood), list(self.validator.neighbourhood)
        self.assertNotEqual(here.inbound, there.inbound)
        smaller = min((first.key.public, first), (self.validator.key.public, self.validator), key=lambda pair: pair[0])
        self.assertEqual([peer.inbound for peer in smaller[1].neighbourhood], [False])

    def test_itself(self) -> None:
        """A node that is told its own address finds that out and forgets it."""
        self.validator.neighbourhood.book.join(self.validator.host, 38082, None)
        self.network.advance(2)
        self.assertEqual((self.validator.peers, len(self.validator.neighbourhood.book)), (set(), 0))

    def test_crowd(self) -> None:
        """When all links are taken, a network's nodes give way to another's, and no more of them come in."""
        limits = attrs.evolve(self.validator.neighbourhood.settings, inbound=3, outbound=0)
        self.validator.neighbourhood.settings = limits
        crowd = [self.network.add(self.validator.host, start=False) for _ in range(4)]
        for number, node in enumerate(crowd):
            self.network.nodes.pop(node.host)
            node.host = f"10.99.0.{number + 1}"
            node.start()
            self.network.advance(1.5)
        self.assertEqual(self.validator.peers, {"10.99.0.1", "10.99.0.2", "10.99.0.3"})
        other = MemoryNode(self.network, 50, self.mktemp(), [self.validator.host])
        self.addCleanup(other.stop)
        other.start()
        self.network.advance(0.3)
        self.assertEqual(self.validator.peers, {"10.99.0.1", "10.99.0.2", "10.50.0.1"})
        self.network.advance(20)
        self.assertEqual(len(self.validator.peers), 3)
        self.assertIn("10.50.0.1", self.validator.peers)

    def test_wants_validators(self) -> None:
        """A validator dials others where they have proven themselves, beyond the links that it has otherwise."""
        others = [self.network.add(self.validator.host) for _ in range(3)]
        self.network.advance(2)
        keys = {make_key(900 + number).public: node for number, node in enumerate(others)}
        for key, node in keys.items():
            for each in (*others, self.validator):
                each.neighbourhood.book.is_validator(node.key.public, key)
        one = self.network.add(self.validator.host, start=False)
        one.neighbourhood.settings = attrs.evolve(one.neighbourhood.settings, outbound=1)
        links = one.neighbourhood.validators
        with patch.object(links, "wanted", lambda: [key for key, node in keys.items() if node.host not in one.peers]):
            one.start()
            self.network.advance(5)
        self.assertEqual(one.peers, {self.validator.host, *(node.host for node in others)})

    def test_room_for_validators(self) -> None:
        """When all links are taken, a validator that has proven itself before is taken still, and does not give way."""
        near = self.validator.neighbourhood
        near.settings = attrs.evolve(near.settings, inbound=2, outbound=0, validators=1)
        crowd = [self.network.add(self.validator.host) for _ in range(2)]
        self.network.advance(1)
        wanted = self.network.add(self.validator.host, start=False)
        key = make_key(900).public
        near.book.succeeded((wanted.host, 38082), wanted.key.public, self.network.clock.seconds())
        near.book.is_validator(wanted.key.public, key)
        with patch.object(near.validators, "wanted", lambda: [] if wanted.host in self.validator.peers else [key]):
            wanted.start()
            self.network.advance(1)
            self.assertEqual(self.validator.peers, {wanted.host, *(node.host for node in crowd)})
            other = self.network.add(self.validator.host)
            self.network.advance(1)
        self.assertIn(wanted.host, self.validator.peers)
        self.assertNotIn(other.host, self.validator.peers)

    def test_comes_back(self) -> None:
        """A node whose only known peer is gone finds the others that it was told of."""
        first = self.network.add(self.validator.host)
        self.network.advance(1)
        second = self.network.add(first.host)
        self.network.advance(3)
        book = dump_book(second.neighbourhood.book, self.network.genesis.network, 0.0)
        first.stop()
        second.stop()
        self.network.nodes.pop(second.host)
        self.network.nodes[second.host] = again = MemoryNode(self.network, 3, self.mktemp(), ())
        load_book(again.neighbourhood.book, book, self.network.genesis.network, self.network.clock.seconds(), 0.0)
        self.addCleanup(again.stop)
        again.start()
        self.network.advance(3)
        self.assertEqual(again.peers, {self.validator.host})
        self.check_same(again)

    def waiting_otherwise(self, node: MemoryNode) -> None:
        """Put an operation into the node's pool with another true signature than the validator has it with."""
        [logged, *_] = self.validator.ledger.reading().operations(self.validator.ledger.head.height - 1)
        signature = sign_otherwise(make_key(100), logged.body)
        self.assertNotEqual(signature, logged.signature)
        node.ledger._pool.add(decode_operation(logged.body, signature, self.network.genesis))

    def test_another_true_signature(self) -> None:
        """Where a follower has an operation with another signature than the block, it fetches it: nobody lied."""
        for number in range(3):
            self.validator.put(f"r{number}")
        self.network.advance(0.5)
        follower = self.network.add(self.validator.host, start=False)
        self.waiting_otherwise(follower)
        follower.start()
        self.network.advance(2)
        self.check_same(follower)
        self.assertEqual(follower.neighbourhood.counters().banned, 0)
        self.assertEqual(follower.ledger.pool_operations, 0)

    def test_another_true_signature_twice(self) -> None:
        """If the peer that it is fetched from then has another one as well, that one lied, and the next is asked."""
        for number in range(3):
            self.validator.put(f"r{number}")
        liar = self.network.add(self.validator.host)
        self.network.advance(2)
        liar.neighbourhood._serving = SignsOtherwise(liar.ledger)
        follower = self.network.add(liar.host, start=False)
        self.waiting_otherwise(follower)
        follower.start()
        self.network.advance(2)
        bans = follower.neighbourhood.book.bans.present(self.network.clock.seconds())
        self.assertEqual([(whom, ban.fault) for whom, ban in bans.items()],
                         [(liar.key.public.hex(), "wrong_signature")])  # fmt: skip
        follower.neighbourhood.book.join(self.validator.host, 38082, None)
        self.network.advance(5)
        self.check_same(follower)

    def test_checkpoint(self) -> None:
        """A node that has a checkpoint follows the chain that holds it, and another one no further than to there."""
        self.fill(10)
        height = self.validator.ledger.head.height
        block = self.validator.ledger.reading().block(height - 1)
        assert block is not None
        for block_hash, reached in ((block.hash, height), (bytes(32), height - 2)):
            config = LedgerConfig(audit_interval=0, checkpoint=Checkpoint(height - 1, block_hash))
            node = MemoryNode(self.network, 60 + reached, path := self.mktemp(), [self.validator.host], config)
            self.network.nodes[node.host] = node
            node.start()
            self.network.advance(2.5)
            download = node.neighbourhood.download
            assert download is not None
            if reached == height:
                self.assertIsNone(download.trouble)
                self.check_same(node)
            else:
                self.assertIn("this is another history than the operator's", download.trouble or "")
                self.assertLessEqual(node.ledger.head.height, reached)
                self.assertEqual(node.neighbourhood.counters().banned, 0)
            node.stop()
            again = MemoryNode(self.network, 60 + reached, path, [self.validator.host], config)
            again.ledger.check_checkpoint()
            self.network.nodes[again.host] = again
            again.start()
            self.network.advance(2.5)
            download = again.neighbourhood.download
            assert download is not None
            self.assertEqual(download.trouble is None, reached == height)
            again.stop()

    def test_checkpoint_of_what_is_there(self) -> None:
        """A database with another block at the checkpoint's height is found out before the start."""
        self.fill(10)
        path = self.mktemp()
        node = MemoryNode(self.network, 50, path, [self.validator.host])
        node.start()
        self.network.advance(2)
        node.stop()
        config = LedgerConfig(audit_interval=0, checkpoint=Checkpoint(2, bytes(32)))
        again = MemoryNode(self.network, 50, path, [], config)
        with self.assertRaises(CheckpointMissed) as caught:
            again.ledger.check_checkpoint()
        self.assertIn("block 2 is ", str(caught.exception))
        again.stop()

    def test_diverged(self) -> None:
        """A node whose state is not what the validators signed serves nothing more, says why, and remembers it."""
        follower = self.network.add(self.validator.host)
        follower.neighbourhood._repairs._not_before = float("inf")
        self.fill()
        self.check_same(follower)
        wrong = follower.store.state.with_entry(1, follower.store.state.entries[0])
        follower.store._at_head._state = wrong
        follower.store.state = wrong
        self.fill(5)
        self.assertEqual(follower.ledger.state, "diverged")
        [finding] = follower.ledger.audit.findings
        self.assertIn("but the validators signed", finding)
        self.assertLess(follower.ledger.head.height, self.validator.ledger.head.height)
        follower.ledger._audit_finished(Portion(None, 10, [], [], False))
        self.assertEqual(follower.ledger.state, "diverged")


class LiarTests(SynchronousTestCase):
    """A follower whose only peer lies: it believes nothing, bans the liar, and goes on with an honest one."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        self.validator = self.network.add()
        self.liar = self.network.add(self.validator.host)
        for number in range(20):
            self.validator.put(f"r{number}")
        self.network.advance(3)

    def check(self, serving: Serving, fault: str) -> None:
        """Let somebody follow the liar, and then an honest node as well."""
        self.liar.neighbourhood._serving = serving
        victim = self.network.add(self.liar.host, start=False, sync="replay")
        victim.neighbourhood.settings = attrs.evolve(victim.neighbourhood.settings, outbound=1)
        victim.start()
        self.network.advance(3)
        [(whom, ban)] = victim.neighbourhood.book.bans.present(self.network.clock.seconds()).items()
        self.assertEqual((whom, ban.fault), (self.liar.key.public.hex(), fault))
        self.assertEqual(victim.neighbourhood.counters().banned, 1)
        victim.neighbourhood.book.join(self.validator.host, 38082, None)
        self.network.advance(5)
        self.assertEqual(victim.peers, {self.validator.host})
        self.assertEqual(victim.ledger.head, self.validator.ledger.head)
        self.assertEqual(victim.rows, self.validator.rows)

    def test_wrong_body(self) -> None:
        """A body that is not the one of its id names its sender."""

        class Lies(Serving):
            def operations(self, question: GetOperations) -> Operations:
                told = super().operations(question)
                first = msgspec.structs.replace(told.operations[0], body=told.operations[0].body + b" ")
                return Operations(told.request, (first, *told.operations[1:]))

        self.check(Lies(self.liar.ledger), "wrong_body")

    def test_wrong_signature(self) -> None:
        """So does a signature that is not the author's."""

        class Lies(Serving):
            def operations(self, question: GetOperations) -> Operations:
                told = super().operations(question)
                last = msgspec.structs.replace(told.operations[-1], signature=bytes(64))
                return Operations(told.request, (*told.operations[:-1], last))

        self.check(Lies(self.liar.ledger), "wrong_signature")

    def test_another_true_signature(self) -> None:
        """Nor is another signature of the author the one in the block, which everybody's log must hold."""
        self.check(SignsOtherwise(self.liar.ledger), "wrong_signature")

    def test_wrong_certificate(self) -> None:
        """A block that no quorum signed is believed of nobody."""
        impostor = make_key(66)

        class Lies(Serving):
            def blocks(self, question: GetBlocks) -> Blocks:
                told = super().blocks(question)
                return Blocks(told.request, tuple(_sign_again(block, impostor) for block in told.blocks))

        self.check(Lies(self.liar.ledger), "wrong_certificate")

    def test_wrong_announcement(self) -> None:
        """Nor is one that is announced."""
        impostor = make_key(66)

        class Lies(Serving):
            def head(self) -> SentBlock | None:
                head = super().head()
                return None if head is None else _sign_again(head, impostor)

        self.check(Lies(self.liar.ledger), "wrong_certificate")

    def test_wrong_operations(self) -> None:
        """Ids that are not the block's are found out before any body is asked for."""

        class Lies(Serving):
            def blocks(self, question: GetBlocks) -> Blocks:
                told = super().blocks(question)
                changed = [msgspec.structs.replace(block, ids=block.ids + bytes(32)) for block in told.blocks]
                return Blocks(told.request, tuple(changed))

        self.check(Lies(self.liar.ledger), "wrong_block")

    def test_wrong_height(self) -> None:
        """Blocks of other heights than were asked for are no answer."""

        class Lies(Serving):
            def blocks(self, question: GetBlocks) -> Blocks:
                told = super().blocks(question)
                return Blocks(told.request, told.blocks[1:])

        self.check(Lies(self.liar.ledger), "wrong_block")

    def test_says_nothing(self) -> None:
        """A peer that has not what it announced is no liar, but others are asked in its place."""

        class Nothing(Serving):
            def blocks(self, question: GetBlocks) -> Blocks:
                return Blocks(question.request, ())

        self.liar.neighbourhood._serving = Nothing(self.liar.ledger)
        victim = self.network.add(self.liar.host, self.validator.host)
        self.network.advance(15)
        self.assertEqual(victim.ledger.head, self.validator.ledger.head)
        self.assertEqual(victim.peers, {self.liar.host, self.validator.host})

    def test_lost_with_a_question(self) -> None:
        """A peer that is lost with a question for bodies under way is not asked again while its link ends."""
        lost: list[Peer] = []
        liar = self.liar.key.public

        class Drops(Serving):
            def operations(self, question: GetOperations) -> Operations:
                if not lost:
                    peer = next(peer for peer in victim.neighbourhood if peer.id == liar)
                    lost.append(peer)
                    peer._channel._lose()  # type: ignore[attr-defined]
                return super().operations(question)

        self.liar.neighbourhood._serving = Drops(self.liar.ledger)
        victim = self.network.add(self.liar.host)
        self.network.advance(30)
        self.assertEqual(len(lost), 1)
        self.assertEqual(victim.ledger.head, self.validator.ledger.head)

    def test_unknown_target(self) -> None:
        """The height to be reached is only one for which a certificate was shown."""
        victim = self.network.add(self.liar.host)
        self.network.advance(2)
        assert victim.neighbourhood.download is not None
        target = victim.neighbourhood.download.target
        self.assertEqual(target, self.validator.ledger.head.height)
        [peer] = [each for each in self.liar.neighbourhood if each.id == victim.key.public]
        head = self.validator.neighbourhood._serving.head()
        assert head is not None
        header = msgspec.structs.replace(Header.decode(head.header), height=target + 1000)
        peer.send(NewBlock(SentBlock(header.encode(), head.finality, head.ids, b"")))
        self.network.advance(0.5)
        self.assertLess(victim.neighbourhood.download.target, target + 100)
        self.assertTrue(victim.neighbourhood.book.bans.includes(self.liar.key.public, "", self.network.clock.seconds()))


class SignsOtherwise(Serving):
    """The first operation of each answer has another signature of its author, as true as that in the block."""

    def operations(self, question: GetOperations) -> Operations:
        told = super().operations(question)
        first = told.operations[0]
        signature = sign_otherwise(make_key(100), first.body)
        return Operations(told.request, (msgspec.structs.replace(first, signature=signature), *told.operations[1:]))


def _sign_again(block: SentBlock, key: SigningKey) -> SentBlock:
    header = Header.decode(block.header)
    signature = sign_vote(key, header.network, FINALIZE, header.epoch, header.view, header.hash)
    certificate = Certificate(FINALIZE, header.epoch, header.view, header.hash, ((0, signature),))
    return SentBlock(block.header, Finality(certificate).encode(), block.ids, block.validators)
