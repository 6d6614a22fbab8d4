"""URLs of nodes, and whose certificates are taken there."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.address import AddressInvalid, NodeAddress, parse_url
from cloudnode.client.trust import Trust, choose_trust


class UrlTests(SynchronousTestCase):
    """What names a node and what does not."""

    def test_default_ports(self) -> None:
        """Each scheme has its default port."""
        self.assertEqual(parse_url("http://h"), NodeAddress("http", "h", 38081, "/"))
        self.assertEqual(parse_url("wss://h/").port, 38082)
        self.assertEqual(parse_url("ws+udp://h").port, 38083)

    def test_parts(self) -> None:
        """Port, path and an IPv6 address are taken apart, and put together again."""
        address = parse_url("ws://[::1]:99/ws")
        self.assertEqual((address.host, address.port, address.path), ("::1", 99, "/ws"))
        self.assertEqual(str(address), "ws://[::1]:99/ws")
        self.assertEqual(str(parse_url("http://h:1/")), "http://h:1")

    def test_refused(self) -> None:
        """Anything else is refused by a line that shows what a URL looks like."""
        for url in ("", "h:1", "ftp://h", "ws://", "http://u@h", "ws://h:x", "ws://h:99999", "http://h/?a", "http://[::1"):
            error = self.assertRaises(AddressInvalid, parse_url, url)
            self.assertIn("URL" if "is no URL" in str(error) else "ws://127.0.0.1:38082", str(error))


class TrustTests(SynchronousTestCase):
    """Which certificate is taken."""

    def test_rule(self) -> None:
        """A hash counts alone; without it this machine is trusted and others need an authority."""
        self.assertEqual(choose_trust("example.org", b"h"), Trust(b"h", authorities=False))
        self.assertEqual(choose_trust("localhost", None), Trust(None, authorities=False))
        self.assertEqual(choose_trust("127.0.0.9", None), Trust(None, authorities=False))
        self.assertEqual(choose_trust("::1", None), Trust(None, authorities=False))
        self.assertEqual(choose_trust("example.org", None), Trust(None, authorities=True))
        self.assertEqual(choose_trust("10.0.0.1", None), Trust(None, authorities=True))
