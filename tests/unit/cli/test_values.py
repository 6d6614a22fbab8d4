"""From words to values."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli import values
from cloudnode.cli.exits import CommandError


class ArgumentTests(SynchronousTestCase):
    """Values of single arguments."""

    def test_good(self) -> None:
        """What each takes."""
        self.assertEqual(values.cursor("12:3"), {"height": 12, "index": 3})
        self.assertEqual(values.page_cursor("1,2"), [1, 2])
        self.assertEqual(values.page_cursor("1,2,3"), [1, 2, 3])
        self.assertEqual(values.stars("5"), 5)
        self.assertEqual(values.count("10"), 10)
        self.assertEqual(values.seconds("0.5"), 0.5)
        self.assertEqual(values.sha256_hash("AB:" * 31 + "ab"), b"\xab" * 32)

    def test_bad(self) -> None:
        """What none takes."""
        refused = {
            values.cursor: ("12", "a:1", "1:-1", "", "1:2:3", "\u0661:1"),
            values.page_cursor: ("1", "1,2,3,4", "1,", "a,b"),
            values.stars: ("0", "6", "1.5", "five", ""),
            values.count: ("0", "-1", "1.5", "x", "\u0663"),
            values.seconds: ("0", "-1", "x", "inf", "nan"),
            values.sha256_hash: ("", "zz" * 32, "ab" * 31),
        }
        for kind, words in refused.items():
            for word in words:
                with self.assertRaises(argparse.ArgumentTypeError, msg=word):
                    kind(word)


class DataTests(SynchronousTestCase):
    """DATA, @file and -."""

    def test_sources(self) -> None:
        """The argument itself, a file, or standard input."""
        path = Path(self.mktemp())
        path.write_bytes(b"[1]")
        self.assertEqual(values.read_content("[0]"), b"[0]")
        self.assertEqual(values.read_content(f"@{path}"), b"[1]")
        self.assertEqual(values.read_content("-", io.StringIO("[2]")), b"[2]")

    def test_missing_file(self) -> None:
        """A missing file is named."""
        with self.assertRaises(CommandError) as caught:
            values.read_content("@/nowhere/at/all")
        self.assertIn("/nowhere/at/all", caught.exception.message)

    def test_json(self) -> None:
        """JSON is kept as it is written."""
        self.assertEqual(values.json_data(b' {"b" : 1}\n'), b'{"b" : 1}')
        for text in (b"", b"hello", b"{", b'"\xff"'):
            with self.assertRaises(CommandError):
                values.json_data(text)


class ParamsTests(SynchronousTestCase):
    """Parameters of a call."""

    def test_whole(self) -> None:
        """One JSON object or array."""
        self.assertEqual(values.call_params(['{"a": 1}'], None), {"a": 1})
        self.assertEqual(values.call_params(["[1]"], None), [1])
        self.assertEqual(values.call_params(["-"], None, io.StringIO("[1]")), [1])
        self.assertIsNone(values.call_params([], None))

    def test_named(self) -> None:
        """Without types, a value is JSON if it can be; with them, as the method wants it."""
        words = ["a=1", "b=x=y", "c=null", "d=[1]", "e="]
        self.assertEqual(values.call_params(words, None), {"a": 1, "b": "x=y", "c": None, "d": [1], "e": ""})
        self.assertEqual(values.call_params(["a=1", "b=1"], {"a": str, "b": int}), {"a": "1", "b": 1})

    def test_refused(self) -> None:
        """Anything else is a usage error."""
        for words in (["x"], ["=1"], ["{"], ["@/nowhere/at/all"], ["{}", "a=1"]):
            with self.assertRaises(CommandError, msg=str(words)):
                values.call_params(words, None)
