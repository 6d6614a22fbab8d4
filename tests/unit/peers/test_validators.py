"""Four validators and a follower, in memory: real ledgers, journals and links."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import sha256

import attrs
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.consensus.effects import Send
from cloudnode.consensus.messages import Vote, decode_message, encode_message
from cloudnode.formats.appointment import sign_approval
from cloudnode.formats.block import NOTARIZE, sign_vote
from cloudnode.formats.evidence import decode_evidence, first_epoch, judge
from cloudnode.formats.operation import Appoint, Envelope, build_appoint, build_put, sign_operation
from cloudnode.ledger.reading import Outcome
from cloudnode.node.pool import PoolLimits
from tests.unit.peers.network import MemoryNetwork, MemoryNode
from tests.unit.signing import sign_otherwise
from tests.unit.store.network import TIME, make_key


class ValidatorCase(SynchronousTestCase):
    """Four validators that vote."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(self, validators=4)
        self.nodes = [self.network.add()]
        self.nodes += [self.network.add(self.nodes[0].host) for _ in range(3)]
        self.network.advance(3)

    def check_same(self, *nodes: MemoryNode) -> None:
        self.network.advance(2.5)
        heads = {node.ledger.head for node in nodes}
        self.assertEqual(len(heads), 1, heads)
        for node in nodes[1:]:
            self.assertEqual(node.rows, nodes[0].rows)

    def put_final(self, node: MemoryNode, name: str, seconds: float = 1) -> None:
        """A record becomes final within a second, or a few where a validator is missing."""
        final = node.put(name)
        for _ in range(round(seconds * 10)):
            self.network.advance(0.1)
            if final.called and not final.paused:
                break
        outcome = self.successResultOf(final)
        assert isinstance(outcome, Outcome)
        self.assertEqual(outcome.result, 0)

    def stop(self, node: MemoryNode) -> None:
        node.stop()
        self.network.advance(0.1)

    def appoint(self, by: Sequence[int], validators: Sequence[int]) -> None:
        """So many of the present validators appoint the nodes of these numbers, counted from 1."""
        ledger = self.nodes[0].ledger
        keys = tuple(self.network.validator_key(number).public for number in validators)
        epoch = ledger.epoch
        approvals = []
        for index, key in enumerate(epoch.validators):
            for number in by:
                if self.network.validator_key(number).public == key:
                    signer = self.network.validator_key(number)
                    approvals.append(sign_approval(signer, index, ledger.network, epoch.number, keys))
        envelope = Envelope(ledger.network, make_key(100).public, TIME, ledger.head.height, ledger.head.height + 50)
        body = build_appoint(envelope, Appoint(epoch.number, keys, tuple(approvals)))
        accepted = ledger.submit(body, sign_operation(make_key(100), body))
        self.network.advance(2)
        final = ledger.when_final(self.successResultOf(accepted).id, envelope.expiry)
        self.successResultOf(final)


