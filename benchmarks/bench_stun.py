"""STUN over UDP and TCP, side by side with coturn: 64 requests outstanding, one processor each for server and asker."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
from contextlib import ExitStack

from benchmarks.options import parse_options
from benchmarks.processes import Child, accepts, free_port, module, running
from benchmarks.servers import Workshop, workshop
from benchmarks.tables import Goal, print_table

OUTSTANDING = 64
UNLIMITED = """
[stun-limits]
requests_second = 1e9
requests_burst = 1000000000
connections_address = 1000
"""


def main() -> None:
    """Measure and print."""
    options = parse_options("STUN against coturn", seconds=3, rounds=5)
    coturn = shutil.which("turnserver")
    if coturn is None:
        print("coturn is not installed: there is nothing to compare with")
        return
    with workshop() as shop, ExitStack() as stack:
        ports = {"cloudnode": free_port(), "coturn": free_port()}
        node = shop.start_node(config=UNLIMITED, arguments=["--stun", f"127.0.0.1:{ports['cloudnode']}"])
        children = {"cloudnode": node.child, "coturn": start_coturn(coturn, ports["coturn"], shop, stack)}
        first, second = sorted(os.sched_getaffinity(0))[:2]
        for child in children.values():
            subprocess.run(["taskset", "-a", "-p", "-c", str(first), str(child.pid)], check=True, capture_output=True)
        rows, goals = [], []
        for protocol in ("udp", "tcp"):
            rates: dict[str, list[float]] = {name: [] for name in ports}
            costs: dict[str, list[float]] = {name: [] for name in ports}
            for _ in range(options.rounds):
                for name, port in ports.items():
                    before = children[name].cpu_seconds()
                    rates[name].append(measure(protocol, port, options.seconds, second))
                    used = children[name].cpu_seconds() - before
                    costs[name].append(used / (rates[name][-1] * options.seconds) * 1e6)
            rows += [
                [f"{protocol} {name}", statistics.median(each), min(each), max(each), statistics.median(costs[name])]
                for name, each in rates.items()
            ]
            # Round by round: what else the machine does changes from one to the next.
            ratio = statistics.median(
                ours / theirs for ours, theirs in zip(rates["cloudnode"], rates["coturn"], strict=True)
            )
            goals.append(Goal(f"answers a second over {protocol} against coturn", ratio, 1.0))
        print(f"load average {os.getloadavg()[0]:.1f}")
        print_table(["answers a second", "median", "least", "most", "processor us each"], rows, goals)


def start_coturn(program: str, port: int, shop: Workshop, stack: ExitStack) -> Child:
    """Start it with STUN alone and one relay thread."""
    arguments = [program, "-n", "-S", "-p", str(port), "-L", "127.0.0.1", "--no-tls", "--no-dtls", "--no-cli"]
    arguments += ["-m", "1", "--log-file=stdout", "--pidfile", str(shop.path / "pid"), "--db", str(shop.path / "db")]
    return stack.enter_context(running(arguments, shop.path / "coturn.log", lambda: accepts(port)))


def measure(protocol: str, port: int, seconds: float, processor: int) -> float:
    """Answers a second.

    :raises RuntimeError: There were none, or the asking program failed, whose words follow.
    """
    command = ["taskset", "-c", str(processor), *module("load_stun", protocol, port, OUTSTANDING, seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if done.returncode or not float(done.stdout):
        raise RuntimeError(f"no answers over {protocol} from port {port}: {done.stdout}{done.stderr}")
    return float(done.stdout)


if __name__ == "__main__":
    main()
