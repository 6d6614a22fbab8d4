"""The data directory: first start, later starts, and everything that can be wrong with it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.keys import SigningKey, dump_key
from cloudnode.node import datadir
from cloudnode.node.datadir import Datadir, DatadirError, lone_genesis
from tests.unit.node.faultydisk import FaultyOs

NOW = 1_790_000_000.25


class Killed(BaseException):
    """The end of a process, which nothing catches."""


class DatadirTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "parent" / "data"
        numbers = count(1)
        self.random = lambda size: bytes([next(numbers)]) * size
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def open(self) -> Datadir:
        return Datadir.open(self.path, random=self.random, now=lambda: NOW)

    def make(self) -> Datadir:
        """Make the directory and give it free again."""
        made = self.open()
        made.close()
        return made

    def warnings(self) -> list[str]:
        return [event["log_format"] for event in self.events if event["log_level"].name == "warn"]

    def refusal(self) -> str:
        """The text of the error that opening ends with: one line which names the directory."""
        text = str(self.assertRaises(DatadirError, self.open))
        self.assertNotIn("\n", text)
        self.assertIn(str(self.path), text)
        return text

    def test_first_start(self) -> None:
        """A first start makes two different keys and a genesis whose only validator is this node."""
        made = self.make()
        self.assertTrue(made.created)
        self.assertEqual(made.node_key.public, SigningKey(b"\1" * 32).public)
        self.assertEqual(made.validator_key.public, SigningKey(b"\2" * 32).public)
        self.assertEqual(made.genesis.validators, (made.validator_key.public,))
        self.assertEqual(made.genesis.time, 1_790_000_000_250)
        self.assertEqual(self.warnings(), [])

    def test_modes(self) -> None:
        """Nobody else can enter the directory or read its files, whatever the umask is."""
        self.addCleanup(os.umask, os.umask(0))
        self.make()
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o700)
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in self.path.iterdir()}
        self.assertEqual(modes, dict.fromkeys(("genesis.json", "journal", "lock", "node.key", "validator.key"), 0o600))

    def test_later_start(self) -> None:
        """A later start finds the same keys and the same network, and makes nothing."""
        first, second = self.make(), self.make()
        self.assertFalse(second.created)
        self.assertEqual(first.genesis, second.genesis)
        self.assertEqual(first.node_key.seed, second.node_key.seed)
        self.assertEqual(first.validator_key.seed, second.validator_key.seed)

    def test_paths(self) -> None:
        """The path is absolute, and the other parts' files lie in it."""
        made = self.make()
        self.assertTrue(made.path.is_absolute())
        self.assertEqual(made.database, made.path / "ledger.sqlite3")
        self.assertEqual(made.tls, made.path / "tls")

    def test_interrupted_first_start(self) -> None:
        """What a first start got done before it was interrupted is kept."""
        first = self.make()
        (self.path / "genesis.json").unlink()
        (self.path / "genesis.json.new").write_text("half of a gen")
        second = self.make()
        self.assertTrue(second.created)
        self.assertEqual(first.validator_key.seed, second.validator_key.seed)
        self.assertEqual(first.genesis, second.genesis)
        self.assertFalse((self.path / "genesis.json.new").exists())

    def test_killed_at_each_point(self) -> None:
        """Killed before or after any write of a first start, it goes on from what is durable; a genesis is never there
        without the keys and the journal of what it completes."""
        points: list[str] = []
        self.killed_at: int | None = None
        self.patch(datadir, "os", FaultyOs(lambda name, path, call: self.perform(points, name, path, call)))
        self.make()
        names = ("node.key", "validator.key", "journal", "genesis.json")
        writes = [f"fsync {name}.new|rename {name}|fsync data".split("|") for name in names]
        self.assertEqual(points, [call for write in writes for call in write])
        for number in range(2 * len(points)):
            shutil.rmtree(self.path)
            points.clear()
            self.killed_at = number
            self.assertRaises(Killed, self.make)
            left = {name: (self.path / name).read_bytes() for name in names if (self.path / name).exists()}
            self.assertEqual(list(left), list(names)[: len(left)], number)
            self.killed_at = None
            made = self.make()
            self.assertEqual(made.created, len(left) < len(names))
            for name, content in left.items():
                self.assertEqual((self.path / name).read_bytes(), content, number)
            self.assertEqual({each.name for each in self.path.iterdir()}, {*names, "lock"})

    def perform(self, points: list[str], name: str, path: str, call: Callable[[], Any]) -> Any:
        """Make a call, or die before it (even numbers) or after it (odd ones)."""
        if Path(path).name == "lock":
            return call()  # the system's, which frees it with the process
        number = 2 * len(points)
        points.append(f"{name} {Path(path).name}")
        if self.killed_at == number:
            raise Killed
        result = call()
        if self.killed_at == number + 1:
            raise Killed
        return result

    def test_second_user(self) -> None:
        """While it is open it is refused by its path and the id of the process that holds it."""
        first = self.open()
        self.addCleanup(first.close)
        text = self.refusal()
        self.assertIn(f"in use by process {os.getpid()}", text)

    def test_free_again(self) -> None:
        """After close, and after a failed open, the directory is free and the lock names nobody."""
        self.make()
        self.assertEqual((self.path / "lock").read_text(), "")
        (self.path / "node.key").write_text("nonsense")
        self.refusal()
        self.assertIn("node.key", self.refusal())

    def test_open_key_is_closed(self) -> None:
        """A key that others can read is closed to them, with a warning that they may know it."""
        self.make()
        (self.path / "validator.key").chmod(0o644)
        self.make()
        self.assertEqual(stat.S_IMODE((self.path / "validator.key").stat().st_mode), 0o600)
        [warning] = self.warnings()
        self.assertIn("they may know the key", warning)

    def test_open_directory_is_closed(self) -> None:
        """A directory that others can enter is closed to them, with a warning."""
        self.path.mkdir(parents=True)
        self.path.chmod(0o755)
        self.make()
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o700)
        self.assertEqual(len(self.warnings()), 1)

    def test_not_a_directory(self) -> None:
        """A file in its place is an error with the system's reason."""
        self.path.parent.mkdir(parents=True)
        self.path.touch()
        self.assertIn("cannot make the data directory", self.refusal())

    def test_unusable_parent(self) -> None:
        """A parent in which nothing can be made is an error with the system's reason."""
        self.path.parent.parent.mkdir(parents=True)
        self.path.parent.touch()
        self.assertIn("cannot make the data directory", self.refusal())

    def test_malformed_files(self) -> None:
        """A key or genesis that is not one is named and left as it is."""
        for name, content in (
            ("node.key", b"00" * 31 + b"\n"),
            ("validator.key", b"\xff" * 64),
            ("genesis.json", b"{}"),
            ("genesis.json", b" " * (1 << 21)),
        ):
            self.make()
            file = self.path / name
            kept = file.read_bytes()
            file.write_bytes(content)
            self.assertIn(f"{file} is not a", self.refusal())
            self.assertEqual(file.read_bytes(), content)
            file.write_bytes(kept)

    def test_missing_parts(self) -> None:
        """No part that is missing beside a network or a ledger is made anew."""
        self.make()
        for name in ("node.key", "validator.key"):
            content = (self.path / name).read_bytes()
            (self.path / name).unlink()
            self.assertIn(f"no {name}: put it back", self.refusal())
            (self.path / name).write_bytes(content)
        (self.path / "genesis.json").unlink()
        (self.path / "ledger.sqlite3").touch()
        self.assertIn("no genesis.json: put it back", self.refusal())

    def test_other_validator_key(self) -> None:
        """A directory whose validator key the genesis does not name is a follower's."""
        self.make()
        (self.path / "validator.key").write_text(dump_key(SigningKey(b"\x77" * 32)))
        opened = self.open()
        self.addCleanup(opened.close)
        self.assertNotIn(opened.validator_key.public, opened.genesis.validators)

    def test_joined(self) -> None:
        """A directory that was prepared without a network takes the genesis that it is given, and keeps it."""
        prepared = Datadir.prepare(self.path)
        self.assertIsNone(prepared.genesis)
        genesis = lone_genesis(SigningKey(b"\x77" * 32), 1_790_000_000)
        prepared.complete(genesis).close()
        again = Datadir.prepare(self.path)
        self.addCleanup(again.close)
        assert again.genesis is not None
        self.assertEqual(again.genesis.network, genesis.network)

    def test_write_fails(self) -> None:
        """A file that can't be written is an error with the system's reason, and nothing half is left."""
        self.path.mkdir(parents=True, mode=0o700)
        (self.path / "node.key.new").mkdir()
        self.assertIn("cannot write", self.refusal())
        self.assertFalse((self.path / "node.key").exists())
