"""The link between two nodes, without sockets and without time but what the tests tell."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.keys import PEER
from cloudnode.peers.link import Answered, Closed, Link, LinkLimits, Opened, Received
from cloudnode.peers.messages import (
    NO_NETWORK,
    VERSIONS,
    Addresses,
    Blocks,
    GetAddresses,
    GetBlocks,
    GetGenesis,
    Goodbye,
    Message,
    Offer,
    Ping,
    Proof,
    Want,
    decode_frame,
    encode_message,
)
from tests.unit.peers.links import BINDING, NETWORK, Pair, make_hello
from tests.unit.store.network import make_key


class HandshakeTests(SynchronousTestCase):
    """Who is let in, and whose tricks fail."""

    def test_opens(self) -> None:
        """Two nodes of one network open a link, each with the other's hello, and measure the time between them."""
        pair = Pair()
        pair.run()
        for events, key in zip(pair.events, reversed(pair.keys), strict=True):
            self.assertEqual([event.hello.node for event in events if isinstance(event, Opened)], [key.public])
        self.assertTrue(pair.dialler.is_open and pair.acceptor.is_open)
        self.assertEqual(pair.dialler.ping_seconds, 0.0)
        self.assertEqual(pair.dialler.network, NETWORK)

    def test_proof_goes_alone(self) -> None:
        """What is sent in the turn that opens a link is in no frame with the proof, which may not be long."""
        pair = Pair()
        hello, proof = pair.dialler.take_frames(), pair.acceptor.take_frames()
        pair.acceptor.frame_received(hello[0], pair.now)
        proof += pair.acceptor.take_frames()
        for frame in proof:
            pair.dialler.frame_received(frame, pair.now)
        self.assertTrue(pair.dialler.is_open)
        pair.dialler.send(Offer(bytes(32) * 1500))
        first, *others = pair.dialler.take_frames()
        self.assertEqual([type(message) for message in decode_frame(first)], [Proof])
        self.assertEqual(len(others), 1)
        for frame in (first, *others):
            pair.acceptor.frame_received(frame, pair.now)
        self.assertTrue(pair.acceptor.is_open)

    def test_other_network(self) -> None:
        """A node of another network is refused by name, on both sides."""
        pair = Pair(acceptor=make_hello(make_key(2), 2, network=b"\x33" * 32))
        pair.run()
        self.assertIn("other_network", pair.faults())
        self.assertFalse(pair.dialler.is_open or pair.acceptor.is_open)

    def test_version(self) -> None:
        """A link speaks the greatest version that both sides speak; one of an older version is linked with as well."""
        for ours, theirs, spoken in (((1, 2), (1, 2), 2), ((1, 2), (1,), 1), ((1, 2), (9, 2, 1), 2)):
            pair = Pair(make_hello(make_key(1), 1, versions=ours), make_hello(make_key(2), 2, versions=theirs))
            pair.run()
            self.assertEqual(pair.faults(), (None, None))
            self.assertEqual((pair.dialler.version, pair.acceptor.version), (spoken, spoken))
        self.assertEqual(VERSIONS, (1, 2))

    def test_other_version(self) -> None:
        """A node that speaks none of our versions is refused."""
        pair = Pair(acceptor=make_hello(make_key(2), 2, versions=(9,)))
        pair.run()
        self.assertEqual(pair.faults()[0], "other_version")

    def test_other_node(self) -> None:
        """Who dials a node by its key takes no other one."""
        pair = Pair(expected=make_key(9).public)
        pair.run()
        self.assertEqual(pair.faults()[0], "other_node")

    def test_wrong_key(self) -> None:
        """Who names a key without having it is found out."""
        pair = Pair(acceptor=make_hello(make_key(9), 2))
        pair.run()
        self.assertEqual(pair.faults()[0], "wrong_proof")
        self.assertFalse(pair.dialler.is_open)

    def test_man_in_the_middle(self) -> None:
        """Who carries everything between two nodes over two channels of his own is found out by both."""
        pair = Pair(bindings=(b"\x44" * 32, b"\x55" * 32))
        pair.run()
        self.assertEqual(pair.faults(), ("wrong_proof", "wrong_proof"))

    def test_replay(self) -> None:
        """What a node said on an earlier link proves nothing on a later one."""
        earlier = Pair()
        earlier.run()
        said = [frame for dialled, frame in earlier.seen if not dialled]
        later = Link(make_key(1), make_hello(make_key(1), 77), BINDING, dials=True, now=0.0)
        for frame in said:
            later.frame_received(frame, 1.0)
        [closed] = later.take_events()
        assert isinstance(closed, Closed)
        self.assertEqual((closed.fault.name, later.is_open), ("wrong_proof", False))

    def test_reflection(self) -> None:
        """A node that is sent back its own words opens no link with itself."""
        for dials in (True, False):
            link = Link(make_key(1), make_hello(make_key(1), 5), BINDING, dials=dials, now=0.0)
            for _ in range(4):
                for frame in link.take_frames():
                    link.frame_received(frame, 1.0)
            [closed] = link.take_events()
            assert isinstance(closed, Closed)
            self.assertEqual(closed.fault.name, "itself")

    def test_reflected_proof(self) -> None:
        """Who sends back a proof under a name of his own has proven nothing: it names whose part it is."""
        victim = Link(make_key(1), make_hello(make_key(1), 5), BINDING, dials=False, now=0.0)
        victim.frame_received(encode_message(make_hello(make_key(2), 6)), 1.0)
        [frame] = victim.take_frames()
        proof = frame[len(encode_message(make_hello(make_key(1), 5))) :]
        victim.frame_received(proof, 1.0)
        [closed] = victim.take_events()
        assert isinstance(closed, Closed)
        self.assertEqual(closed.fault.name, "wrong_proof")

    def test_order(self) -> None:
        """Before the handshake is done nothing else is taken, and a hello or proof only once."""
        hello = make_hello(make_key(2), 6)
        for messages in ([Ping(1)], [Proof(bytes(64))], [hello, hello], [hello, GetGenesis(1)]):
            link = Link(make_key(1), make_hello(make_key(1), 5), BINDING, dials=False, now=0.0)
            link.frame_received(b"".join(encode_message(each) for each in messages), 1.0)
            [closed] = link.take_events()
            assert isinstance(closed, Closed)
            self.assertEqual(closed.fault.name, "unexpected")

    def test_too_slow(self) -> None:
        """A handshake that is not done in time ends the link."""
        link = Link(make_key(1), make_hello(make_key(1), 5), BINDING, dials=False, now=0.0)
        link.time_passed(7.9)
        self.assertEqual(link.take_events(), [])
        link.time_passed(8.0)
        [closed] = link.take_events()
        assert isinstance(closed, Closed)
        self.assertEqual(closed.fault.name, "silent")

    def test_newcomer(self) -> None:
        """Who does not know its network yet may ask for the genesis, and for nothing else."""
        for question, fault in ((GetGenesis, None), (GetAddresses, "unexpected")):
            pair = Pair(dialler=make_hello(make_key(1), 1, network=NO_NETWORK))
            pair.run()
            self.assertEqual(pair.dialler.network, NETWORK)
            pair.dialler.ask(question)
            pair.run()
            self.assertEqual(pair.faults()[1], fault)

    def test_two_newcomers(self) -> None:
        """Two that both know no network have nothing to say to each other."""
        pair = Pair(make_hello(make_key(1), 1, network=NO_NETWORK), make_hello(make_key(2), 2, network=NO_NETWORK))
        pair.run()
        self.assertEqual(pair.faults()[0], "other_network")

    def test_signed_text(self) -> None:
        """What is signed is what docs/peers.md says, to the byte."""
        pair = Pair()
        pair.run()
        messages = [message for dialled, frame in pair.seen if dialled for message in decode_frame(frame)]
        [proof] = [message.signature for message in messages if isinstance(message, Proof)]
        one, two = pair.keys
        text = b"\x01" + NETWORK + BINDING + one.public + two.public + (1).to_bytes(32, "big") + (2).to_bytes(32, "big")
        self.assertEqual(proof, one.sign(PEER, text))


