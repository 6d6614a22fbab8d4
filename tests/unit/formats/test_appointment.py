"""Approvals of the next validators, and the blocks that appoint them."""

from __future__ import annotations

import msgspec

from cloudnode.formats.appointment import appointed_by, approves, check_appoint, check_block_appoints
from cloudnode.formats.block import NO_VALIDATORS, Header, validators_hash
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import decode_genesis
from cloudnode.formats.operation import Appoint, Envelope, Operation, build_withdraw, decode_operation, sign_operation
from tests.unit.formats.support import FormatTestCase, load
from tests.vectors.make_blocks import a_header, certified
from tests.vectors.make_genesis import key

CASES = load("operations.json")["appointments"]
GENESIS = decode_genesis(CASES["genesis"].encode())
EPOCH = Epoch(GENESIS.network, CASES["epoch"], tuple(bytes.fromhex(each) for each in CASES["validators"]))
AUTHOR = key(11)


def read(body: bytes) -> Operation:
    return decode_operation(body, sign_operation(AUTHOR, body), GENESIS)


def appoint_of(operation: Operation) -> Appoint:
    assert isinstance(operation.action, Appoint)
    return operation.action


GOOD = read(CASES["accepted"][0]["body"].encode())
VALIDATORS = appoint_of(GOOD).validators
OTHER = read(
    build_withdraw(Envelope(GENESIS.network, AUTHOR.public, 1_790_000_000_123, 7, 1007), f"{'ab' * 32}/film/x")
)


class ApprovalTests(FormatTestCase):
    def test_vectors(self) -> None:
        """What the vectors' validators approve holds or is refused by name."""
        for case in CASES["accepted"]:
            check_appoint(appoint_of(read(case["body"].encode())), EPOCH)
        for case in CASES["refused"]:
            appoint = appoint_of(read(case["body"].encode()))
            self.assert_refused(case["code"], check_appoint, appoint, EPOCH, name=case["name"])

    def test_one_approval(self) -> None:
        """An approval is judged by itself, so that one can say whose is missing."""
        [first, *_] = appoint_of(GOOD).approvals
        self.assertTrue(approves(first, EPOCH, VALIDATORS))
        self.assertFalse(approves(first, EPOCH, VALIDATORS[::-1]))
        self.assertFalse(approves(msgspec.structs.replace(first, validator=1), EPOCH, VALIDATORS))
        self.assertFalse(approves(msgspec.structs.replace(first, validator=4), EPOCH, VALIDATORS))

    def test_other_validators(self) -> None:
        """The approvals hold for the validators of that epoch alone."""
        others = Epoch(EPOCH.network, EPOCH.number, EPOCH.validators[::-1])
        self.assert_refused("appoint_signature", check_appoint, appoint_of(GOOD), others)


class BlockTests(FormatTestCase):
    def header(self, validators: tuple[bytes, ...], epoch: int = 3) -> Header:
        return msgspec.structs.replace(a_header(GENESIS, validators=validators), epoch=epoch)

    def test_appoints(self) -> None:
        """A block appoints whom its one operation appoints."""
        self.assertEqual(appointed_by([GOOD]), VALIDATORS)
        self.assertEqual(appointed_by([OTHER, OTHER]), ())
        self.assertEqual(appointed_by([]), ())
        check_block_appoints(self.header(VALIDATORS), VALIDATORS, [GOOD], EPOCH)
        check_block_appoints(self.header(()), (), [OTHER], EPOCH)

    def test_refused(self) -> None:
        """One with other operations, not said, not there, of another epoch, or not approved is refused."""
        for operations in ([GOOD, OTHER], [OTHER, GOOD], [GOOD, GOOD]):
            self.assert_refused("block_appoint", appointed_by, operations)
        check = check_block_appoints
        self.assert_refused("block_appoint", check, self.header(()), (), [GOOD], EPOCH)
        self.assert_refused("block_appoint", check, self.header(VALIDATORS), VALIDATORS, [OTHER], EPOCH)
        self.assert_refused("block_appoint", check, self.header(VALIDATORS, 2), VALIDATORS, [GOOD], EPOCH)
        few = read(CASES["refused"][0]["body"].encode())
        self.assert_refused("appoint_quorum", check, self.header(VALIDATORS), VALIDATORS, [few], EPOCH)


class EpochTests(FormatTestCase):
    """From one epoch to the next by a block's header."""

    def setUp(self) -> None:
        self.epoch = Epoch.of_genesis(GENESIS)
        self.header = a_header(GENESIS, validators=VALIDATORS)
        self.finality = Finality(certified(GENESIS, self.header, [0, 1, 3]))

    def test_next(self) -> None:
        """A final block that appoints validators leads to them, who decide from the next height on."""
        after = self.epoch.next(self.header, self.finality, VALIDATORS)
        self.assertEqual(after, Epoch(GENESIS.network, 1, VALIDATORS, self.header.height))
        self.assertEqual((self.epoch.quorum, after.quorum), (3, 2))

    def test_through_a_discarded_block(self) -> None:
        """The proof may go through a block that the end of the epoch discarded; that one is no block of the chain."""
        child = msgspec.structs.replace(a_header(GENESIS, height=9), parent=self.header.hash, view=12)
        certificate = certified(GENESIS, child, [1, 2, 3])
        self.epoch.next(self.header, Finality(certificate, (child,)), VALIDATORS)
        closed = self.epoch.closed(self.header)
        closed.verify(self.header, Finality(certificate, (child,)))
        self.assert_refused("header_discarded", closed.verify, child, Finality(certificate))

    def test_refused(self) -> None:
        """Other validators, no end, no quorum and heights of the epoch before are refused."""
        self.assert_refused("block_validators", self.epoch.next, self.header, self.finality, VALIDATORS[::-1])
        self.assert_refused("block_validators", self.epoch.next, self.header, self.finality, ())
        going_on = msgspec.structs.replace(self.header, next_validators=NO_VALIDATORS)
        proof = Finality(certified(GENESIS, going_on, [0, 1, 2]))
        self.assert_refused("epoch_goes_on", self.epoch.next, going_on, proof, ())
        few = Finality(certified(GENESIS, self.header, [0, 1]))
        self.assert_refused("certificate_quorum", self.epoch.next, self.header, few, VALIDATORS)
        later = Epoch(GENESIS.network, 0, GENESIS.validators, base=self.header.height)
        self.assert_refused("header_discarded", later.next, self.header, self.finality, VALIDATORS)
        self.assertEqual(self.header.next_validators, validators_hash(VALIDATORS))
