"""The command line's grammar and its completion."""

from __future__ import annotations

import contextlib
import io
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.arguments import make_parser
from cloudnode.cli.commands.completion import bash_script, fish_script, parts, zsh_script


class GrammarTests(SynchronousTestCase):
    def refuse(self, *words: str) -> None:
        with self.assertRaises(SystemExit) as caught, contextlib.redirect_stderr(io.StringIO()):
            make_parser().parse_args(words)
        self.assertEqual(caught.exception.code, 2)


    def test_global_options_anywhere(self) -> None:
        """Options for all commands stand before or after the command, and neither undoes the other."""
        parser = make_parser()
        for words in (
            ["--json", "--node", "ws://h", "key", "show"],
            ["key", "show", "--node", "ws://h", "--json"],
            ["--json", "key", "--node", "ws://h", "show"],
        ):
            arguments = parser.parse_args(words)
            self.assertTrue(arguments.json)
            self.assertEqual(arguments.nodes, ["ws://h"])
        self.assertFalse(hasattr(parser.parse_args(["key", "show"]), "json"))

    def test_nodes(self) -> None:
        """All nodes that are named count, before the command, between its words and after them."""
        parser = make_parser()
        words = ["--node", "ws://a", "--node", "ws://b", "key", "--node", "ws://c", "show", "--node", "ws://d"]
        self.assertEqual(parser.parse_args(words).nodes, ["ws://a", "ws://b", "ws://c", "ws://d"])
        self.assertEqual(parser.parse_args(["status", "--node", "ws://a"]).nodes, ["ws://a"])
        self.assertFalse(hasattr(parser.parse_args(["status"]), "nodes"))

    def test_refused(self) -> None:
        """Wrong words end with status 2."""
        self.refuse()
        self.refuse("nix")
        self.refuse("key")
        self.refuse("rate", "a/b/c", "6")
        self.refuse("list", "--mine", "--account", "x")
        self.refuse("watch", "nix")
        self.refuse("watch", "--resume", "--after", "1:0")
        self.refuse("status", "--network", "ab")
        self.refuse("put", "a", "b", "1", "--wait", "long")
        self.refuse("--nod", "ws://h", "status")

    def test_every_command_is_there(self) -> None:
        """Each command of the grammar has its module with ``run``, and help with examples where it takes words."""
        from importlib import import_module

        for part in parts()[1:]:
            self.assertTrue(callable(import_module(f"cloudnode.cli.commands.{part.name}").run))


class CompletionTests(SynchronousTestCase):
    def complete(self, *words: str) -> set[str]:
        """What bash offers for a line whose last word is being typed."""
        line = " ".join(f"'{word}'" for word in words)
        script = (
            f"{bash_script()}\nCOMP_WORDS=({line})\nCOMP_CWORD={len(words) - 1}\n_cloudnode\n"
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd="/")
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_bash(self) -> None:
        """bash completes commands, their options, values of options, and the API's methods."""
        self.assertEqual(self.complete("cloudnode", "st"), {"status"})
        self.assertEqual(self.complete("cloudnode", "--json", "--node", "ws://h", "li"), {"list"})
        self.assertEqual(self.complete("cloudnode", "put", "--wait", ""), {"accepted", "final"})
        self.assertLess({"new", "show", "path", "--force"}, self.complete("cloudnode", "key", ""))
        self.assertEqual(self.complete("cloudnode", "call", "getdata"), {"getdatahash"})
        self.assertEqual(self.complete("cloudnode", "list", "--be"), {"--best"})

    def test_others(self) -> None:
        """The scripts for zsh and fish name every command and option."""
        zsh, fish = zsh_script(), fish_script()
        for part in parts():
            for candidate in (*part.words, *part.flags):
                self.assertIn(candidate.text, zsh)
                self.assertIn(candidate.text.removeprefix("--"), fish)
