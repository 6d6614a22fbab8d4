"""Validators that change, as the store keeps them."""

from __future__ import annotations

from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.block import Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Admission, Parameters
from cloudnode.formats.verify import ProvenState
from cloudnode.ledger.system import encode_validators
from cloudnode.store.connection import connect
from cloudnode.store.pruning import HEIGHTS_KEPT
from tests.unit.store.network import SmallNetwork, make_key
from tests.unit.store.test_audit import findings_of

SETS = [[make_key(50 + number) for number in range(size)] for size in (4, 1, 7)]


class EpochTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp())
        self.addCleanup(lambda: self.network.store.close())

    def change(self) -> None:
        """Three changes of the validators, with blocks between."""
        network = self.network
        for number, keys in enumerate(SETS):
            network.block(network.put(network.accounts[1], "film", f"r{number}"))
            self.assertEqual(network.block(network.appoint(*keys)), [0])
            network.block()

    def keys(self, number: int) -> tuple[bytes, ...]:
        if number == 0:
            return self.network.genesis.validators
        return tuple(key.public for key in SETS[number - 1])

    def test_present(self) -> None:
        """The present epoch is that of the next block, also after a restart."""
        network = self.network
        self.assertEqual(network.store.epoch, Epoch.of_genesis(network.genesis))
        network.block(network.appoint(*SETS[0]))
        expected = Epoch(network.genesis.network, 1, self.keys(1), 1)
        self.assertEqual(network.store.epoch, expected)
        network.reopen()
        self.assertEqual(network.store.epoch, expected)
        self.change()
        network.reopen()
        self.assertEqual(network.store.epoch, Epoch(network.genesis.network, 4, self.keys(3), 9))

    def test_chain_from_genesis(self) -> None:
        """From the genesis on, each epoch's end leads to the next epoch, and all are told."""
        self.change()
        store = self.network.store
        epoch = Epoch.of_genesis(self.network.genesis)
        for number, end in enumerate(store.epochs()):
            header = Header.decode(end.header)
            self.assertEqual((end.number, end.hash, end.last_height), (number, header.hash, header.height))
            found = store.find_epoch(number)
            self.assertEqual(found, epoch.closed(header))
            epoch = epoch.next(header, Finality.decode(end.finality), end.validators)
        self.assertEqual(epoch, store.epoch)
        self.assertEqual(store.find_epoch(3), epoch)
        self.assertIsNone(store.find_epoch(4))
        self.assertIsNone(store.find_epoch(-1))
        self.assertEqual([end.number for end in store.epochs(2)], [2])

    def test_many(self) -> None:
        """However many there are, all are told in order."""
        for _ in range(45):
            self.network.block(self.network.appoint(SETS[0][0]))
        self.assertEqual([end.number for end in self.network.store.epochs()], list(range(45)))
        self.assertEqual([end.number for end in self.network.store.epochs(40)], list(range(40, 45)))

    def test_state(self) -> None:
        """The state binds epoch and validators, at every height that can be read."""
        self.change()
        epochs = [0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
        for height, number in enumerate(epochs):
            reading = self.network.store.reading(height)
            proof = reading._prove((4, sha256(b"validators").digest()))
            state = ProvenState(height, proof.root, proof.nodes)
            self.assertEqual(proof.root, reading.data_hash().root)
            self.assertEqual(state.system("validators"), sha256(encode_validators(number, self.keys(number))).digest())
            self.assertEqual(state.system("genesis"), sha256(self.network.genesis.network).digest())

    def test_sender_is_no_part_of_it(self) -> None:
        """Anybody may send it: the account is neither admitted nor added by it."""
        member, stranger = make_key(100), make_key(101)
        admission = Admission("invited", accounts=(member.public,))
        network = SmallNetwork(self.mktemp(), parameters=Parameters(admission=admission))
        self.addCleanup(lambda: network.store.close())
        self.assertEqual(network.block(network.appoint(*SETS[0], sender=stranger)), [0])
        self.assertIsNone(network.store.reading().get_account(stranger.public))
        self.assertEqual(network.store.reading().data_hash().accounts, 0)
        self.assertEqual(network.store.epoch.number, 1)

    def test_kept_for_ever(self) -> None:
        """The ends of epochs outlive what is pruned; old contents of the state do not."""
        self.change()
        for _ in range(HEIGHTS_KEPT + 1):
            self.network.block()
        self.assertEqual(len(list(self.network.store.epochs())), 3)
        left = self.network.store._read.execute("SELECT count(*) FROM system_old").fetchone()[0]
        self.assertEqual(left, 0)
        self.assertEqual(findings_of(self.network), [])

    def test_a_block_that_is_given_up(self) -> None:
        """An epoch ends with the block that ends it, or not at all."""
        network = self.network
        operation = network.appoint(*SETS[0])
        steps = network.store.write_in_steps([(network.make_block([operation]), [operation])])
        next(steps)
        steps.close()
        self.assertEqual(network.store.epoch.number, 0)
        self.assertEqual(list(network.store.epochs()), [])
        network.block(operation)
        self.assertEqual(network.store.epoch.number, 1)


class AuditTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp())
        for keys in SETS:
            self.network.block(self.network.appoint(*keys))
            self.network.block()
        self.network.store.close()

    def alter(self, *statements: str) -> list[str]:
        connection = connect(self.network.path)
        for statement in statements:
            connection.execute(statement)
        connection.close()
        return findings_of(self.network)

    def test_sound(self) -> None:
        """Epochs that nobody touched are sound."""
        self.assertEqual(findings_of(self.network), [])

    def test_altered(self) -> None:
        """An end of an epoch that was changed is named by its number."""
        altered = "UPDATE epochs SET validators = zeroblob(32) WHERE number = 1"
        self.assertIn("table epochs: row 1 is altered", self.alter(altered))

    def test_agrees_with_itself_alone(self) -> None:
        """A row that is whole but says something else than the chain, the log or the state is found."""
        columns = "number, last_height, hash, header, finality, validators"
        renew = f'UPDATE epochs SET "check" = row_check({columns}) WHERE number = 1'
        for change in (
            "validators = (SELECT validators FROM epochs WHERE number = 0)",
            "hash = zeroblob(32)",
            "last_height = 2",
            "finality = (SELECT finality FROM epochs WHERE number = 0)",
            "header = (SELECT header FROM epochs WHERE number = 0)",
        ):
            self.setUp()
            found = self.alter(f"UPDATE epochs SET {change} WHERE number = 1", renew)
            self.assertIn("table epochs: epoch 1 did not end as it says", found)

    def test_missing(self) -> None:
        """An end of an epoch that is gone is missed, at either end of the list or between."""
        for number in range(3):
            self.setUp()
            found = self.alter(f"DELETE FROM epochs WHERE number = {number}")
            self.assertTrue(any("table epochs:" in finding for finding in found), found)
