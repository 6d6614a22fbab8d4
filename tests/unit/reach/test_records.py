"""Keeping and telling STUN data."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.stundata import (
    ENDPOINTS_MAX,
    CertificateHash,
    Endpoint,
    NatKind,
    SignedStunData,
    StunData,
    read_stun_data,
    sign_stun_data,
)
from cloudnode.reach import records
from cloudnode.reach.own import RENEW_SECONDS, OwnStunData
from cloudnode.reach.records import StunRecordBook
from cloudnode.reach.sightings import KEPT_SECONDS, NODES_MAX, OF_ONE_NODE_MAX, Place, Sightings
from cloudnode.reach.stunfile import SAVE_SECONDS, StunFile, make_stun_file
from tests.unit.store.network import make_key

NETWORK = b"\x11" * 32
NOW = 1_790_000_000.0
OBSERVER = make_key(9).public


def record(number: int, sequence: int = 1, issued: float = NOW, lifetime: int = 3600, port: int = 1) -> SignedStunData:
    """The record of a node with that number."""
    key = make_key(number)
    endpoints = (Endpoint("udp", "203.0.113.7", port, OBSERVER),)
    return sign_stun_data(
        key, StunData(NETWORK, key.public, sequence, int(issued), int(issued) + lifetime, endpoints)
    )  # fmt: skip


class BookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.book = StunRecordBook(NETWORK, make_key(1).public)

    def learn(self, told: SignedStunData, teller: bytes = b"\2" * 32) -> SignedStunData | None:
        return self.book.learn(told.encode(), teller, NOW)

    def test_newest_counts(self) -> None:
        """The greater sequence of a node stays, whichever comes first; the same again is no news."""
        for sequence, is_news in ((5, True), (5, False), (4, False), (6, True)):
            self.assertEqual(self.learn(record(2, sequence)) is not None, is_news)
        kept = self.book.get(make_key(2).public)
        assert kept is not None
        self.assertEqual((kept.data.sequence, len(self.book)), (6, 1))

    def test_own(self) -> None:
        """What others say that this node said is not kept."""
        self.assertIsNone(self.learn(record(1)))

    def test_refused(self) -> None:
        """What is not signed by its node, or does not count now, is refused by name, and what is known stays."""
        self.learn(record(2, 5))
        forged = record(2, 7).raw + record(2, 8).signature
        for encoded, code in (
            (forged, "stun_data_signature"),
            (b"", "stun_data_malformed"),
            (record(2, 9, NOW - 4000).encode(), "stun_data_expired"),
            (record(2, 9, NOW + 4000).encode(), "stun_data_future"),
        ):
            with self.assertRaises(LedgerError) as caught:
                self.book.learn(encoded, b"", NOW)
            self.assertEqual(caught.exception.code, code)
        kept = self.book.get(make_key(2).public)
        assert kept is not None
        self.assertEqual(kept.data.sequence, 5)

    def test_expires(self) -> None:
        """A record is forgotten when its time is over."""
        self.learn(record(2, lifetime=60))
        self.learn(record(3))
        self.book.expire(NOW + 61)
        self.assertEqual([each.data.node for each in self.book], [make_key(3).public])

    def test_bounds(self) -> None:
        """One teller fills a part of the book at most, all tellers the whole; what nodes say of themselves stays."""
        self.patch(records, "RECORDS_MAX", 10)
        self.patch(records, "OF_ONE_TELLER_MAX", 4)
        own_word = record(50, lifetime=100)
        self.learn(own_word, own_word.data.node)
        for number in range(2, 10):
            self.learn(record(number))
        self.assertEqual(len(self.book), 5)
        for number in range(10, 40):
            self.learn(record(number), bytes((number,)) * 32)
        self.assertEqual(len(self.book), 10)
        self.assertIsNotNone(self.book.get(own_word.data.node))
        # A node that is known can always tell news of itself.
        self.assertIsNotNone(self.learn(record(50, 2), own_word.data.node))


class SightingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.seen = Sightings()

    def test_seen(self) -> None:
        """A place is told with the first and the last time; an old one is forgotten."""
        place = Place("udp", "203.0.113.7", 1)
        self.seen.saw(OBSERVER, place, NOW)
        self.seen.saw(OBSERVER, place, NOW + 15)
        [one] = self.seen.of(OBSERVER)
        self.assertEqual((one.place, one.first, one.last), (place, NOW, NOW + 15))
        self.seen.expire(NOW + 16 + KEPT_SECONDS)
        self.assertEqual(list(self.seen), [])

    def test_bounds(self) -> None:
        """The places of a node are bounded, and the nodes; those seen last stay."""
        for port in range(1, 100):
            self.seen.saw(OBSERVER, Place("tcp", "203.0.113.7", port), NOW)
        ports = [each.place.port for each in self.seen.of(OBSERVER)]
        self.assertEqual(ports, list(range(100 - OF_ONE_NODE_MAX, 100)))
        for number in range(NODES_MAX):
            self.seen.saw(number.to_bytes(32, "big"), Place("udp", "203.0.113.7", 1), NOW)
        self.assertEqual(len(self.seen), NODES_MAX)
        self.assertEqual(self.seen.of(OBSERVER), [])


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def open(self, now: float = NOW, network: bytes = NETWORK) -> tuple[StunRecordBook, Sightings, StunFile]:
        return make_stun_file(self.path, network, make_key(1).public, lambda: now)

    def test_restart(self) -> None:
        """What was known is known after a restart, as far as it counts still; the sequence grows on."""
        book, seen, file = self.open()
        book.learn(record(2).encode(), b"\2" * 32, NOW)
        book.learn(record(3, lifetime=10).encode(), b"\2" * 32, NOW)
        seen.saw(OBSERVER, Place("udp", "203.0.113.7", 1), NOW)
        first = file.next_sequence(NOW)
        file.save()
        book, seen, file = self.open(NOW + 60)
        self.assertEqual([each.data.node for each in book], [make_key(2).public])
        self.assertEqual([each.place.port for each in seen], [1])
        # Even if the clock went back.
        self.assertEqual(file.next_sequence(NOW - 100_000), first + 1)
        _, seen, _ = self.open(NOW + 2 * KEPT_SECONDS)
        self.assertEqual(list(seen), [])

    def test_saved_in_time(self) -> None:
        """What changes is saved, but not each time."""
        _, seen, file = self.open()
        file.time_passed(NOW)
        self.assertFalse(self.path.exists())
        seen.saw(OBSERVER, Place("udp", "203.0.113.7", 1), NOW)
        file.time_passed(NOW)
        before = self.path.read_bytes()
        seen.saw(OBSERVER, Place("udp", "203.0.113.7", 2), NOW)
        file.time_passed(NOW + 1)
        self.assertEqual(self.path.read_bytes(), before)
        file.save_soon(NOW + 1)
        file.time_passed(NOW + 2)
        self.assertNotEqual(self.path.read_bytes(), before)
        before = self.path.read_bytes()
        seen.saw(OBSERVER, Place("udp", "203.0.113.7", 3), NOW)
        file.time_passed(NOW + 2 + SAVE_SECONDS)
        self.assertNotEqual(self.path.read_bytes(), before)

    def test_unusable(self) -> None:
        """A file that is damaged, of another network, or lies, is begun anew, with a warning that names it."""
        _, seen, file = self.open()
        seen.saw(OBSERVER, Place("udp", "203.0.113.7", 1), NOW)
        file.save()
        good = json.loads(self.path.read_bytes())
        for content in (
            b"", b"{", b"\xff", json.dumps({**good, "network": "22" * 32}).encode(),
            json.dumps({**good, "seen": [{**good["seen"][0], "port": 0}]}).encode(),
        ):  # fmt: skip
            self.path.write_bytes(content)
            book, seen, _ = self.open()
            self.assertEqual((len(book), len(seen)), (0, 0))

    def test_forged_record(self) -> None:
        """A record on disk is checked as any other; the rest of the file is used."""
        book, _, file = self.open()
        book.learn(record(2).encode(), b"", NOW)
        file.save()
        stored = json.loads(self.path.read_bytes())
        stored["records"] = [stored["records"][0][:-2] + "00", record(3).encode().hex()]
        self.path.write_text(json.dumps(stored))
        book, _, _ = self.open()
        self.assertEqual([each.data.node for each in book], [make_key(3).public])


class OwnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.endpoints: list[Endpoint] = []
        self.certificates: list[CertificateHash] = []
        sequence = iter(range(1, 100))
        self.own = OwnStunData(NETWORK, make_key(1), lambda: self.certificates, lambda now: next(sequence))
        self.own.add_source(lambda: self.endpoints)

    def renewed(self, now: float) -> StunData | None:
        new = self.own.renew(now)
        return None if new is None else read_stun_data(new.encode(), NETWORK).data

    def test_renewed(self) -> None:
        """A record is issued when something changes, and again before it expires; else it stays."""
        first = self.renewed(NOW)
        assert first is not None
        self.assertEqual((first.sequence, first.endpoints, first.expiry - first.issued), (1, (), 3600))
        self.assertIsNone(self.renewed(NOW + 1))
        self.endpoints.append(Endpoint("udp", "203.0.113.7", 1, OBSERVER))
        second = self.renewed(NOW + 1)
        assert second is not None
        self.assertEqual((second.sequence, len(second.endpoints)), (2, 1))
        self.own.nat = NatKind("endpoint-independent")
        self.assertIsNotNone(self.renewed(NOW + 2))
        self.certificates.append(CertificateHash(bytes(32), 0, 1, bytes(64)))
        self.assertIsNotNone(self.renewed(NOW + 3))
        self.assertIsNone(self.renewed(NOW + 3 + RENEW_SECONDS - 1))
        self.assertIsNotNone(self.renewed(NOW + 3 + RENEW_SECONDS))
        # A clock that went back makes the old one one of the future.
        self.assertIsNotNone(self.renewed(NOW - 5))

    def test_what_is_told(self) -> None:
        """Private addresses are left out, each place is told once, and of too many both protocols have their share."""
        self.endpoints += [
            Endpoint("udp", "10.0.0.1", 1, OBSERVER),
            *(Endpoint("udp", "203.0.113.7", port, OBSERVER) for port in range(1, 101)),
            Endpoint("udp", "203.0.113.7", 1, OBSERVER, "interface"),
            *(Endpoint("tcp", "203.0.113.7", port, OBSERVER) for port in range(1, 11)),
        ]
        told = self.renewed(NOW)
        assert told is not None
        self.assertEqual(len(told.endpoints), ENDPOINTS_MAX)
        self.assertEqual(len(set(told.endpoints)), ENDPOINTS_MAX)
        self.assertEqual(sum(each.protocol == "tcp" for each in told.endpoints), 10)
        self.assertEqual({each.address for each in told.endpoints}, {"203.0.113.7"})
        self.assertEqual(msgspec.structs.replace(told.endpoints[0], port=1).source, "stun")
