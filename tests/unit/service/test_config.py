"""Where settings come from, which one wins, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.api.limits import Limits
from cloudnode.formats.checkpoint import Checkpoint
from cloudnode.peers.limits import PeerSettings
from cloudnode.peers.places import JoinAddress
from cloudnode.service.config import (
    Config,
    ConfigError,
    UdpAddress,
    default_datadir,
    make_config,
    parse_udp_address,
)

HOME = Path("/home/someone")


class DefaultDatadirTests(SynchronousTestCase):
    def test_state_directory(self) -> None:
        """Under systemd it is the state directory, the first one if there are several."""
        environ = {"STATE_DIRECTORY": "/var/lib/cloudnode:/var/lib/other", "XDG_DATA_HOME": "/xdg"}
        self.assertEqual(default_datadir(environ, HOME), Path("/var/lib/cloudnode"))

    def test_xdg(self) -> None:
        """Without systemd it is below the user's data home, where that is an absolute path."""
        self.assertEqual(default_datadir({"XDG_DATA_HOME": "/xdg"}, HOME), Path("/xdg/cloudnode"))
        for environ in ({}, {"XDG_DATA_HOME": ""}, {"XDG_DATA_HOME": "relative"}):
            self.assertEqual(default_datadir(environ, HOME), HOME / ".local/share/cloudnode")