class ValidatorTests(ValidatorCase):
    def test_agree(self) -> None:
        """Operations that any of them takes are final on all of them, whose databases are the same."""
        for number, node in enumerate(self.nodes):
            self.assertEqual(node.ledger.role, "validator")
            self.put_final(node, f"r{number}")
        self.check_same(*self.nodes)
        self.assertGreaterEqual(self.nodes[0].ledger.head.height, 4)

    def test_find_each_other(self) -> None:
        """Validators that know one of them alone, and dial no more than one node, have links with all of them soon."""
        network = MemoryNetwork(self, validators=4)
        first = network.add()
        nodes = [first, *(network.add(first.host, start=False) for _ in range(3))]
        for node in nodes[1:]:
            node.neighbourhood.settings = attrs.evolve(node.neighbourhood.settings, outbound=1)
            node.start()
        network.advance(10)
        for node in nodes:
            self.assertEqual(node.peers, {each.host for each in nodes} - {node.host})
        validators = {node.validator_key.public for node in nodes}
        for node in nodes:
            proven = {entry.validator for entry in node.neighbourhood.book if entry.is_proven_validator}
            self.assertEqual(proven, validators - {node.validator_key.public})

    def test_pace(self) -> None:
        """With work a block is made every 200 ms, without every two seconds (the heartbeat of this network)."""
        before = self.nodes[0].ledger.head.height
        self.network.advance(10)
        self.assertIn(self.nodes[0].ledger.head.height - before, range(4, 7))

    def test_follower(self) -> None:
        """A follower of validators holds the same, and passes on what it takes."""
        follower = self.network.add(self.nodes[2].host)
        self.network.advance(2)
        self.assertEqual(follower.ledger.role, "follower")
        self.put_final(follower, "of a follower")
        self.check_same(*self.nodes, follower)

    def test_contradiction(self) -> None:
        """A validator that votes for two blocks is named on all nodes, who go on; the proof holds for anyone."""
        follower = self.network.add(self.nodes[2].host)
        liar = self.nodes[3]
        assert liar.ledger.validator is not None
        send, network = liar.ledger.validator.send, self.network.genesis.network

        def send_both(peers: Collection[bytes], message: bytes) -> None:
            send(peers, message)
            vote = decode_message(message, 2_000)
            if isinstance(vote, Vote) and vote.kind == NOTARIZE:
                other = sha256(b"another block").digest()
                signature = sign_vote(liar.validator_key, network, NOTARIZE, vote.epoch, vote.view, other)
                send(peers, encode_message(Vote(NOTARIZE, vote.epoch, vote.view, other, vote.validator, signature)))

        liar.ledger.validator.send = send_both
        self.network.advance(2)
        for number, node in enumerate(self.nodes[:3]):
            self.put_final(node, f"r{number}")
        for node in (*self.nodes[:3], follower):
            [kept] = node.evidence.page(0, 10)
            self.assertEqual((kept.verdict.kind, kept.verdict.culprit), ("votes", liar.validator_key.public))
            verdict = judge(decode_evidence(kept.raw), network, first_epoch(self.network.genesis))
            self.assertEqual(verdict, kept.verdict)
        self.check_same(*self.nodes[:3], follower)

    def test_one_down(self) -> None:
        """Three of four go on without the fourth, which catches up when it is back and votes again."""
        self.stop(self.nodes[3])
        for number in range(12):
            self.put_final(self.nodes[number % 3], f"r{number}")
        fourth = self.network.restart(self.nodes[3])
        self.network.advance(3)
        assert fourth.ledger.validator is not None
        self.assertTrue(fourth.ledger.validator.is_voting)
        self.check_same(*self.nodes[:3], fourth)
        self.stop(self.nodes[0])
        self.put_final(fourth, "without the first")
        self.check_same(*self.nodes[1:3], fourth)

    def test_two_down(self) -> None:
        """Without a quorum nothing becomes final, and all that was accepted does once it is back."""
        for node in self.nodes[2:]:
            self.stop(node)
        final = self.nodes[0].put("waits")
        self.network.advance(20)
        self.assertNoResult(final)
        third = self.network.restart(self.nodes[2])
        self.network.advance(8)
        self.successResultOf(final)
        self.check_same(*self.nodes[:2], third)

    def test_all_restart(self) -> None:
        """When all stop at once, the network goes on from their disks."""
        self.put_final(self.nodes[0], "before")
        for node in self.nodes:
            self.stop(node)
        nodes = [self.network.restart(node) for node in self.nodes]
        self.network.advance(6)
        self.put_final(nodes[1], "after")
        self.check_same(*nodes)

    def test_validators_change(self) -> None:
        """A follower is appointed in place of a validator: it votes from then on, and the other one follows."""
        fifth = self.network.add(self.nodes[1].host)
        self.network.advance(2)
        self.put_final(fifth, "before")
        self.appoint(by=(1, 2, 3), validators=(1, 2, 3, 5))
        self.assertEqual([node.ledger.role for node in (*self.nodes, fifth)],
                         ["validator", "validator", "validator", "follower", "validator"])  # fmt: skip
        self.assertTrue(fifth.ledger.validator is not None and fifth.ledger.validator.is_voting)
        self.put_final(self.nodes[3], "after")
        self.check_same(*self.nodes, fifth)
        self.assertEqual({node.ledger.epoch.number for node in (*self.nodes, fifth)}, {1})
        # Now the fifth is needed for a quorum.
        self.stop(self.nodes[0])
        self.put_final(fifth, "without the first")
        first = self.network.restart(self.nodes[0])
        self.network.advance(3)
        self.check_same(first, *self.nodes[1:], fifth)

    def test_missed_the_change(self) -> None:
        """A validator that was down while the epoch ended takes part in the next one when it is back."""
        self.stop(self.nodes[3])
        self.appoint(by=(1, 2, 3), validators=(4, 3, 2, 1))
        for number in range(6):
            self.put_final(self.nodes[number % 3], f"r{number}")
        fourth = self.network.restart(self.nodes[3])
        self.network.advance(4)
        self.assertTrue(fourth.ledger.validator is not None and fourth.ledger.validator.is_voting)
        self.check_same(*self.nodes[:3], fourth)

    def test_offered_again(self) -> None:
        """What the validators had no room for when it was first offered becomes final all the same."""
        follower = self.network.add(self.nodes[0].host)
        self.network.advance(2)
        pools = [node.ledger._pool for node in self.nodes]
        limits = pools[0]._limits
        for pool in pools:
            pool._limits = PoolLimits(operations=0)
        final = follower.put("late")
        self.network.advance(3)
        self.assertNoResult(final)
        for pool in pools:
            pool._limits = limits
        self.network.advance(12)
        self.successResultOf(final)

    def test_signed_twice(self) -> None:
        """An author who signs one body twice and shows each signature to other nodes makes no two logs differ."""
        author = make_key(100)
        height = self.nodes[0].ledger.head.height
        for number in range(5):
            envelope = Envelope(self.network.genesis.network, author.public, TIME, height, height + 50)
            body = build_put(envelope, "film", f"r{number}", {"n": number})
            signatures = [sign_operation(author, body), sign_otherwise(author, body)]
            for index, node in enumerate(self.nodes):
                node.ledger.submit(body, signatures[index % 2])
            self.network.advance(1.5)
        self.network.advance(3)
        self.assertEqual([node.ledger.pool_operations for node in self.nodes], [0] * 4)
        self.check_same(*self.nodes)

    def test_two_with_one_key(self) -> None:
        """A validator that runs twice is found out by the others, which go on and name its key."""
        accused: list[bytes] = []
        for node in self.nodes[:3]:
            assert node.ledger.validator is not None
            node.ledger.validator.on_evidence = lambda key, evidence: accused.append(key)
        twin = self.nodes[3].ledger.validator
        assert twin is not None and twin._core is not None
        key = self.network.validator_key(4)

        def say(view: int) -> None:
            assert twin._core is not None
            for content in (b"1", b"2"):
                message = twin._core.network + bytes([1]) + (0).to_bytes(8, "big") + view.to_bytes(8, "big")
                signature = key.sign(b"cloudnode vote 1\n", message + content * 32)
                vote = Vote(1, 0, view, content * 32, 3, signature)
                twin._perform([Send(twin._core.peers.all(), vote)])

        say(twin._core.view + 3)
        self.network.advance(1)
        self.assertEqual(set(accused), {key.public})
        self.put_final(self.nodes[0], "goes on")
