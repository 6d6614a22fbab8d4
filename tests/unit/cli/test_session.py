"""Commands over several nodes: what is proven, who lied, where a watch goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloudnode.cli.bookmark import Bookmark, default_directory
from cloudnode.cli.commands import call, get, put, status, watch
from cloudnode.cli.commands import list as list_command
from cloudnode.cli.commands import search as search_command
from cloudnode.cli.exits import CommandError, Exit
from cloudnode.client.places import LogPlace
from tests.unit.cli.fakes import Result, run_command
from tests.unit.client.cloud.doors import CloudTestCase
from tests.unit.client.cloud.test_cloud import changed

NODES = ("--node", "ws://a:1", "--node", "ws://b:1")


class SessionCase(CloudTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = Path(self.mktemp())
        self.home.mkdir()

    def run_(
        self, module: Any, *words: str, verify: str = "proof", meanwhile: Callable[[], object] = lambda: None
    ) -> Result:
        return run_command(
            module, list(words), home=self.home, doors=self.doors, meanwhile=meanwhile,
            environment={"CLOUDNODE_VERIFY": verify, "CLOUDNODE_URL": "ws://a:1 ws://b:1"},
        )  # fmt: skip

    def notes(self, result: Result) -> list[dict[str, Any]]:
        return [json.loads(line)["note"] for line in result.err.splitlines()]


class CheckedTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.node.put("metropolis")
        self.node.clock.pump([0.1] * 20)  # the block that proves it
        self.film = self.node.address("metropolis")

    def test_proven(self) -> None:
        """Of what is proven nothing is said; of what is not, whose word it is."""
        result = self.run_(get, "get", self.film)
        self.assertEqual((result.status, result.err), (Exit.OK, ""))
        result = self.run_(list_command, "list")
        self.assertIn("metropolis", result.out)
        self.assertIn("not that none is missing); the rest is the word of ws://", result.err)
        result = self.run_(search_command, "search", "metropolis", "--json", verify="certificate")
        self.assertEqual(json.loads(result.out)["checked"], "certificate")
        (note,) = self.notes(result)
        self.assertEqual((note["code"], note["checked"]), ("not_proven", "certificate"))
        self.assertIn("whose block is final", note["message"])
        self.assertIn("Proven in part", self.run_(call, "call", "getratings", f"record={self.film}").err)

    def test_denied(self) -> None:
        """That something does not exist is proven too; with nothing checked it is not."""
        words = ("--json", "get", self.film + "2")
        for verify, checked in (("proof", "proof"), ("certificate", "none"), ("none", "none")):
            result = self.run_(get, *words, verify=verify)
            error = json.loads(result.err)["error"]
            self.assertEqual((result.status, error["checked"]), (Exit.NOT_FOUND, checked), verify)

    def test_verify(self) -> None:
        """How much is checked is said by option and environment, the option first; nonsense is refused."""
        self.assertIn("Not checked", self.run_(get, "get", self.film, "--verify", "none").err)
        self.assertIn("Not checked", self.run_(get, "get", self.film, verify="none").err)
        for verify in ("all", "quorum:1", "quorum:x"):
            result = self.run_(get, "get", self.film, "--verify", verify)
            self.assertEqual(result.status, Exit.USAGE)
            self.assertIn("quorum:K", result.err)
        result = self.run_(get, "get", self.film, "--network", "ab" * 32)
        self.assertEqual(result.status, Exit.NO_ANSWER)
        self.assertIn("not of abab", result.err)

    def test_written(self) -> None:
        """A write is proven before it counts."""
        result = self.run_(put, "put", "film", "1", "1", "--json")
        self.assertEqual(json.loads(result.out)["checked"], "proof")
        result = self.run_(put, "put", "film", "2", "1", verify="certificate")
        self.assertIn("by the word of the node", result.err)

    def test_read_your_writes(self) -> None:
        """A later command asks for what an earlier one wrote or saw, and what was not checked does not count."""
        cursor = json.loads(self.run_(put, "put", "film", "1", "1", "--json").out)["cursor"]
        for door in self.doors.values():
            door.asked.clear()
        result = self.run_(get, "get", "film/1")
        (request,) = result.asked("getrecord")
        self.assertGreaterEqual(request["context"]["min_height"], cursor["height"])
        self.a.lie = self.b.lie = lambda message: message.replace(b'"height":', b'"height":9')
        self.run_(list_command, "list", verify="none")
        self.a.lie = self.b.lie = lambda message: message
        self.assertEqual(self.run_(get, "get", "film/1").status, Exit.OK)
        # What a node is, is asked of it as it is.
        self.assertEqual(self.run_(status, "status").status, Exit.OK)

    def test_context(self) -> None:
        """The proof that a session asks for itself is shown to whoever asks for it."""
        told = json.loads(self.run_(call, "call", "getdatahash", "--context", "--json").out)
        self.assertEqual((told["checked"], told["context"].get("proof")), ("proof", None))
        self.assertTrue(json.loads(self.run_(call, "call", "getdatahash", "--proof", "--json").out)["context"]["proof"])

    def test_status(self) -> None:
        """Each node is shown, with its state proven or not."""
        self.assertEqual(self.run_(status, "status").out.count("proven to be what the validators signed"), 2)
        self.assertEqual(self.run_(status, "status", verify="none").out.count("not proven"), 2)


class LiarTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.node.put("metropolis")
        self.node.clock.pump([0.1] * 20)  # the block that proves it
        self.film = self.node.address("metropolis")

    def test_other_answers(self) -> None:
        """A liar is named, and another node answers."""
        self.a.lie = changed("data", lambda data: [data])
        result = self.run_(get, "get", self.film, "--json")
        while not result.err:  # which of the two is asked first is chosen at random
            result = self.run_(get, "get", self.film, "--json")
        self.assertEqual((result.status, json.loads(result.out)["ratings_sum"]), (Exit.OK, 0))
        (note,) = self.notes(result)
        self.assertEqual((note["code"], note["url"]), ("node_lied", "ws://a:1"))

    def test_all_lie(self) -> None:
        """If all lie there is no answer, and a status of its own."""
        self.a.lie = self.b.lie = changed("data", lambda data: [data])
        result = self.run_(get, "get", self.film)
        self.assertEqual((result.status, result.out), (Exit.LYING, ""))
        self.assertIn("answered getrecord falsely", result.err)


class WatchTests(SessionCase):
    def watch(self, *words: str, meanwhile: Callable[[], object] = lambda: None) -> Result:
        return self.run_(watch, "watch", *words, meanwhile=meanwhile)

    def writing(self, *actions: Callable[[], object]) -> Callable[[], None]:
        """Does one after the other, half a second apart."""
        tenths = iter([action for action in actions for _ in range(5)])
        done: list[object] = []

        def meanwhile() -> None:
            action = next(tenths, None)
            if action is not None and action not in done:
                done.append(action)
                action()

        return meanwhile

    def keys(self, result: Result) -> list[str]:
        return [json.loads(line)["key"] for line in result.out.splitlines()]

    def test_killed(self) -> None:
        """When the node that is watched is killed, the next one goes on."""
        killed: list[str] = []

        def kill() -> None:
            url = next(url for url, door in self.doors.items() if "subscribe" in door.methods())
            killed.append(url)
            self.doors[url].shut()

        actions = self.writing(lambda: self.node.put("one"), kill, lambda: self.node.put("two"))
        result = self.watch("--count", "2", "--json", meanwhile=actions)
        self.assertEqual((result.status, self.keys(result)), (Exit.OK, ["one", "two"]))
        watched = [note["url"] for note in self.notes(result) if note["code"] == "node_watched"]
        self.assertEqual(watched[0], killed[0])
        self.assertNotEqual(watched[1], killed[0])
        self.assertIn("node_lost", [note["code"] for note in self.notes(result)])

    def test_resume(self) -> None:
        """The next time it goes on after the last item shown, also of what came meanwhile."""
        first = self.watch(
            "--resume", "--json", "--count", "1", meanwhile=self.writing(lambda: self.node.put("one"))
        )
        self.node.put("two")
        self.node.put("three")
        second = self.watch("--resume", "--json", "--count", "2")
        self.assertEqual((first.status, second.status), (Exit.OK, Exit.OK), first.err + second.err)
        self.assertEqual(self.keys(first) + self.keys(second), ["one", "two", "three"])
        # Another subscription is another place.
        other = self.watch(
            "--resume", "--json", "--collection", "film", "--count", "1",
            meanwhile=self.writing(lambda: self.node.put("four")),
        )  # fmt: skip
        self.assertEqual(self.keys(other), ["four"])

    def test_malformed_item(self) -> None:
        """An item that is not of the documented form is shown as it came."""

        def lie(message: bytes) -> bytes:
            return message.replace(b'"collection":"film"', b'"collected":"\\u202e"')

        self.a.lie = self.b.lie = lie
        result = self.watch(
            "--count", "1", "--verify", "certificate", meanwhile=self.writing(lambda: self.node.put("one"))
        )
        self.assertEqual(result.status, Exit.OK)
        self.assertIn('"collected":"\\u202e"', result.out)


class BookmarkTests(CloudTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp())

    def open(self, network: str = "ab" * 32, topic: str = "records", **wanted: str) -> Bookmark:
        bookmark = Bookmark(self.directory, network, topic, wanted)
        self.addCleanup(bookmark.close)
        return bookmark

    def reopen(self, bookmark: Bookmark, **wanted: str) -> LogPlace | None:
        bookmark.close()
        again = Bookmark(self.directory, "ab" * 32, "records", wanted)
        again.close()
        return again.cursor

    def test_kept(self) -> None:
        """What was noted last is there the next time; it is private, and nothing else is left."""
        bookmark = Bookmark(self.directory, "ab" * 32, "records", {"ref": "x", "account": "y"})
        self.assertIsNone(bookmark.cursor)
        bookmark.note(LogPlace(1, 2))
        bookmark.note(LogPlace(3, 4))
        self.assertEqual(self.reopen(bookmark, account="y", ref="x"), LogPlace(3, 4))
        self.assertEqual(self.directory.stat().st_mode & 0o777, 0o700)
        self.assertEqual(sorted(path.suffix for path in self.directory.iterdir()), [".json", ".lock"])

    def test_others(self) -> None:
        """Network, topic and filter make another place."""
        self.open().note(LogPlace(1, 2))
        for other in (self.open(network="cd" * 32), self.open(topic="ratings"), self.open(collection="film")):
            self.assertIsNone(other.cursor)

    def test_held(self) -> None:
        """Two commands can't show the same."""
        self.open()
        self.assertIn("Another", self.assertRaises(CommandError, self.open).message)

    def test_damaged(self) -> None:
        """A file that is none is not overwritten; what is wrong is said."""
        bookmark = Bookmark(self.directory, "ab" * 32, "records", {})
        bookmark.note(LogPlace(1, 2))
        bookmark.close()
        good = json.loads(bookmark.path.read_text())
        for content in ("", "nix", "[]", json.dumps(good | {"network": "cd" * 32}), json.dumps(good | {"cursor": 1})):
            bookmark.path.write_text(content)
            self.assertIn("remove it", self.assertRaises(CommandError, self.open).message)
        bookmark.path.unlink()
        bookmark.path.mkdir()
        self.assertIn("Cannot read", self.assertRaises(CommandError, self.open).message)

    def test_directory(self) -> None:
        """It is where the system's conventions say, and a home is needed."""
        self.assertEqual(default_directory({"HOME": "/h"}), Path("/h/.local/state/cloudnode/watch"))
        self.assertEqual(default_directory({"HOME": "/h", "XDG_STATE_HOME": "/s"}), Path("/s/cloudnode/watch"))
        self.assertRaises(CommandError, default_directory, {})
