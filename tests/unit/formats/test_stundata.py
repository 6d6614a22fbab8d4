"""Signed STUN data."""

from __future__ import annotations

import msgspec
from hypothesis import given

from cloudnode.formats.errors import LocalError
from cloudnode.formats.stundata import (
    AHEAD_MAX,
    ENDPOINTS_MAX,
    STUN_DATA_BYTES_MAX,
    Endpoint,
    StunData,
    check_time,
    is_local,
    read_stun_data,
    sign_stun_data,
)
from tests.unit.formats.support import FormatTestCase, damaged, load
from tests.vectors.make_blocks import NODE
from tests.vectors.make_stundata import ISSUED, OBSERVER, full

VECTORS = load("stundata.json")
NETWORK = bytes.fromhex(VECTORS["network"])


class StunDataTests(FormatTestCase):
    def test_vectors(self) -> None:
        """The vectors' records are read, written and signed again; the bad ones are refused, each with its code."""
        for case in VECTORS["accepted"]:
            record = read_stun_data(bytes.fromhex(case["bytes"]), NETWORK)
            self.assertEqual(sign_stun_data(NODE, record.data).encode().hex(), case["bytes"])
            told = [(each.protocol, each.address, each.port, each.source) for each in record.data.endpoints]
            expected = [(each["protocol"], each["address"], each["port"], each["source"]) for each in case["endpoints"]]
            self.assertEqual(told, expected)
            self.assertEqual(msgspec.to_builtins(record.data.nat), case["nat"])
            self.assertEqual(str(record.data.sequence), case["sequence"])
        for case in VECTORS["refused"]:
            self.assert_refused(
                case["code"], read_stun_data, bytes.fromhex(case["bytes"]), NETWORK, name=case["name"]
            )  # fmt: skip

    def test_largest(self) -> None:
        """The most that a record may hold fits into the bytes that it may have; more is our own mistake."""
        endpoint = Endpoint("udp", "2001:db8::1", 1, OBSERVER)
        [certificate] = full().certificates
        most = msgspec.structs.replace(full(), endpoints=(endpoint,) * ENDPOINTS_MAX, certificates=(certificate,) * 4)
        self.assertLessEqual(len(sign_stun_data(NODE, most).encode()), STUN_DATA_BYTES_MAX)
        wrong: tuple[dict[str, object], ...] = (
            {"endpoints": (endpoint,) * (ENDPOINTS_MAX + 1)},
            {"certificates": (certificate,) * 5},
            {"endpoints": (Endpoint("udp", "192.168.0.1", 1, OBSERVER),)},
            {"expiry": ISSUED + 3601}, {"sequence": -1}, {"node": "x"},
        )  # fmt: skip
        for changes in wrong:
            self.assertRaises(LocalError, sign_stun_data, NODE, msgspec.structs.replace(full(), **changes))

    def test_time(self) -> None:
        """A record counts from a little before its issue, for clocks differ, until its expiry."""
        data = full()
        check_time(data, ISSUED - AHEAD_MAX)
        check_time(data, data.expiry)
        self.assert_refused("stun_data_future", check_time, data, ISSUED - AHEAD_MAX - 1)
        self.assert_refused("stun_data_expired", check_time, data, data.expiry + 1)

    def test_local(self) -> None:
        """Addresses that mean nothing elsewhere are told from those that do."""
        for text in ("127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.100.0.1", "169.254.1.1", "0.0.0.0",
                     "239.1.1.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1"):  # fmt: skip
            self.assertTrue(is_local(text), text)
        for text in ("8.8.8.8", "203.0.113.1", "172.32.0.1", "100.128.0.1", "2001:db8::1", "::ffff:8.8.8.8"):
            self.assertFalse(is_local(text), text)

    @given(damaged(*(bytes.fromhex(case["bytes"])[:-64] for case in VECTORS["accepted"])))
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes give a record that is written the same again, or an error."""
        data = self.assert_value_or_refused(StunData.decode, raw)
        if data is not None:
            self.assertEqual(data.encode(), raw)
