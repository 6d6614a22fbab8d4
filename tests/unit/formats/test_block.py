"""Headers, votes and certificates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloudnode.formats.block import Certificate, Header, Vote, header_hash, operations_hash, quorum, vote_message
from cloudnode.formats.genesis import decode_genesis
from tests.unit.formats.support import FormatTestCase, damaged, load

CASES = load("blocks.json")
GENESIS = decode_genesis(CASES["genesis"].encode())


def _raw(kind: str) -> list[bytes]:
    return [bytes.fromhex(case["bytes"]) for case in CASES[kind]]


class HeaderTests(FormatTestCase):
    def test_vectors(self) -> None:
        """The vectors' headers have their fields, bytes and hashes; the bad ones are refused."""
        for case in CASES["headers"]:
            raw = bytes.fromhex(case["bytes"])
            header = Header.decode(raw)
            for field in Header.__struct_fields__:
                value = getattr(header, field)
                self.assertEqual(value.hex() if isinstance(value, bytes) else value, case[field], field)
            self.assertEqual(header.encode(), raw)
            self.assertEqual(header.hash.hex(), case["hash"])
            self.assertEqual(header_hash(raw), header.hash)
        for case in CASES["refused_headers"]:
            self.assert_refused(case["code"], Header.decode, bytes.fromhex(case["bytes"]), name=case["name"])

    def test_operations_hashes(self) -> None:
        """The hash of operation ids is that of the vectors."""
        for case in CASES["operations_hashes"]:
            self.assertEqual(operations_hash([bytes.fromhex(each) for each in case["ids"]]).hex(), case["hash"])

    @given(damaged(*_raw("headers")) | st.binary(min_size=172, max_size=172))
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes give a header that is written the same again, or an error."""
        header = self.assert_value_or_refused(Header.decode, raw)
        if header is not None:
            self.assertEqual(header.encode(), raw)


class VoteTests(FormatTestCase):
    def test_vectors(self) -> None:
        """The vectors' votes sign their messages and are true."""
        for case in CASES["votes"]:
            vote = Vote.decode(bytes.fromhex(case["bytes"]))
            message = vote_message(GENESIS.network, vote.kind, vote.epoch, vote.view, vote.hash)
            self.assertEqual(message.hex(), case["message"])
            self.assertEqual((vote.validator, vote.signature.hex()), (case["validator"], case["signature"]))
            self.assertTrue(vote.verify(GENESIS.network, GENESIS.validators))

    def test_votes_of_others(self) -> None:
        """A vote holds for its validator, network and kind alone."""
        raw = bytes.fromhex(CASES["votes"][0]["bytes"])
        vote = Vote.decode(raw)
        self.assertFalse(vote.verify(bytes(32), GENESIS.validators))
        self.assertFalse(vote.verify(GENESIS.network, GENESIS.validators[:2]))
        self.assertFalse(vote.verify(GENESIS.network, GENESIS.validators[::-1]))
        self.assertFalse(Vote.decode(b"\3" + raw[1:]).verify(GENESIS.network, GENESIS.validators))
        for broken in (b"\0" + raw[1:], b"\2" + raw[1:], raw[:-1], raw + b"\0"):
            self.assert_refused("vote_malformed", Vote.decode, broken)

    @given(damaged(*_raw("votes")) | st.binary(min_size=115, max_size=115))
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes give a vote that is written the same again, or an error; a changed vote is not true."""
        vote = self.assert_value_or_refused(Vote.decode, raw)
        if vote is not None:
            self.assertEqual(vote.encode(), raw)
            self.assertEqual(vote.verify(GENESIS.network, GENESIS.validators), raw in _raw("votes"))


class CertificateTests(FormatTestCase):
    def test_vectors(self) -> None:
        """The vectors' certificates are read and hold, or are refused by reading or by verifying."""
        for case in CASES["certificates"]:
            raw = bytes.fromhex(case["bytes"])
            certificate = Certificate.decode(raw)
            self.assertEqual((certificate.kind, certificate.view), (case["kind"], case["view"]))
            self.assertEqual(certificate.hash.hex(), case["hash"])
            signatures = [[index, signature.hex()] for index, signature in certificate.signatures]
            self.assertEqual(signatures, case["signatures"])
            self.assertEqual(certificate.encode(), raw)
            certificate.verify(GENESIS.network, GENESIS.validators)
        for case in CASES["refused_certificates"]:
            self.assert_refused(case["code"], self._judge, bytes.fromhex(case["bytes"]), name=case["name"])

    def _judge(self, raw: bytes) -> Certificate:
        certificate = Certificate.decode(raw)
        certificate.verify(GENESIS.network, GENESIS.validators)
        return certificate

    def test_a_validator_counts_once(self) -> None:
        """Also a certificate that was not decoded can't reach a quorum by repetition."""
        good = Certificate.decode(bytes.fromhex(CASES["certificates"][0]["bytes"]))
        again = Certificate(good.kind, good.epoch, good.view, good.hash, good.signatures[:1] * 3)
        self.assert_refused("certificate_quorum", again.verify, GENESIS.network, GENESIS.validators)

    def test_certificates_of_other_networks(self) -> None:
        """A certificate holds for its network and set of validators alone."""
        good = Certificate.decode(bytes.fromhex(CASES["certificates"][0]["bytes"]))
        self.assert_refused("certificate_signature", good.verify, bytes(32), GENESIS.validators)
        self.assert_refused("certificate_signature", good.verify, GENESIS.network, GENESIS.validators[::-1])
        self.assert_refused("certificate_validator", good.verify, GENESIS.network, GENESIS.validators[:3])

    @given(damaged(*_raw("certificates")))
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes give a certificate that is written the same again, or an error; only the good ones hold."""
        certificate = self.assert_value_or_refused(Certificate.decode, raw)
        if certificate is not None:
            self.assertEqual(certificate.encode(), raw)
        if self.assert_value_or_refused(self._judge, raw) is not None:
            self.assertIn(raw, _raw("certificates"))

    def test_quorums(self) -> None:
        """Quorums are those of the vectors, and two of them always share more than may lie."""
        for count, wanted in CASES["quorums"]:
            self.assertEqual(quorum(count), wanted)
        for count in range(1, 200):
            self.assertGreater(2 * quorum(count) - count, (count - 1) // 3)
