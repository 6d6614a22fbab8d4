"""Messages and their bytes, and what wrong ones lead to."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.consensus.effects import Accused, Refused, Send
from cloudnode.consensus.errors import CODES, ConsensusError
from cloudnode.consensus.messages import (
    BLOCKS_MOST,
    Block,
    Blocks,
    Evidence,
    Message,
    Want,
    contradict,
    decode_message,
    encode_message,
)
from cloudnode.formats.block import FINALIZE, NOTARIZE, SKIP, Vote, operations_hash
from cloudnode.formats.errors import LedgerError
from tests.unit.consensus.scene import OPERATION, VALIDATORS, Scene, block, certificate, proposal, vote

FIRST = block(None, 0, (OPERATION,))
SECOND = block(FIRST, 3)
PROPOSAL = proposal(
    SECOND, certificate(NOTARIZE, 0, FIRST.hash), (certificate(SKIP, 1), certificate(SKIP, 2))
)
APPOINTING = block(SECOND, 4, (OPERATION,), VALIDATORS[1:])
MESSAGES: list[Message] = [
    PROPOSAL,
    proposal(APPOINTING, certificate(NOTARIZE, 3, SECOND.hash)),
    proposal(FIRST),
    vote(1, SKIP, 5),
    certificate(FINALIZE, 0, FIRST.hash),
    Evidence(vote(1, SKIP, 5), vote(1, FINALIZE, 5, b"h" * 32)),
    Want(b"h" * 32, BLOCKS_MOST),
    Blocks((APPOINTING, SECOND, FIRST)),
    Blocks(()),
]


def code(call: object, *arguments: object) -> str:
    try:
        call(*arguments)  # type: ignore[operator]
    except LedgerError as error:
        return error.code
    raise AssertionError("no error")


class BytesTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        """Every message is read back from its bytes, and from no part of them or more."""
        for message in MESSAGES:
            raw = encode_message(message)
            self.assertEqual(decode_message(raw, 10), message)
            self.assertRaises(LedgerError, decode_message, raw + b"\x00", 10)
            for length in range(0, len(raw), 7):
                self.assertRaises(LedgerError, decode_message, raw[:length], 10)

    def test_named_errors(self) -> None:
        """What is wrong has a name."""
        raw = encode_message(PROPOSAL)
        cases = {
            "message_malformed": b"",
            "message_unknown": b"\x07",
            "vote_malformed": b"\x02abc",
            "block_operations": encode_message(proposal(FIRST)).replace(OPERATION, b"p" * 32),
            "block_validators": encode_message(proposal(APPOINTING)).replace(VALIDATORS[2], VALIDATORS[0]),
            "header_malformed": encode_message(proposal(APPOINTING)).replace(
                operations_hash((OPERATION,)) + b"\x00\x00\x00\x01", operations_hash(()) + bytes(4)
            ),
            "evidence_votes": b"\x04" + vote(1, SKIP, 5).encode() + vote(1, NOTARIZE, 5, b"h" * 32).encode(),
            "message_too_large": b"\x05" + bytes(32) + b"\x00\x11",
            "proposal_parent": raw.replace(
                certificate(NOTARIZE, 0, FIRST.hash).encode(), certificate(NOTARIZE, 0, b"x" * 32).encode()
            ),
            "proposal_gap": raw.replace(certificate(SKIP, 2).encode(), certificate(SKIP, 3).encode()),
        }
        for name, wrong in cases.items():
            self.assertEqual(code(decode_message, wrong, 10), name)
        self.assertEqual(code(decode_message, encode_message(proposal(FIRST)), 0), "message_too_large")
        self.assertLessEqual({name for name in CODES if name.startswith("message")}, set(cases))

    def test_appointed_validators(self) -> None:
        """A block names its validators exactly if its header has their hash, at most 1000, each once."""
        self.assertEqual(decode_message(encode_message(Blocks((APPOINTING,))), 1), Blocks((APPOINTING,)))
        of = Block.of
        self.assertEqual(code(of, APPOINTING.header, APPOINTING.ids), "block_validators")
        self.assertEqual(code(of, APPOINTING.header, APPOINTING.ids, VALIDATORS[:0:-1]), "block_validators")
        self.assertEqual(code(of, FIRST.header, FIRST.ids, VALIDATORS), "block_validators")
        twice = (VALIDATORS[0], VALIDATORS[0])
        self.assertEqual(code(block, None, 0, (OPERATION,), twice), "block_validators")
        many = tuple(b"%032d" % number for number in range(1001))
        self.assertEqual(code(block, None, 0, (OPERATION,), many), "block_validators")
        self.assertEqual(block(None, 0, (OPERATION,), many[1:]).validators, many[1:])

    @settings(max_examples=300, deadline=None)
    @given(st.one_of(st.binary(max_size=400), st.sampled_from(MESSAGES).map(encode_message)), st.data())
    def test_any_bytes(self, raw: bytes, data: st.DataObject) -> None:
        """Any bytes give a message that has exactly these bytes, or a named error."""
        if raw and data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(raw) - 1))
            raw = raw[:at] + data.draw(st.binary(min_size=1, max_size=3)) + raw[at + 1 :]
        try:
            message = decode_message(raw, 10)
        except LedgerError as error:
            self.assertTrue(error.code)
        else:
            self.assertEqual(encode_message(message), raw)


class RefusalTests(SynchronousTestCase):
    def refused(self, message: Message) -> list[str]:
        scene = Scene()
        scene.hear(message, 2)
        return [effect.error.code for effect in scene.of(Refused)]

    def test_wrong_messages(self) -> None:
        """A message that no correct node sends names its error and its peer."""
        few = certificate(SKIP, 0, signers=(0, 1))
        forged = vote(1, SKIP, 0)
        forged = Vote(forged.kind, 0, 0, forged.hash, 2, forged.signature)
        cases: list[tuple[str, Message]] = [
            ("certificate_quorum", few),
            ("vote_signature", forged),
            ("vote_validator", Vote(SKIP, 0, 0, bytes(32), 4, bytes(64))),
            ("proposal_network", proposal(block(None, 0, network=b"x" * 32))),
            ("evidence_votes", Evidence(forged, vote(2, FINALIZE, 0, b"h" * 32))),
        ]
        for name, message in cases:
            self.assertEqual(self.refused(message), [name])

    def test_no_memory_for_liars(self) -> None:
        """Forged certificates, and votes and certificates of far views, leave nothing behind."""
        scene = Scene()
        before = len(scene.core.ballots.views)
        for view in range(1_000, 2_000):
            scene.hear(vote(0, SKIP, view))
            scene.hear(certificate(SKIP, view))
            scene.hear(certificate(FINALIZE, view, b"h" * 32, signers=(0, 1)))
        self.assertEqual(len(scene.core.ballots.views), before)
        for view in range(0, 200, 4):
            scene.hear(proposal(block(None, view, height=2**40)), 0)
        self.assertLessEqual(len(scene.core.chain), 2)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(MESSAGES), st.integers(0, 3), st.binary(max_size=2)), max_size=12))
    def test_never_fails(self, heard: list[tuple[Message, int, bytes]]) -> None:
        """Whatever is heard, in whatever order and altered, nothing raises and no second vote of a kind is cast."""
        scene = Scene()
        for message, peer, noise in heard:
            raw = bytearray(encode_message(message))
            if noise:
                raw[(len(raw) * noise[0]) >> 8] ^= noise[-1] or 1
            try:
                altered = decode_message(bytes(raw), 10)
            except LedgerError:
                continue
            scene.hear(altered, peer)
            scene.wait(0.05)
        self.assertEqual(len(set(scene.votes())), len(scene.votes()))


class EvidenceTests(SynchronousTestCase):
    def test_what_contradicts(self) -> None:
        """Two blocks of one kind, another block finalized than notarized, skip and finalize; nothing else."""
        one, other = b"1" * 32, b"2" * 32
        both = [
            (vote(1, NOTARIZE, 0, one), vote(1, NOTARIZE, 0, other)),
            (vote(1, FINALIZE, 0, one), vote(1, FINALIZE, 0, other)),
            (vote(1, NOTARIZE, 0, one), vote(1, FINALIZE, 0, other)),
            (vote(1, SKIP, 0), vote(1, FINALIZE, 0, other)),
        ]
        neither = [
            (vote(1, NOTARIZE, 0, one), vote(1, FINALIZE, 0, one)),
            (vote(1, NOTARIZE, 0, one), vote(1, SKIP, 0)),
            (vote(1, NOTARIZE, 0, one), vote(2, NOTARIZE, 0, other)),
            (vote(1, NOTARIZE, 0, one), vote(1, NOTARIZE, 1, other)),
            (vote(1, SKIP, 0), vote(1, FINALIZE, 0, one, epoch=1)),
        ]
        self.assertEqual([contradict(*pair) for pair in both], [True] * 4)
        self.assertEqual([contradict(*pair) for pair in neither], [False] * 5)

    def test_accuses_once_and_spreads(self) -> None:
        """A validator that votes for two blocks is accused by key, once, and everybody is told."""
        scene = Scene()
        scene.hear(vote(1, NOTARIZE, 0, b"1" * 32), 1)
        scene.hear(vote(1, NOTARIZE, 0, b"2" * 32), 1)
        scene.hear(vote(1, NOTARIZE, 0, b"3" * 32), 1)
        self.assertEqual([effect.key for effect in scene.of(Accused)], [VALIDATORS[1]])
        told = [effect.peers for effect in scene.of(Send) if isinstance(effect.message, Evidence)]
        self.assertEqual(told, [(0, 1, 2)])

    def test_found_in_certificates(self) -> None:
        """A contradiction between a vote and a certificate is found."""
        scene = Scene()
        scene.hear(vote(1, SKIP, 0), 1)
        scene.hear(certificate(FINALIZE, 0, b"h" * 32), 0)
        self.assertEqual([effect.key for effect in scene.of(Accused)], [VALIDATORS[1]])

    def test_heard_evidence(self) -> None:
        """Evidence from a peer is checked and believed by its signatures alone."""
        scene = Scene()
        scene.hear(Evidence(vote(2, SKIP, 7), vote(2, FINALIZE, 7, b"h" * 32)), 0)
        self.assertEqual([effect.key for effect in scene.of(Accused)], [VALIDATORS[2]])
        self.assertTrue(issubclass(ConsensusError, LedgerError))
