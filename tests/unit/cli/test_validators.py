"""``cloudnode validators``, against the API of a real ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cloudnode.cli.arguments import DEFAULT_URL
from cloudnode.cli.commands import validators
from cloudnode.cli.exits import Exit
from cloudnode.cli.keyfile import write_key
from cloudnode.formats.appointment import check_appoint
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Appoint, decode_operation
from tests.unit.api.network import NodeTestCase
from tests.unit.cli.fakes import KEY, Result, run_command
from tests.unit.client.cloud.doors import Door
from tests.unit.store.network import make_key

FOUR = [make_key(50 + number) for number in range(4)]


def hexes(keys: Sequence[SigningKey]) -> list[str]:
    return [key.public.hex() for key in keys]


class ValidatorsTests(NodeTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = Path(self.mktemp())
        self.home.mkdir()
        self.file = self.home / "new.json"
        for number, key in enumerate([make_key(1), *FOUR]):
            write_key(self.home / f"validator-{number}.key", key, replace=False)
        self.node.facts.interfaces = list  # type: ignore[method-assign]
        self.node.facts.peers = list  # type: ignore[method-assign]
        self.door = Door(self.node)

    def run_(self, *arguments: str) -> Result:
        self.door.asked.clear()
        return run_command(validators, ["validators", *arguments], home=self.home, doors={DEFAULT_URL: self.door})

    def propose(self, *words: str) -> Result:
        return self.run_("propose", str(self.file), *words)

    def approve(self, number: int, *words: str, file: Path | None = None) -> Result:
        key = self.home / f"validator-{number}.key"
        return self.run_("approve", str(file or self.file), "--validator-key", str(key), *words)

    def change(self, keys: Sequence[SigningKey]) -> Result:
        """Have the lone validator appoint others."""
        proposed = self.propose(*(word for key in hexes(keys) for word in ("--validator", key)))
        self.assertEqual(proposed.status, Exit.OK, proposed.err)
        self.assertEqual(self.approve(0).status, Exit.OK)
        submitted = self.run_("submit", str(self.file))
        self.file.unlink()
        return submitted

    def told(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.file.read_text())
        return value

    def test_whole_way(self) -> None:
        """Listed, proposed, approved and submitted, the new validators decide from the next height on."""
        listed = self.run_("list", "--json")
        self.assertEqual(json.loads(listed.out)["validators"], hexes([make_key(1)]))
        result = self.change(FOUR)
        self.assertEqual(result.status, Exit.OK, result.err)
        self.assertIn("epoch 1 begins above height", result.out)
        self.assertIn("have to run now", result.err)
        self.assertEqual([key.hex() for key in self.node.ledger.epoch.validators], hexes(FOUR))
        listed = self.run_("list")
        self.assertIn("epoch 1, from height", listed.out)
        self.assertIn("4 validators, 3 of them decide; 1 may fail", listed.out)
        self.assertIn(FOUR[3].public.hex(), listed.out)

    def test_changes(self) -> None:
        """Changes are made to the present list: what is taken away leaves its place, what is added comes last."""
        self.change(FOUR)
        new = make_key(60).public.hex()
        result = self.propose("--remove", hexes(FOUR)[1], "--add", new)
        self.assertEqual(result.status, Exit.OK, result.err)
        self.assertEqual(self.told()["validators"], [*hexes([FOUR[0], FOUR[2], FOUR[3]]), new])
        self.assertEqual((self.told()["epoch"], self.told()["present"]), (1, hexes(FOUR)))
        self.assertIn("goes", result.out)

    def test_no_fault_tolerated(self) -> None:
        """Two or three validators tolerate no fault, and that is said before anybody approves."""
        self.assertIn("no fault is tolerated", self.propose("--add", make_key(60).public.hex()).out)

    def test_missing_approvals(self) -> None:
        """As long as a quorum has not approved, submit says who is missing and sends nothing."""
        self.change(FOUR)
        self.propose("--remove", hexes(FOUR)[0])
        for number in (1, 3):
            self.assertEqual(self.approve(number).status, Exit.OK)
        result = self.run_("submit", str(self.file))
        self.assertEqual(result.status, Exit.REFUSED)
        self.assertIn("2 of 4 validators approve, and 3 have to. Missing: 1 (", result.err)
        self.assertIn(", 3 (", result.err)
        self.assertNotIn("submit", [request["method"] for request in result.requests])

    def test_copies_are_joined(self) -> None:
        """Each operator may approve a copy: submit counts the approvals of all, and sends what any node takes."""
        self.change(FOUR)
        self.propose("--remove", hexes(FOUR)[0])
        copies = [self.home / f"copy-{number}.json" for number in (1, 2, 4)]
        for number, copy in zip((1, 2, 4), copies, strict=True):
            copy.write_bytes(self.file.read_bytes())
            self.assertEqual(self.approve(number, "--offline", file=copy).status, Exit.OK)

        present = self.node.ledger.epoch
        result = self.run_("submit", *map(str, copies), "--timeout", "1")
        (params, *_) = (each["params"] for each in result.asked("submit"))
        body, signature = params["operation"].encode(), bytes.fromhex(params["signature"])
        operation = decode_operation(body, signature, self.node.genesis)
        assert isinstance(operation.action, Appoint)
        check_appoint(operation.action, present)
        self.assertEqual(operation.account, KEY.public)
        self.assertEqual([each.validator for each in operation.action.approvals], [0, 1, 3])

    def refused(self, result: Result, status: Exit, words: str) -> None:
        self.assertEqual(result.status, status, result.out)
        self.assertIn(words, result.err)

    def test_refused(self) -> None:
        """What can't be approved or proposed is said in one line."""
        self.refused(self.propose(), Exit.USAGE, "Name the new validators")
        key = make_key(60).public.hex()
        self.refused(self.propose("--validator", key, "--add", key), Exit.USAGE, "either all")
        self.refused(self.propose("--remove", key), Exit.USAGE, "is no validator")
        self.refused(self.propose("--add", hexes([make_key(1)])[0]), Exit.USAGE, "each named once")
        self.refused(self.propose("--remove", hexes([make_key(1)])[0]), Exit.USAGE, "1 to 1000 validators")
        self.refused(self.propose("--validator", hexes([make_key(1)])[0]), Exit.USAGE, "nothing to change")
        self.assertFalse(self.file.exists())
        self.propose("--add", key)
        self.refused(self.propose("--add", key), Exit.USAGE, "exists already")
        self.refused(self.approve(2), Exit.USAGE, "none of the present validators")
        self.refused(self.approve(9), Exit.USAGE, "validator.key")
        self.refused(self.run_("submit", str(self.home / "none.json")), Exit.USAGE, "Cannot read")

    def test_of_another_epoch(self) -> None:
        """A proposal whose epoch is over is neither approved nor submitted."""
        self.propose("--add", make_key(60).public.hex())
        self.approve(0)
        old = self.home / "old.json"
        self.file.rename(old)
        ahead = old.read_text().replace('"epoch": 0', '"epoch": 1')
        ahead = json.dumps(json.loads(ahead) | {"approvals": []})
        (self.home / "ahead.json").write_text(ahead)
        self.refused(self.approve(0, file=self.home / "ahead.json"), Exit.REFUSED, "caught up")
        self.change([make_key(1), make_key(61)])
        self.refused(self.approve(0, file=old), Exit.REFUSED, "propose it again")
        self.refused(self.run_("submit", str(old)), Exit.REFUSED, "propose it again")

    def test_altered_file(self) -> None:
        """A file is not believed: other validators void approvals, other present ones and garbage are refused."""
        self.propose("--add", make_key(60).public.hex())
        self.approve(0)
        told = self.told()
        for change, status, words in (
            ({"validators": told["validators"][::-1]}, Exit.REFUSED, "is not its signature of these validators"),
            ({"epoch": 1}, Exit.REFUSED, "is not its signature"),
            ({"network": "00" * 32}, Exit.REFUSED, "is not its signature"),
            ({"present": hexes([make_key(60)])}, Exit.REFUSED, "is not its signature"),
            ({"present": told["present"] + hexes([make_key(60)])}, Exit.REFUSED, "propose it again"),
            ({"epoch": -1}, Exit.USAGE, "is no proposal"),
            ({"epoch": 2**60}, Exit.USAGE, "is no proposal"),
            ({"validators": []}, Exit.USAGE, "is no proposal"),
            ({"more": 1}, Exit.USAGE, "is no proposal"),
            ({"approvals": [{"validator": -1, "signature": ""}]}, Exit.USAGE, "is no proposal"),
            ({"approvals": [{"validator": 0, "signature": "x"}]}, Exit.USAGE, "is no proposal"),
        ):
            self.file.write_text(json.dumps(told | change))
            self.refused(self.run_("submit", str(self.file)), status, words)
        self.file.write_bytes(b"\xff{")
        self.refused(self.run_("submit", str(self.file)), Exit.USAGE, "is no proposal")

    def test_different_proposals(self) -> None:
        """Files of different proposals are not mixed."""
        self.propose("--add", make_key(60).public.hex())
        other = self.home / "other.json"
        self.file.rename(other)
        self.propose("--add", make_key(61).public.hex())
        self.refused(self.run_("submit", str(self.file), str(other)), Exit.USAGE, "different proposals")

    def test_lying_node(self) -> None:
        """A node that tells other validators than follow from the genesis is found out."""

        def lie(message: bytes) -> bytes:
            told = json.loads(message)
            if "epochs" in (told.get("result") or ()):
                told["result"]["epochs"][0]["validators"] = hexes([make_key(66)])
            return json.dumps(told).encode()

        self.door.lie = lie
        self.refused(self.run_("list"), Exit.NO_ANSWER, "is told with other validators")
