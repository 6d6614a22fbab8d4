"""What docs/operations.md says of settings is what the node takes."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.api.limits import Limits
from cloudnode.peers.limits import PeerSettings
from cloudnode.reach.settings import ReachSettings
from cloudnode.service.config import SETTINGS, Config, LedgerSettings, StunSettings, make_config

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text()


class OperationsDocumentTests(SynchronousTestCase):
    def test_example(self) -> None:
        """The example of a configuration file is taken, and its tables show the defaults."""
        [example] = re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
        file = Path(self.mktemp())
        file.write_text(example)
        config = make_config({}, {}, Path("/home/someone"), file)
        self.assertEqual(config.http[0], "tcp:38081:interface=127.0.0.1")
        self.assertEqual(len(config.ws_udp), 2)
        self.assertEqual((config.limits, config.ledger), (Limits(), LedgerSettings()))
        self.assertEqual((config.peers, config.reaching), (PeerSettings(), ReachSettings()))
        self.assertEqual(config.stun_limits, StunSettings())

    def test_settings(self) -> None:
        """The table has every setting, with the default that it has."""
        rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*?) \|", TEXT, re.MULTILINE))
        self.assertEqual(rows.keys() & set(SETTINGS), set(SETTINGS))
        config = Config(datadir=Path("/"))
        shown = [rows[name].strip("`") for name in ("http", "ws", "ws-udp", "log-format", "log-level")]
        self.assertEqual(
            shown,
            [*config.http, *config.ws, str(config.ws_udp[0].port), config.log_format, config.log_level],
        )
