"""The key's file and the command ``key``."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.commands import key as key_command
from cloudnode.cli.exits import CommandError, Exit
from cloudnode.cli.keyfile import default_path, read_key, write_key
from tests.unit.cli.fakes import ACCOUNT, KEY, run_command


class PathTests(SynchronousTestCase):
    def test_default(self) -> None:
        """The environment's file, else the XDG place, else the one under HOME; a relative XDG path is ignored."""
        self.assertEqual(default_path({"CLOUDNODE_KEY": "k", "HOME": "/h"}), Path("k"))
        self.assertEqual(default_path({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}), Path("/x/cloudnode/key"))
        self.assertEqual(default_path({"XDG_CONFIG_HOME": "x", "HOME": "/h"}), Path("/h/.config/cloudnode/key"))
        self.assertRaises(CommandError, default_path, {})


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "sub" / "key"

    def refusal(self) -> str:
        with self.assertRaises(CommandError) as caught:
            read_key(self.path)
        return caught.exception.message

    def test_round_trip(self) -> None:
        """A key is written for its owner alone, in a directory that is made, and read back."""
        write_key(self.path, KEY, replace=False)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.path.parent.stat().st_mode), 0o700)
        self.assertEqual(read_key(self.path).public, KEY.public)
        self.assertEqual(os.listdir(self.path.parent), ["key"])

    def test_never_overwritten(self) -> None:
        """An existing file stays unless replacing is asked for."""
        self.path.parent.mkdir(parents=True)
        self.path.write_text("precious")
        with self.assertRaises(CommandError) as caught:
            write_key(self.path, KEY, replace=False)
        self.assertIn("--force", caught.exception.message)
        self.assertEqual(self.path.read_text(), "precious")
        self.assertEqual(os.listdir(self.path.parent), ["key"])
        write_key(self.path, KEY, replace=True)
        self.assertEqual(read_key(self.path).public, KEY.public)

    def test_missing(self) -> None:
        """A missing key comes with advice."""
        self.assertIn("cloudnode key new", self.refusal())

    def test_open_to_others(self) -> None:
        """A key that others may read is refused, with the command that closes it."""
        write_key(self.path, KEY, replace=False)
        self.path.chmod(0o640)
        self.assertIn(f"chmod 600 {self.path}", self.refusal())

    def test_no_key(self) -> None:
        """Something else is no key, and its text is not repeated."""
        write_key(self.path, KEY, replace=False)
        self.path.write_text("a secret that is no key")
        self.assertNotIn("secret", self.refusal())

    def test_no_file(self) -> None:
        """A directory or a pipe is no key, and nobody waits for it."""
        self.path.parent.mkdir(parents=True)
        os.mkfifo(self.path, 0o600)
        self.assertIn("not a file", self.refusal())


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()

    def test_show(self) -> None:
        """The account is shown, never the secret."""
        result = run_command(key_command, ["key", "show"], home=self.home)
        self.assertEqual((result.status, result.out), (Exit.OK, f"{ACCOUNT}\n"))
        result = run_command(key_command, ["key", "show", "--json"], home=self.home)
        self.assertEqual(json.loads(result.out), {"account": ACCOUNT, "path": str(self.home / "key")})

    def test_new(self) -> None:
        """A new key is made where there is none, and needs --force where there is one."""
        (self.home / "key-missing").touch()
        first = run_command(key_command, ["key", "new"], home=self.home)
        self.assertEqual(first.status, Exit.OK)
        self.assertEqual(run_command(key_command, ["key", "show"], home=self.home).out, first.out)
        self.assertEqual(run_command(key_command, ["key", "new"], home=self.home).status, Exit.USAGE)
        self.assertNotEqual(run_command(key_command, ["key", "new", "--force"], home=self.home).out, first.out)

    def test_path(self) -> None:
        """The place is told whether there is a key or not; --key names another."""
        result = run_command(key_command, ["key", "path", "--key", "/x/y"], home=self.home)
        self.assertEqual(result.out, "/x/y\n")
