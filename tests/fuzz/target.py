"""What a fuzz target is, and how one is run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

import attrs

from tests.fuzz.mutation import Mutator

_SEEDS_MAX = 400

Outcome = str
"""What a parser made of an input, in a word."""


class Broken(Exception):
    """An input broke a target's invariant.

    :ivar data: The input.
    """

    def __init__(self, target: str, data: bytes, cause: BaseException) -> None:
        super().__init__(f"{target}: {type(cause).__name__}: {cause}\ninput of {len(data)} bytes: {data[:400].hex()}")
        self.data = data


@attrs.frozen
class Target:
    """A parser under test.

    :ivar invariant: What holds for every input, in one sentence. :ivar open: Makes the check once for a run of many
        inputs: a function that raises where the invariant is broken, and whatever frees it.
    :ivar seeds: Good inputs, and such as are refused. :ivar words: Pieces that mean something to the parser.
    """

    name: str
    invariant: str
    open: Callable[[], Check]
    seeds: Callable[[], Sequence[bytes]]
    words: Sequence[bytes] = ()


class Check:
    """Checks inputs, one after another."""

    def __init__(self, check: Callable[[bytes], Outcome], close: Callable[[], object] = lambda: None) -> None:
        self._check = check
        self.close = close

    def __call__(self, data: bytes) -> Outcome:
        """What came of an input.

        :raises Exception: The invariant does not hold.
        """
        return self._check(data)


@attrs.define
class Report:
    """What a run did.

    :ivar runs: Inputs tried. :ivar outcomes: How often each came. :ivar seconds: How long it took.
    """

    runs: int = 0
    outcomes: Counter[Outcome] = attrs.Factory(Counter)
    seconds: float = 0.0


def run(target: Target, seed: int, *, runs: int | None = None, seconds: float | None = None) -> Report:
    """Try a target's seeds as they are, then damaged ones.

    :param runs: How many inputs besides the seeds. :param seconds: Or for how long.
    :raises Broken: The invariant does not hold for some input.
    """
    random = Random(f"{target.name} {seed}")
    seeds = list(target.seeds())
    mutator = Mutator(random, target.words)
    report = Report()
    began = time.monotonic()
    check = target.open()

    def attempt(data: bytes) -> None:
        try:
            outcome = check(data)
        except Exception as error:
            raise Broken(target.name, data, error) from error
        report.runs += 1
        report.outcomes[outcome] += 1
        if report.outcomes[outcome] == 1 and len(seeds) < _SEEDS_MAX and data not in seeds:
            seeds.append(data)

    try:
        for data in list(seeds):
            attempt(data)
        made = 0
        while (runs is None or made < runs) and (seconds is None or time.monotonic() - began < seconds):
            attempt(mutator.mutate(seeds))
            made += 1
    finally:
        check.close()
    report.seconds = time.monotonic() - began
    return report


def replay(target: Target, data: bytes) -> Outcome:
    """What comes of one input.

    :raises Exception: The invariant does not hold.
    """
    check = target.open()
    try:
        return check(data)
    finally:
        check.close()
