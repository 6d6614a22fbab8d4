"""Every fuzz target for a moment, with fixed seeds; ``python -m tests.fuzz`` runs them for longer."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Broken, Check, Target, run
from tests.fuzz.targets import TARGETS

SECONDS = 0.25
"""For each target."""


class FuzzTests(SynchronousTestCase):
    """Parsers of bytes from the network keep their invariants."""


def _make_test(target: Target) -> object:
    def test(self: FuzzTests) -> None:
        report = run(target, seed=1, seconds=SECONDS)
        # A target whose seeds all come to the same outcome would test nothing.
        self.assertGreater(len(report.outcomes), 1)

    test.__doc__ = f"{target.name}: {target.invariant}."
    return test


for _target in TARGETS.values():
    setattr(FuzzTests, f"test_{_target.name}", _make_test(_target))


class RunnerTests(SynchronousTestCase):
    """The runner itself."""

    def target(self, check: object) -> Target:
        return Target("made up", "nothing", lambda: Check(check), lambda: [b"seed " * 4])  # type: ignore[arg-type]

    def test_finds(self) -> None:
        """A parser that breaks on some input is found, and the input told."""

        def check(data: bytes) -> str:
            assert b"seed seed seed seed seed" not in data
            return "good"

        with self.assertRaises(Broken) as raised:
            run(self.target(check), seed=1, runs=5_000)
        self.assertIn(b"seed seed seed seed seed", raised.exception.data)

    def test_repeats(self) -> None:
        """The same seed gives the same inputs."""
        tried: list[list[bytes]] = [[], []]
        for inputs in tried:
            run(self.target(lambda data, inputs=inputs: inputs.append(data) or "good"), seed=7, runs=50)
        self.assertEqual(*tried)

    def test_closes(self) -> None:
        """What a target opened is closed, however the run ends."""
        closed = []
        check = Check(lambda data: str(1 / 0), lambda: closed.append(1))
        target = Target("made up", "nothing", lambda: check, lambda: [b""])
        with self.assertRaises(Broken):
            run(target, seed=1, runs=1)
        self.assertEqual(closed, [1])

    def test_mutations_differ(self) -> None:
        """Of damaged seeds hardly any are the same."""
        mutator = Mutator(Random(1), (b"word",))
        made = {mutator.mutate([b"a seed of some length", b"another one"]) for _ in range(1_000)}
        self.assertGreater(len(made), 800)