class ConfigTests(SynchronousTestCase):
    def make(self, text: str | None = None, **given: Any) -> Config:
        """A config of TOML text and of command-line settings (``_`` for ``-``)."""
        file = None
        if text is not None:
            file = Path(self.mktemp())
            file.write_text(text)
        return make_config({name.replace("_", "-"): value for name, value in given.items()}, {}, HOME, file)

    def test_stun(self) -> None:
        """STUN is at one usual port unless told otherwise; a second address stands beside a single first one."""
        self.assertEqual((self.make().stun, self.make(stun="none").stun), (None, ()))
        config = self.make(stun=["192.0.2.1:3478"], stun_alternate="192.0.2.2")
        self.assertEqual(config.stun, (UdpAddress("192.0.2.1", 3478),))
        self.assertEqual(config.stun_alternate, UdpAddress("192.0.2.2", 3479))
        config = self.make(stun=["[2001:db8::1]:9"], stun_alternate="[2001:db8::2]:7")
        self.assertEqual(config.stun_alternate, UdpAddress("2001:db8::2", 7))
        self.assertEqual(self.make("[stun-limits]\nrequests_burst = 7\n").stun_limits.rate.requests_burst, 7)
        for stun, alternate, words in (
            ([], "192.0.2.2", "it goes with one address and port"),
            (["3478"], "192.0.2.2", "it goes with one address and port"),
            (["192.0.2.1:1", "192.0.2.3:1"], "192.0.2.2", "it goes with one address and port"),
            (["192.0.2.1:3478"], "192.0.2.1", "has to differ"),
            (["192.0.2.1:3478"], "192.0.2.2:3478", "has to differ"),
            (["192.0.2.1:3478"], "2001:db8::2", "of two families"),
            (["192.0.2.1:3478"], "elsewhere", "is not"),
        ):
            given = {"stun": stun} if stun else {}
            self.assertIn(words, self.refusal(stun_alternate=alternate, **given))

    def refusal(self, text: str | None = None, **given: Any) -> str:
        line = str(self.assertRaises(ConfigError, self.make, text, **given))
        self.assertNotIn("\n", line)
        return line

    def test_defaults(self) -> None:
        """Nothing needs to be set."""
        config = self.make()
        self.assertEqual(config, Config(datadir=HOME / ".local/share/cloudnode"))
        self.assertEqual(config.http, ("tcp:38081",))
        self.assertEqual(config.ws, ("tcp:38082",))
        self.assertEqual(config.ws_udp, (UdpAddress("0.0.0.0", 38083),))

    def test_file(self) -> None:
        """A file can set everything; a lone value may stand for a list of one."""
        config = self.make("""
            datadir = "/srv/node"
            http = ["tcp:1", "unix:/run/http"]
            ws = "none"
            ws-udp = ["127.0.0.1:5", 6]
            join = ["ws://node.example", "cloudnode:{node}@192.0.2.1:5"]
            checkpoint = "7:{checkpoint}"
            log-format = "json"
            log-level = "warn"
            [peers]
            outbound = 3
            [limits]
            message_bytes = 1000
            wait_seconds = 2
            trusted = []
        """.format(node="ab" * 32, checkpoint="cd" * 32))
        expected = Config(
            by_default=frozenset(),
            datadir=Path("/srv/node"),
            http=("tcp:1", "unix:/run/http"),
            ws=(),
            ws_udp=(UdpAddress("127.0.0.1", 5), UdpAddress("0.0.0.0", 6)),
            join=(
                JoinAddress("ws://node.example", "ws", "node.example", 38082),
                JoinAddress(f"cloudnode:{'ab' * 32}@192.0.2.1:5", "cloudnode", "192.0.2.1", 5, b"\xab" * 32),
            ),
            checkpoint=Checkpoint(7, b"\xcd" * 32),
            log_format="json",
            log_level="warn",
            peers=PeerSettings(outbound=3),
            limits=Limits(message_bytes=1000, wait_seconds=2.0, trusted=()),
        )
        self.assertEqual(config, expected)

    def test_by_default(self) -> None:
        """What nobody set is known, for that is served over both families; a file and the command line set things."""
        self.assertEqual(self.make("").by_default, {"http", "ws", "ws-udp"})
        self.assertEqual(self.make('http = "tcp:38081"').by_default, {"ws", "ws-udp"})
        self.assertEqual(self.make("", ws=["none"], ws_udp=["38083"]).by_default, {"http"})

    def test_command_line_wins(self) -> None:
        """A setting of the command line replaces that of the file as a whole."""
        config = self.make('http = ["tcp:1", "tcp:2"]\nlog-level = "warn"', http=["tcp:3"], log_format="json")
        self.assertEqual((config.http, config.log_level, config.log_format), (("tcp:3",), "warn", "json"))

    def test_relative_datadir(self) -> None:
        """A relative path is meant from the working directory, or from where the file is."""
        self.assertEqual(self.make(datadir="here").datadir, Path.cwd() / "here")
        file = Path(self.mktemp())
        file.write_text('datadir = "here"')
        self.assertEqual(make_config({}, {}, HOME, file).datadir, file.absolute().parent / "here")

    def test_none(self) -> None:
        """The word none, or an empty list in a file, switches an interface off."""
        config = self.make("http = []", ws=["none"], ws_udp=["none"])
        self.assertEqual((config.http, config.ws, config.ws_udp), ((), (), ()))
        self.assertIn("--ws: 'none' stands alone", self.refusal(ws=["none", "tcp:1"]))

    def test_unknown_keys(self) -> None:
        """A key that is not known is named, beside those that are."""
        self.assertIn("unknown key 'htpp' (known are datadir, http,", self.refusal("htpp = []"))
        self.assertIn("unknown key 'limits.speed'", self.refusal("[limits]\nspeed = 1"))

    def test_wrong_file(self) -> None:
        """A file that can't be read, or is not TOML, is named."""
        missing = Path("/nonexistent/cloudnode.toml")
        error = self.assertRaises(ConfigError, make_config, {}, {}, HOME, missing)
        self.assertEqual(str(error), f"cannot read {missing}: No such file or directory")
        self.assertIn("is not TOML: ", self.refusal("http = "))

    def test_wrong_values(self) -> None:
        """A wrong value is told with the place where it stands."""
        for given, line in (
            ({"http": ["tpc:1"]}, "--http: 'tpc:1' is not an endpoint to listen on"),
            ({"http": ["tcp:x"]}, "--http: 'tcp:x' is not an endpoint to listen on"),
            ({"ws": ["tcp"]}, "--ws: 'tcp' is not an endpoint to listen on"),
            ({"ws": ["ssl:443:privateKey=/none"]}, "--ws: 'ssl:443:privateKey=/none' is not an endpoint"),
            ({"ws_udp": ["x"]}, "--ws-udp: 'x' is not a UDP port"),
            ({"checkpoint": "7"}, "--checkpoint: '7' is not HEIGHT:HASH"),
            ({"log_format": "xml"}, "--log-format: 'xml' is not one of text, json"),
            ({"log_level": "loud"}, "--log-level: 'loud' is not one of debug, info, warn, error, critical"),
            ({"datadir": ""}, "--datadir: '' is not a path"),
        ):
            self.assertIn(line, self.refusal(**given))
        for text, line in (
            ("http = 1", ": http: 1 is not a text"),
            ("ws-udp = true", ": ws-udp: [True] is not a text"),
            ("checkpoint = 7", ": checkpoint: 7 is not a text, HEIGHT:HASH"),
            ("log-level = 3", ": log-level: 3 is not one of"),
            ("datadir = 3", ": datadir: 3 is not a path"),
            ("[ledger]\naudit_share = 3", ": ledger.audit_share: 3 can't be used (the default is 0.2)"),
            ("[ledger]\nspeed = 2", ": unknown key 'ledger.speed'"),
            ("limits = 3", ": limits: a table is expected"),
            ("[limits]\nmessage_bytes = 0", ": limits.message_bytes: 0 can't be used (the default is 1048576)"),
            ("[limits]\nmessage_bytes = true", ": limits.message_bytes: True can't be used"),
            ("[limits]\nmessage_bytes = 1.5", ": limits.message_bytes: 1.5 can't be used"),
            ('[limits]\nwait_seconds = "1"', ": limits.wait_seconds: '1' can't be used"),
            ('[limits]\ntrusted = ["x"]', ": limits.trusted: ['x'] can't be used (the default is [\"127."),
        ):
            self.assertIn(line, self.refusal(text))


class UdpAddressTests(SynchronousTestCase):
    def test_read(self) -> None:
        """A port alone is on all IPv4 addresses; an IPv6 address stands in brackets."""
        for text, expected in (
            ("0", UdpAddress("0.0.0.0", 0)),
            (":65535", UdpAddress("0.0.0.0", 65535)),
            ("10.0.0.1:38083", UdpAddress("10.0.0.1", 38083)),
            ("[::]:38083", UdpAddress("::", 38083)),
        ):
            self.assertEqual(parse_udp_address(text), expected)
            self.assertEqual(parse_udp_address(str(expected)), expected)

    def test_refuse(self) -> None:
        """Anything else is refused."""
        for text in ("", "x", "-1", "65536", "1.2.3:4", "host:4", "::1:4", "[x]:4", "1 ", "\u0661", "4:"):
            self.assertRaises(ValueError, parse_udp_address, text)