class OpenLinkTests(SynchronousTestCase):
    """What an open link takes."""

    def open(self, limits: LinkLimits | None = None) -> Pair:
        pair = Pair(limits=limits)
        pair.run()
        for events in pair.events:
            events.clear()
        return pair

    def send(self, pair: Pair, *messages: Message) -> str | None:
        """Have the dialler's bytes come to the acceptor, and say what ended the link there."""
        pair.acceptor.frame_received(b"".join(encode_message(each) for each in messages), pair.now)
        pair.run()
        return pair.faults()[1]

    def test_messages_and_answers(self) -> None:
        """A message comes as it was sent, and an answer to whoever asked."""
        pair = self.open()
        request = pair.dialler.ask(GetBlocks, 3, 2)
        pair.dialler.send(Want(bytes(32)))
        pair.run()
        self.assertEqual(pair.events[1], [Received(GetBlocks(request, 3, 2)), Received(Want(bytes(32)))])
        pair.acceptor.send(Blocks(request, ()))
        pair.run()
        self.assertEqual(pair.events[0], [Answered(request, Blocks(request, ()))])

    def test_bundled(self) -> None:
        """Messages that wait together go in one frame, up to its size."""
        pair = self.open()
        for _ in range(100):
            pair.dialler.send(Want(bytes(32)))
        self.assertEqual(len(pair.dialler.take_frames()), 1)
        for _ in range(10):
            pair.dialler.send(Offer(bytes(32_000)))
        self.assertEqual([len(frame) // 32_000 for frame in pair.dialler.take_frames()], [2] * 5)

    def test_unasked(self) -> None:
        """An answer that nobody asked for, or of another kind than was asked for, ends the link."""
        self.assertEqual(self.send(self.open(), Blocks(1, ())), "unexpected")
        pair = self.open()
        request = pair.acceptor.ask(GetBlocks, 1, 1)
        self.assertEqual(self.send(pair, Addresses(request, ())), "unexpected")

    def test_unanswered(self) -> None:
        """A question without an answer in time ends the link."""
        pair = self.open()
        pair.dialler.ask(GetAddresses)
        pair.dialler.time_passed(pair.now + 29)
        self.assertEqual([event for event in pair.dialler.take_events() if isinstance(event, Closed)], [])
        pair.dialler.time_passed(pair.now + 31)
        [closed] = [event for event in pair.dialler.take_events() if isinstance(event, Closed)]
        self.assertEqual(closed.fault.name, "unanswered")

    def test_silence(self) -> None:
        """A peer that says nothing is pinged, and given up when it goes on saying nothing."""
        pair = self.open()
        pair.dialler.time_passed(pair.now + 20)
        self.assertEqual(len(pair.dialler.take_frames()), 1)
        pair.dialler.time_passed(pair.now + 50)
        [closed] = pair.dialler.take_events()
        assert isinstance(closed, Closed)
        self.assertEqual(closed.fault.name, "silent")

    def test_doubt(self) -> None:
        """When the network may be another one, a peer has to answer within some seconds; one that does is kept."""
        for answers in (True, False):
            pair = self.open()
            pair.dialler.doubt(pair.now)
            pair.dialler.doubt(pair.now + 1)
            if answers:
                pair.now += 3
                pair.run()
            pair.dialler.time_passed(pair.now + 5)
            self.assertEqual(pair.dialler.take_events(), [])
            pair.dialler.time_passed(pair.now + 7)
            faults = [event.fault.name for event in pair.dialler.take_events() if isinstance(event, Closed)]
            self.assertEqual(faults, [] if answers else ["moved"])

    def test_round_trip(self) -> None:
        """The time to the other side and back is measured."""
        pair = self.open()
        pair.now += 20
        pair.dialler.time_passed(pair.now)
        for frame in pair.dialler.take_frames():
            pair.acceptor.frame_received(frame, pair.now)
        pair.now += 0.25
        pair.run()
        self.assertEqual(pair.dialler.ping_seconds, 0.25)

    def test_flood(self) -> None:
        """Who sends more than is taken unasked is cut off; who sends as much over a longer time is not."""
        limits = LinkLimits(allowance=100, refill=10)
        self.assertEqual(self.send(self.open(limits), *[Want(b"")] * 51), "flooding")
        pair = self.open(limits)
        for _ in range(50):
            pair.now += 1
            self.assertEqual(self.send(pair, *[Want(b"")] * 4), None)

    def test_oversized(self) -> None:
        """A message longer than its type may be is refused before it is decoded."""
        pair = self.open()
        for message in (Ping(1), Want(bytes(32)), Goodbye("x", "y")):
            kind = encode_message(message)[5]
            body = bytes((0x92, kind)) + bytes(100_000)
            pair = self.open()
            pair.acceptor.frame_received(len(body).to_bytes(4, "big") + body, pair.now)
            pair.run()
            self.assertEqual(pair.faults()[1], "oversized")

    def test_slow(self) -> None:
        """For a peer that takes nothing no more than so much is kept."""
        pair = self.open(LinkLimits(queue=200_000, room=50_000))
        self.assertTrue(pair.dialler.has_room)
        for _ in range(10):
            pair.dialler.send(Offer(bytes(32_000)))
        self.assertFalse(pair.dialler.has_room)
        [closed] = pair.dialler.take_events()
        assert isinstance(closed, Closed)
        self.assertEqual(closed.fault.name, "slow")

    def test_goodbye(self) -> None:
        """A side that ends a link says why, and the other hears it."""
        pair = self.open()
        self.assertEqual(self.send(pair, Goodbye("going_away", "good night")), "going_away")
        [closed] = pair.events[1]
        assert isinstance(closed, Closed)
        self.assertTrue(closed.told)
        self.assertIn("good night", closed.fault.message)


class GarbageTests(SynchronousTestCase):
    """Any bytes at all lead to events and never to an exception."""

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(max_size=300), max_size=4), st.booleans())
    def test_any_bytes(self, frames: list[bytes], opened: bool) -> None:
        """Garbage closes the link by name, before the handshake as well as after it."""
        pair = Pair()
        if opened:
            pair.run()
        for frame in frames:
            pair.acceptor.frame_received(frame, pair.now)
        pair.acceptor.take_frames()
        closed = [event for event in pair.acceptor.take_events() if isinstance(event, Closed)]
        self.assertLessEqual(len(closed), 1)
        if frames:
            self.assertEqual(len(closed), 1)
            self.assertTrue(closed[0].fault.is_lie)

    @settings(max_examples=60, deadline=None)
    @given(st.integers(1, 20), st.binary(max_size=80), st.integers(0x90, 0x9F))
    def test_any_message(self, kind: int, rest: bytes, head: int) -> None:
        """A message of any type with any content is taken or refused, and never raises."""
        pair = Pair()
        pair.run()
        body = bytes((head, kind)) + rest
        pair.acceptor.frame_received(len(body).to_bytes(4, "big") + body, pair.now)
        self.assertLessEqual(len(pair.acceptor.take_events()), 2)
