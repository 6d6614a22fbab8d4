"""Every block of code in the documents is executed by a test, or says why not; links lead somewhere."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.arguments import make_parser
from tests.documents import KINDS, ROOT, all_blocks, documents


class BlockTests(SynchronousTestCase):
    def test_marked(self) -> None:
        """Each block has a mark that is one of the forms there are."""
        wrong = []
        for block in all_blocks():
            mark = block.mark or ""
            known = block.kind in KINDS or block.kind == "file" or mark == "output"
            if not known and not re.fullmatch(r"not executed: .{5,}", mark):
                wrong.append(f"{block}: {mark or 'unmarked'}")
        self.assertEqual(wrong, [], "mark these blocks as tests/documents.py says")

    def test_output(self) -> None:
        """What a block prints stands after one that is executed."""
        before = None
        for block in all_blocks():
            if block.mark == "output":
                assert before is not None
                self.assertEqual((before.document, before.kind in KINDS), (block.document, True), str(block))
            before = block

    def test_files(self) -> None:
        """A block that shows a file shows it as it is."""
        for block in all_blocks():
            if block.kind == "file":
                (path,) = block.words
                self.assertEqual(block.text, (ROOT / path).read_text(), f"{block} is not {path}")

    def test_some_are_executed(self) -> None:
        """Of every kind there are blocks, so that none is forgotten when the marks change."""
        self.assertEqual({block.kind for block in all_blocks()} - {None, "file"}, KINDS)


class LinkTests(SynchronousTestCase):
    def test_files(self) -> None:
        """Links to files of the checkout lead to files, and to headings that are there."""
        wrong = []
        for path in documents():
            for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
                name, _, heading = target.partition("#")
                if "://" in target:
                    continue
                aim = path.parent / name if name else path
                if not aim.exists() or (heading and aim.suffix == ".md" and heading not in _headings(aim.read_text())):
                    wrong.append(f"{path.name}: {target}")
        self.assertEqual(wrong, [])

    def test_documents_are_listed(self) -> None:
        """README names every document in docs/."""
        readme = (ROOT / "README.md").read_text()
        missing = [path.name for path in (ROOT / "docs").glob("*.md") if f"docs/{path.name}" not in readme]
        self.assertEqual(missing, [])

    def test_commands(self) -> None:
        """docs/cli.md names every command and every option for all of them."""
        text = (ROOT / "docs" / "cli.md").read_text()
        parser = make_parser()
        (commands,) = (action for action in parser._actions if action.dest == "command")
        assert commands.choices is not None
        options = [option for action in parser._actions for option in action.option_strings if option[:2] == "--"]
        missing = [word for word in (*commands.choices, *options) if f"`{word}" not in text and f" {word}" not in text]
        self.assertEqual(missing, [])


def _headings(text: str) -> set[str]:
    """The anchors of a document's headings, as they are made from their texts."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
