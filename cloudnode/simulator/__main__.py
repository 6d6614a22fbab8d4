"""``python -m cloudnode.simulator``: simulate consensus over many seeds and report what broke."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from os import cpu_count
from statistics import fmean

from cloudnode.consensus.simplex import Simplex
from cloudnode.formats.block import quorum
from cloudnode.simulator.measuring import measure
from cloudnode.simulator.mutants import MUTANTS, SIZES
from cloudnode.simulator.scenario import safety
from cloudnode.simulator.simulation import Outcome, Simulation

CHUNK = 20
"""Seeds that one process takes at a time."""

DESCRIPTION = """\
Runs n consensus participants over a simulated network and checks, as they go, that they never contradict
themselves or each other, and that they finalize again after the network has healed. Everything follows from the
seed: the same seed with the same options replays exactly.
"""

EPILOG = """\
profiles:
  safety      loss, duplication, reordering, partitions, crashes that lose the unsynced journal, and faulty nodes
              (silent, dying, twins, lawless, withholding, lying, inventing), few links in a third of the seeds,
              stores put back, for 15 simulated seconds, then peace
  latency     no fault, every message takes equally long: one-way delays until final, and between blocks
  throughput  the same with and without one dead validator

exit status: 0 every property held (with --mutant: it was caught), 1 one did not (it was not), 2 wrong usage

examples:
  python -m cloudnode.simulator --seeds 2000 --nodes 4 --faults 1 --loss 0.2
  python -m cloudnode.simulator --seeds 300 --nodes 7 --faults 2
  python -m cloudnode.simulator --seeds 20 --mutant no-skip-check
  python -m cloudnode.simulator --seed 17 --trace | less
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not 0 <= options.faults <= (options.nodes - 1) // 3:
        parser.error(f"{options.nodes} nodes tolerate at most {(options.nodes - 1) // 3} faulty ones")
    if not 0 <= options.loss < 1:
        parser.error("--loss is a probability below 1")
    if options.profile == "latency":
        return _latency(options)
    if options.profile == "throughput":
        return _throughput(options)
    if options.seed is not None:
        return _one(options, options.seed, options.trace)
    return _many(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cloudnode.simulator",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--seeds", type=_positive, default=200, metavar="N", help="how many seeds to run (default 200)")
    add("--first", type=int, default=1, metavar="N", help="the first of them (default 1)")
    add("--seed", type=int, metavar="N", help="run this seed alone")
    add("--trace", action="store_true", help="with --seed: print everything that happens")
    add("--nodes", type=_positive, default=4, metavar="N", help="validators (default 4)")
    add("--faults", type=int, default=1, metavar="N", help="faulty ones among them (default 1)")
    add("--loss", type=float, default=0.2, metavar="P", help="probability that a message is lost (default 0.2)")
    add("--mutant", choices=[*MUTANTS, "all"], help="break this rule in every honest node, and expect to see it")
    add("--profile", choices=("safety", "latency", "throughput"), default="safety", help="what to simulate")
    add("--processes", type=_positive, default=cpu_count() or 1, metavar="N", help="default: one for each processor")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


# One run, and many.


def simulate(seed: int, nodes: int, faults: int, loss: float, mutant: str | None = None) -> Outcome:
    """One run of the safety profile."""
    participant = Simplex if mutant is None else MUTANTS[mutant]
    return Simulation(safety(seed, nodes, faults, loss), participant).run()


def _chunk(seeds: Sequence[int], nodes: int, faults: int, loss: float, mutant: str | None) -> list[Outcome]:
    return [simulate(seed, nodes, faults, loss, mutant) for seed in seeds]


def _outcomes(options: argparse.Namespace, mutant: str | None) -> Iterator[Outcome]:
    seeds = range(options.first, options.first + options.seeds)
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(min(options.processes, len(chunks))) as pool:
        count = len(chunks)
        arguments = ([options.nodes] * count, [options.faults] * count, [options.loss] * count, [mutant] * count)
        for outcomes in pool.map(_chunk, chunks, *arguments):
            yield from outcomes


def _one(options: argparse.Namespace, seed: int, is_traced: bool) -> int:
    mutant = None if options.mutant in (None, "all") else options.mutant
    participant = Simplex if mutant is None else MUTANTS[mutant]
    scenario = safety(seed, options.nodes, options.faults, options.loss)
    faulty = ", ".join(f"node {node} is {kind}" for node, kind in scenario.faulty.items()) or "no node is faulty"
    print(f"seed {seed}: {options.nodes} nodes, {faulty}, healed at {scenario.heals_at:.0f} s")
    outcome = Simulation(scenario, participant, print if is_traced else None).run()
    print(_describe(outcome))
    return 0 if (outcome.violation is None) == (mutant is None) else 1


