"""The command line of the plugin."""

from __future__ import annotations

from pathlib import Path

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from cloudnode import __version__
from cloudnode.service.config import Config, UdpAddress
from cloudnode.service.options import Options


class OptionsTests(SynchronousTestCase):
    def parse(self, *arguments: str, **environ: str) -> Config:
        options = Options(environ, Path("/home/someone"))
        options.parseOptions(list(arguments))
        return options.config

    def refusal(self, *arguments: str) -> str:
        line = str(self.assertRaises(UsageError, self.parse, *arguments))
        self.assertNotIn("\n", line)
        return line

    def test_no_option(self) -> None:
        """No option is needed."""
        self.assertEqual(self.parse(), Config(datadir=Path("/home/someone/.local/share/cloudnode")))
        self.assertEqual(self.parse(STATE_DIRECTORY="/var/lib/x").datadir, Path("/var/lib/x"))

    def test_all_options(self) -> None:
        """Interfaces may be given several times and replace the defaults."""
        config = self.parse(
            *("--datadir", "/d", "--http", "tcp:1", "--http", "tcp:2", "--ws", "none"),
            *("--ws-udp", "127.0.0.1:3", "--ws-udp", "4", "--log-format", "json", "--log-level", "debug"),
        )
        self.assertEqual((config.datadir, config.http, config.ws), (Path("/d"), ("tcp:1", "tcp:2"), ()))
        self.assertEqual(config.ws_udp, (UdpAddress("127.0.0.1", 3), UdpAddress("0.0.0.0", 4)))
        self.assertEqual((config.log_format, config.log_level), ("json", "debug"))

    def test_file(self) -> None:
        """The command line wins over the file."""
        file = Path(self.mktemp())
        file.write_text('log-level = "warn"\nlog-format = "json"')
        config = self.parse("--config", str(file), "--log-level", "error")
        self.assertEqual((config.log_level, config.log_format), ("error", "json"))

    def test_wrong_values(self) -> None:
        """A wrong value, option or argument ends with one line that names it."""
        self.assertIn("--http: 'tcp:'", self.refusal("--http", "tcp:"))
        self.assertIn("--speed", self.refusal("--speed", "9").replace("option ", ""))
        self.assertEqual(self.refusal("start"), "unexpected argument 'start'")
        self.assertIn("cannot read /nonexistent", self.refusal("--config", "/nonexistent"))

    def test_help(self) -> None:
        """The help names every option and fits a terminal."""
        text = str(Options({}, Path("/")))
        for name in ("datadir", "http", "ws", "ws-udp", "config", "log-format", "log-level", "version"):
            self.assertIn(f"--{name}", text)
        self.assertEqual([line for line in text.splitlines() if len(line) > 100 or "  the" in line], [])

    def test_version(self) -> None:
        """The version is the node's, not Twisted's."""
        shown: list[str] = []
        self.patch(__import__("builtins"), "print", shown.append)
        self.assertRaises(SystemExit, self.parse, "--version")
        self.assertEqual(shown, [f"cloudnode {__version__}"])
