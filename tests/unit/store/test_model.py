"""The SQLite store against a model of plain dictionaries, at every height that can be read."""

from __future__ import annotations

import copy
from hashlib import sha256
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats import errors
from cloudnode.formats.addresses import account_hash, format_address, parse_address, record_hash
from cloudnode.formats.operation import Delete, Operation, Put, Rate, Withdraw
from cloudnode.ledger.ranking import rank
from cloudnode.store.audit.phase import Audit
from cloudnode.store.audit.phases import audit_steps
from cloudnode.store.connection import connect
from tests.unit.ledger.memory import defined_entry
from tests.unit.store.network import SmallNetwork, random_operation


class Model:
    """The open policy's rules, written a second time and without any thought of speed."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.ratings: dict[tuple[str, bytes], tuple[int, tuple[int, int]]] = {}
        self.accounts: dict[bytes, tuple[int, int]] = {}

    def execute(self, operation: Operation, at: tuple[int, int]) -> int:
        result = self._apply(operation, at)
        if result == errors.OK:
            self.accounts.setdefault(operation.account, at)
        return result

    def _apply(self, operation: Operation, at: tuple[int, int]) -> int:
        action = operation.action
        if isinstance(action, Put | Delete):
            address = format_address(operation.account, action.collection, action.key)
            record = self.records.get(address)
            if isinstance(action, Delete):
                if record is None:
                    return errors.RECORD_UNKNOWN
                if record["deleted"]:
                    return errors.RECORD_DELETED
            version = record["version"] if record else 0
            if action.if_version is not None and action.if_version != version:
                return errors.VERSION_MISMATCH
            put = isinstance(action, Put)
            self.records[address] = {
                "version": version + 1, "deleted": not put, "updated": at, "time": operation.time,
                "created": record["created"] if record else at,
                "data": action.data if isinstance(action, Put) else b"",
                "ref": action.ref if isinstance(action, Put) else None,
            }  # fmt: skip
            return errors.OK
        if isinstance(action, Rate | Withdraw):
            record = self.records.get(action.record)
            key = (action.record, operation.account)
            if record is None:
                return errors.RECORD_UNKNOWN
            if isinstance(action, Withdraw):
                return errors.OK if self.ratings.pop(key, None) else errors.RATING_NONE
            if record["deleted"]:
                return errors.RECORD_DELETED
            if parse_address(action.record)[0] == operation.account:
                return errors.RATING_OWN
            self.ratings[key] = (action.stars, at)
            return errors.OK
        return errors.INVITATION_NOT_USED

    def stars(self, address: str) -> list[int]:
        return [stars for (rated, _), (stars, _) in self.ratings.items() if rated == address]


class ModelTests(SynchronousTestCase):
    """What the store answers is what the rules say."""

    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp())
        self.addCleanup(lambda: self.network.store.close())

    def test_against_model(self) -> None:
        """Results, records, lists, ratings, sums and roots are the model's, now and at every recent height."""
        random = Random(1)
        network, model = self.network, Model()
        models = {0: copy.deepcopy(model)}
        for height in range(1, 40):
            operations = [random_operation(network, random) for _ in range(random.randrange(15))]
            operations = list({operation.id: operation for operation in operations}.values())
            expected = [model.execute(operation, (height, i)) for i, operation in enumerate(operations)]
            self.assertEqual(network.block(*operations), expected)
            models[height] = copy.deepcopy(model)
            if height == 20:
                network.reopen()
        for height, at_height in models.items():
            self.compare(at_height, height)
        audit = Audit(connect(network.path, read_only=True), network.genesis)
        for _ in audit_steps(audit):
            pass
        audit.connection.close()
        self.assertEqual(audit.findings, [])
        self.assertGreater(audit.rows, 500)

    def compare(self, model: Model, height: int) -> None:
        reading = self.network.store.reading(height)
        live = []
        for address, expected in model.records.items():
            record = reading.get_record(*parse_address(address))
            assert record is not None
            stars = model.stars(address)
            self.assertEqual(
                (record.version, record.deleted, (record.updated.height, record.updated.index), record.data,
                 record.ref, record.time, (record.created.height, record.created.index),
                 record.ratings_sum, record.ratings_count),
                (expected["version"], expected["deleted"], expected["updated"], expected["data"],
                 expected["ref"], expected["time"], expected["created"], sum(stars), len(stars)),
            )  # fmt: skip
            if not expected["deleted"]:
                live.append((address, expected, rank(sum(stars), len(stars))))
            self.compare_ratings(reading, model, address)
        self.compare_lists(reading, live)
        self.compare_accounts(reading, model)
        data_hash = reading.data_hash()
        self.assertEqual(
            (data_hash.ratings_sum, data_hash.ratings_count, data_hash.records, data_hash.accounts),
            (sum(stars for stars, _ in model.ratings.values()), len(model.ratings), len(live),
             len(model.accounts)),
        )  # fmt: skip
        self.compare_ratings_root(model, height)

    def compare_ratings(self, reading: Any, model: Model, address: str) -> None:
        expected = sorted(
            (account_hash(account), stars, at)
            for (rated, account), (stars, at) in model.ratings.items()
            if rated == address
        )
        found: list[Any] = []
        while page := reading.ratings_of_record(address, found[-1].account if found else None, limit=2):
            found += page
        self.assertEqual([(account_hash(r.account), r.stars, (r.given.height, r.given.index)) for r in found], expected)

    def compare_lists(self, reading: Any, live: list[tuple[str, dict[str, Any], int]]) -> None:
        account = self.network.accounts[0].public
        filters: list[dict[str, Any]] = [
            {}, {"collection": "film"}, {"account": account}, {"account": account, "collection": "post"},
        ]  # fmt: skip
        filters += [{"ref": live[0][0]}] if live else []
        for wanted in filters:
            kept = [
                (address, record, ranked)
                for address, record, ranked in live
                if wanted.get("collection") in (None, address.split("/")[1])
                and ("account" not in wanted or address.startswith(account.hex()))
                and ("ref" not in wanted or record["ref"] == wanted["ref"])
            ]
            newest = sorted(kept, key=lambda item: item[1]["updated"], reverse=True)
            best = sorted(kept, key=lambda item: (item[2], item[1]["created"]), reverse=True)
            for order, expected in (("newest", newest), ("best", best)):
                found: list[Any] = []
                after = None
                while page := reading.list_records(**wanted, order=order, after=after, limit=3):
                    found += page
                    after = reading.page_key(page[-1], order)
                self.assertEqual([record.address for record in found], [address for address, _, _ in expected])
        for word in (b"word1", b"common"):
            expected_words = sorted(
                (record["updated"] for _, record, _ in live if word in record["data"]), reverse=True
            )
            found = reading.search(word.decode())
            self.assertEqual([(r.updated.height, r.updated.index) for r in found], expected_words)

    def compare_accounts(self, reading: Any, model: Model) -> None:
        for key in self.network.accounts:
            account = reading.get_account(key.public)
            if key.public not in model.accounts:
                self.assertIsNone(account)
                continue
            given = {rated: value for (rated, rater), value in model.ratings.items() if rater == key.public}
            self.assertEqual((account.first.height, account.first.index), model.accounts[key.public])
            self.assertEqual(account.ratings_given, len(given))
            self.assertEqual(account.ratings_sum, sum(stars for stars, _ in given.values()))
            self.assertEqual(
                account.records,
                sum(
                    1
                    for address, record in model.records.items()
                    if address.startswith(key.public.hex()) and not record["deleted"]
                ),
            )
            newest = sorted(given.items(), key=lambda item: item[1][1], reverse=True)
            found = reading.ratings_by_account(key.public)
            self.assertEqual([(r.record, r.stars) for r in found], [(a, stars) for a, (stars, _) in newest])

    def compare_ratings_root(self, model: Model, height: int) -> None:
        rows = sorted(
            (
                record_hash(address) + account_hash(account),
                bytes([stars]) + at[0].to_bytes(8, "big") + at[1].to_bytes(4, "big"),
            )
            for (address, account), (stars, at) in model.ratings.items()
        )
        entry, _ = defined_entry(1, rows)
        reading = self.network.store.reading(height)
        preimage = reading.prove_data_hash().nodes[0]
        self.assertEqual(sha256(preimage).digest(), reading.data_hash().root)
        self.assertIn(entry, preimage)