def _describe(outcome: Outcome) -> str:
    heights = ", ".join(map(str, outcome.heights))
    if outcome.violation is not None:
        return f"seed {outcome.seed}: BROKEN at {outcome.at:.4f} s: {outcome.violation[0]}: {outcome.violation[1]}"
    healed = f"live {outcome.healed_after:.2f} s after healing"
    return f"seed {outcome.seed}: all properties held; heights {heights}; {healed}"


def _many(options: argparse.Namespace) -> int:
    if options.mutant is not None:
        names = list(MUTANTS) if options.mutant == "all" else [options.mutant]
        return max(_mutant(options, name) for name in names)
    started = time.monotonic()
    outcomes: list[Outcome] = []
    for outcome in _outcomes(options, None):
        outcomes.append(outcome)
        if outcome.violation is not None:
            print(_describe(outcome))
        if sys.stderr.isatty() and len(outcomes) % CHUNK == 0:
            print(f"\r{len(outcomes)} of {options.seeds} seeds", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    _report(options, outcomes, time.monotonic() - started)
    broken = [outcome for outcome in outcomes if outcome.violation is not None]
    if broken:
        print(f"\nThe trace of seed {broken[0].seed} (replay it with --seed {broken[0].seed} --trace), its end:\n")
        _print_trace(options, broken[0].seed)
    return 1 if broken else 0


def _print_trace(options: argparse.Namespace, seed: int, lines: int = 60) -> None:
    trace: list[str] = []
    Simulation(safety(seed, options.nodes, options.faults, options.loss), trace=trace.append).run()
    print("\n".join(trace[-lines:]))


def _report(options: argparse.Namespace, outcomes: Sequence[Outcome], seconds: float) -> None:
    healed = [outcome.healed_after for outcome in outcomes if outcome.healed_after is not None]
    simulated = sum(outcome.at for outcome in outcomes)
    rows = [
        ("nodes / faulty / loss", f"{options.nodes} / {options.faults} / {options.loss:.0%}"),
        ("seeds", str(len(outcomes))),
        ("violations", str(sum(outcome.violation is not None for outcome in outcomes))),
        ("messages", str(sum(outcome.messages for outcome in outcomes))),
        ("crashes", str(sum(outcome.crashes for outcome in outcomes))),
        ("runs with a change of validators", str(sum(outcome.epochs > 0 for outcome in outcomes))),
        ("runs with evidence of a liar", str(sum(outcome.accused > 0 for outcome in outcomes))),
        ("wrong messages refused", str(sum(outcome.refused for outcome in outcomes))),
        ("blocks a run, mean", f"{fmean(max(outcome.heights) for outcome in outcomes):.1f}"),
        ("live after healing, mean / most", f"{fmean(healed):.2f} s / {max(healed):.2f} s" if healed else "never"),
        ("time taken", f"{seconds:.1f} s ({simulated / seconds:.0f} times real time)"),
    ]
    _table(rows)


def _mutant(options: argparse.Namespace, name: str) -> int:
    if options.mutant == "all" and name in SIZES:
        nodes, faults = SIZES[name]
        options = argparse.Namespace(**{**vars(options), "nodes": nodes, "faults": faults})
    caught = [outcome for outcome in _outcomes(options, name) if outcome.violation is not None]
    if not caught:
        print(f"{name:22} NOT CAUGHT in {options.seeds} seeds")
        return 1
    first = caught[0]
    assert first.violation is not None
    print(f"{name:22} caught in {len(caught)} of {options.seeds} seeds, first in {first.seed}: {first.violation[0]}")
    return 0


# Measuring.


def _latency(options: argparse.Namespace) -> int:
    measured = measure(options.first, options.nodes, 0)
    _table(
        [
            ("nodes", str(measured.nodes)),
            ("blocks", str(measured.blocks)),
            ("one-way delays until final, mean", f"{measured.mean:.3f}"),
            ("one-way delays until final, most", f"{measured.most:.3f}"),
            ("one-way delays between blocks", f"{measured.interval:.3f}"),
        ]
    )
    return 0 if measured.most <= 3.5 and measured.interval <= 2.5 else 1


def _throughput(options: argparse.Namespace) -> int:
    dead = max(options.faults, 1)
    if options.nodes - dead < quorum(options.nodes):
        print(f"{options.nodes} nodes can't spare {dead}", file=sys.stderr)
        return 2
    whole, part = (measure(options.first, options.nodes, count) for count in (0, dead))
    ratio = part.rate / whole.rate
    _table(
        [
            ("blocks a second, all alive", f"{whole.rate:.2f}"),
            (f"blocks a second, {dead} of {options.nodes} dead", f"{part.rate:.2f}"),
            ("ratio", f"{ratio:.0%}"),
        ]
    )
    return 0 if ratio >= 0.6 else 1


def _table(rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value}")


if __name__ == "__main__":
    sys.exit(main())
