"""The genesis."""

from __future__ import annotations

from hashlib import sha256

import msgspec
from hypothesis import given

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import BOUNDS, Admission, Parameters, build_genesis, decode_genesis
from tests.unit.formats.support import FormatTestCase, damaged, load
from tests.vectors.make_genesis import TIME, genesis, key

_texts = [case["text"].encode() for case in load("genesis.json")["accepted"]]


class GenesisTests(FormatTestCase):
    def test_vectors(self) -> None:
        """The vectors' networks have their ids, or are refused with their codes."""
        cases = load("genesis.json")
        for case in cases["accepted"]:
            read = decode_genesis(case["text"].encode())
            self.assertEqual(read.network.hex(), case["network"])
            self.assertEqual(read.network_hex, case["network"])
            self.assertEqual([each.hex() for each in read.validators], case["validators"])
        for case in cases["refused"]:
            self.assert_refused(case["code"], decode_genesis, case["text"].encode(), name=case["name"])

    def test_what_is_built_is_read(self) -> None:
        """Parameters of every policy come back as they were given, beside the exact text."""
        accounts = (key(11).public, key(12).public)
        for admission in (Admission(), Admission("invited", accounts=accounts), Admission("work", bits=3)):
            parameters = Parameters(pace_ms=50, heartbeat_ms=60, window=70, admission=admission)
            built = build_genesis(name="n\u00e4me", time=TIME, validators=accounts, parameters=parameters)
            self.assertEqual(built.parameters, parameters)
            self.assertEqual((built.name, built.time, built.validators), ("n\u00e4me", TIME, accounts))
            self.assertEqual(built.network, sha256(b"cloudnode genesis 1\n" + built.text).digest())
            self.assertEqual(decode_genesis(built.text), built)

    def test_the_text_is_the_network(self) -> None:
        """One space more makes another network of the same rules."""
        built = genesis()
        other = decode_genesis(built.text + b" ")
        self.assertEqual(other.parameters, built.parameters)
        self.assertNotEqual(other.network, built.network)

    def test_bounds(self) -> None:
        """Each parameter takes its lowest and highest value and nothing beyond."""
        # The other one of each pair that must be in order is out of the way.
        wide = {"pace_ms": 1, "heartbeat_ms": 3_600_000, "max_operation_bytes": 4096, "max_block_bytes": 67_108_864}
        for name, (lowest, highest) in BOUNDS.items():
            for value, is_good in ((lowest, True), (highest, True), (lowest - 1, False), (highest + 1, False)):
                try:
                    build_genesis(
                        name="n", time=0, validators=[key(1).public], parameters=Parameters(**(wide | {name: value}))
                    )
                except LedgerError as error:
                    self.assertEqual((error.code, is_good), ("genesis_parameter", False), name)
                    self.assertIn(name, error.message)
                else:
                    self.assertTrue(is_good, name)

    def test_admission(self) -> None:
        """Work is judged by leading zero bits of the account's hash, invitation by the list."""
        accounts = [key(number).public for number in range(1, 100)]
        by_work = genesis(1, Admission("work", bits=5))
        for account in accounts:
            bits = f"{int.from_bytes(sha256(account).digest(), 'big'):0256b}"
            self.assertEqual(by_work.admits_by_work(account), bits.startswith("00000"))
            self.assertTrue(genesis().admits_by_work(account))
        self.assertTrue(any(map(by_work.admits_by_work, accounts)))
        invited = genesis(1, Admission("invited", accounts=tuple(accounts[:2])))
        self.assertTrue(invited.admits_at_start(accounts[1]))
        self.assertFalse(invited.admits_at_start(accounts[2]))
        self.assertTrue(genesis().admits_at_start(accounts[2]))

    @given(damaged(*_texts))
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes give a genesis with exactly that text, or an error."""
        read = self.assert_value_or_refused(decode_genesis, raw)
        if read is not None:
            self.assertEqual(read.text, raw)
            msgspec.to_builtins(read)
