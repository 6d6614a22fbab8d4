"""Headers, votes, certificates, and proofs that blocks are final."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cloudnode.formats.block import (
    HEADER_SIZE,
    Certificate,
    Header,
    Vote,
    check_contents,
    header_hash,
    operations_hash,
    quorum,
    signatures_hash,
    split_values,
    validators_hash,
    vote_message,
)
from cloudnode.formats.finality import DESCENDANTS_MAX, Finality, prove_final
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

    def test_hashes(self) -> None:
        """The hashes of operation ids, of signatures and of validators are those of the vectors."""
        for kind, members, hashed in (
            ("operations_hashes", "ids", operations_hash),
            ("signatures_hashes", "signatures", signatures_hash),
            ("validators_hashes", "validators", validators_hash),
        ):
            for case in CASES[kind]:
                self.assertEqual(hashed([bytes.fromhex(each) for each in case[members]]).hex(), case["hash"])  # type: ignore[operator]

    def test_contents(self) -> None:
        """A header is of its operations and validators alone; validators are named once, 1000 of them at most."""
        ids, validators = (bytes(32),), GENESIS.validators
        header = Header.decode(_raw("headers")[1])
        many = tuple(b"%032d" % number for number in range(1001))
        for names, appointed, code in (
            (ids, (), None),
            ((), (), "block_operations"),
            (ids * 2, (), "block_operations"),
            ((b"x" * 32,), (), "block_operations"),
            (ids, validators, None),
            (ids, many[:1000], None),
            (ids, many, "block_validators"),
            (ids, validators * 2, "block_validators"),
        ):
            header = msgspec.structs.replace(
                header, operations_hash=operations_hash(ids), next_validators=validators_hash(appointed)
            )
            if code is None:
                check_contents(header, names, appointed)
            else:
                self.assert_refused(code, check_contents, header, names, appointed)
        header = msgspec.structs.replace(header, next_validators=validators_hash(validators))
        self.assert_refused("block_validators", check_contents, header, ids, ())
        self.assert_refused("block_validators", check_contents, header, ids, validators[::-1])
        self.assertEqual(split_values(b"".join(validators)), validators)

    @given(damaged(*_raw("headers")) | st.binary(min_size=HEADER_SIZE, max_size=HEADER_SIZE))
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


class FinalityTests(FormatTestCase):
    """Proofs that the vectors' header is final."""

    def setUp(self) -> None:
        self.cases = CASES["finality"]
        self.header = Header.decode(bytes.fromhex(self.cases["header"]))

    def _judge(self, raw: bytes) -> Finality:
        proof = Finality.decode(raw)
        proof.verify(self.header, GENESIS.network, 0, GENESIS.validators)
        return proof

    def test_vectors(self) -> None:
        """The vectors' proofs are read, written the same again and hold, or are refused by name."""
        for case in self.cases["proofs"]:
            proof = self._judge(bytes.fromhex(case["bytes"]))
            self.assertEqual([each.encode().hex() for each in proof.descendants], case["descendants"])
            self.assertEqual(proof.certificate.encode().hex(), case["certificate"])
            self.assertEqual(proof.encode().hex(), case["bytes"])
        for case in self.cases["refused"]:
            self.assert_refused(case["code"], self._judge, bytes.fromhex(case["bytes"]), name=case["name"])

    def test_of_others(self) -> None:
        """A proof holds for its block, network, epoch and validators alone."""
        proof = Finality.decode(bytes.fromhex(self.cases["proofs"][1]["bytes"]))
        network, validators = GENESIS.network, GENESIS.validators
        self.assert_refused("finality_chain", proof.verify, proof.descendants[0], network, 0, validators)
        self.assert_refused("header_network", proof.verify, self.header, bytes(32), 0, validators)
        self.assert_refused("header_epoch", proof.verify, self.header, network, 1, validators)
        self.assert_refused("certificate_signature", proof.verify, self.header, network, 0, validators[::-1])
        later = msgspec.structs.replace(proof.certificate, epoch=1)
        self.assert_refused("header_epoch", Finality(later, proof.descendants).check_block, self.header)

    def test_of_blocks_that_became_final_together(self) -> None:
        """One certificate proves each of them, and not those that an epoch's end discarded."""
        proof = Finality.decode(bytes.fromhex(self.cases["proofs"][2]["bytes"]))
        line = (self.header, *proof.descendants)
        proofs = prove_final(line[:2], line[2:], proof.certificate)
        self.assertEqual([len(each.descendants) for each in proofs], [2, 1])
        for header, each in zip(line, proofs, strict=False):
            each.verify(header, GENESIS.network, 0, GENESIS.validators)

    def test_bounds(self) -> None:
        """A proof may have so many headers and no more."""
        proof = Finality.decode(bytes.fromhex(self.cases["proofs"][1]["bytes"]))
        most = Finality(proof.certificate, proof.descendants * DESCENDANTS_MAX)
        self.assertEqual(Finality.decode(most.encode()), most)
        more = Finality(proof.certificate, proof.descendants * (DESCENDANTS_MAX + 1))
        self.assert_refused("finality_malformed", Finality.decode, more.encode())

    @given(damaged(*(bytes.fromhex(case["bytes"]) for case in CASES["finality"]["proofs"])))
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes give a proof that is written the same again, or an error; only the good ones hold."""
        proof = self.assert_value_or_refused(Finality.decode, raw)
        if proof is not None:
            self.assertEqual(proof.encode(), raw)
        if self.assert_value_or_refused(self._judge, raw) is not None:
            self.assertIn(raw.hex(), [case["bytes"] for case in self.cases["proofs"]])
