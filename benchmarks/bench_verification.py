"""What it costs to believe nobody: an answer's certificate and proof, and reads a second with and without.

Four validators in processes of their own answer ``getrecord`` and others with their proofs. One answer is verified
again and again: in Python, and by the JavaScript module in Node.js and in Chromium where these are there.
Beside it: the bare verification of the signatures of its certificate in Python. Reads go through sessions, all from one
process.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import attrs
import msgspec

from benchmarks.network import Network
from benchmarks.operations import make_key
from benchmarks.options import parse_options
from benchmarks.processes import ROOT, module
from benchmarks.reading import BARE, WAYS
from benchmarks.servers import ACCOUNT, COLLECTION, KEY, Node, Workshop, make_envelope, submission, workshop
from benchmarks.tables import Goal, print_table
from cloudnode.client.cloud.proving import check_result
from cloudnode.client.epochs import EpochChain
from cloudnode.formats.block import Header
from cloudnode.formats.genesis import decode_genesis
from cloudnode.formats.keys import VOTE, verify
from cloudnode.formats.operation import build_rate
from cloudnode.formats.verify import read_finality, verify_state
from tests.integration.chromium import FLAGS

VALIDATORS = 4
RATINGS = 12
TIMES = 300
OUTSTANDING = 16
GOAL_MS = 10.0

_BUNDLE = ROOT / "cloudnode" / "page" / "files" / "cloudnode.js"
_SCRIPT = ROOT / "benchmarks" / "verification.js"


class _Told(msgspec.Struct):
    result: msgspec.Raw
    context: msgspec.Raw


@attrs.frozen
class Question:
    """A call and its answer. :ivar raw: :ivar raw_context: The exact texts of result and context."""

    method: str
    params: dict[str, Any]
    raw: bytes
    raw_context: bytes

    @classmethod
    def ask(cls, node: Node, method: str, params: dict[str, Any]) -> Question:
        """Ask with a proof."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params, "context": {"proof": True}}
        told = msgspec.json.decode(node.post(msgspec.json.encode(message)), type=_Told)
        return cls(method, params, bytes(told.result), bytes(told.context))

    @property
    def proof(self) -> dict[str, Any]:
        """The context's proof."""
        told: dict[str, Any] = json.loads(self.raw_context)["proof"]
        return told


def milliseconds(work: Callable[[], object], times: int = TIMES) -> float:
    """The median of many."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken) * 1e3


def in_python(question: Question, genesis: bytes) -> tuple[float, float, float]:
    """Milliseconds of certificate, all of the answer, and the signatures alone."""
    chain = EpochChain.of_genesis(decode_genesis(genesis))
    proof = question.proof
    header, certificate = bytes.fromhex(proof["header"]), bytes.fromhex(proof["certificate"])
    descendants = [bytes.fromhex(each) for each in proof["descendants"]]

    def check() -> None:
        told = json.loads(question.raw_context)["proof"]
        first, proving, *later = map(bytes.fromhex, (told["header"], told["certificate"], *told["descendants"]))
        root, *nodes = map(bytes.fromhex, (told["root"], *told["nodes"]))
        state = verify_state(chain.verify_header(first, proving, later), told["height"], root, nodes)
        check_result(state, question.method, question.params, question.raw)

    signed = read_finality(certificate, descendants).certificate
    keys = chain.newest.validators
    message = b"x" * 81  # as long as a vote: a wrong signature takes as long as a true one

    def signatures() -> None:
        for index, signature in signed.signatures:
            verify(keys[index], VOTE, message, signature)

    Header.decode(header)
    return (
        milliseconds(lambda: chain.verify_header(header, certificate, descendants)),
        milliseconds(check),
        milliseconds(signatures),
    )


def in_javascript(shop: Workshop, question: Question, genesis: bytes, url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same by the module: in Node.js, and in Chromium on a page of the node."""
    given = {
        "genesis": genesis.decode(), "method": question.method, "params": question.params,
        "raw": question.raw.decode(), "rawContext": question.raw_context.decode(), "rounds": TIMES,
    }  # fmt: skip
    if shutil.which("node"):
        path = shop.write("question.json", msgspec.json.encode(given))
        command = ["node", str(_SCRIPT), str(_BUNDLE), str(path)]
        yield "Node.js", json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is not None:
        yield "Chromium", in_chromium(browser, given, url)


def in_chromium(path: str, given: dict[str, Any], url: str) -> dict[str, Any]:
    """In a page that the node serves, with the module that it serves."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, contextlib.closing(
        playwright.chromium.launch(executable_path=path, args=list(FLAGS))
    ) as browser:
        page = browser.new_page()
        page.goto(f"{url}/health")
        measure = _SCRIPT.read_text().partition("if (typeof process")[0].replace("export ", "")
        told: dict[str, Any] = page.evaluate(
            f"async (given) => {{ {measure}; return measure(await import('/cloudnode.js'), given); }}", given
        )
        return told


def reads(urls: list[str], seconds: float, rounds: int) -> dict[str, list[float]]:
    """Reads a second, by way of verifying."""
    command = module("reading", seconds, rounds, OUTSTANDING, ACCOUNT.public.hex(), *urls)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the reader failed: {done.stderr[-2000:]}")
    told: dict[str, list[float]] = json.loads(done.stdout)
    return told


def prepare(node: Node) -> str:
    """A record with ratings; its address."""
    node.put_record()
    record = f"{ACCOUNT.public.hex()}/{COLLECTION}/{KEY}"
    for number in range(RATINGS):
        rater = make_key(100 + number)
        node.call("submit", submission(rater, build_rate(make_envelope(node, rater), record, number % 5 + 1)))
    return record


def main() -> None:
    """Measure and print."""
    options = parse_options(__doc__ or "", seconds=10, rounds=5)
    with workshop() as shop:
        network = Network(shop, VALIDATORS, VALIDATORS)
        network.wait_until_linked()
        node = network.nodes[0]
        record = prepare(node)
        genesis = node.call("getgenesis", {})["genesis"].encode()
        time.sleep(2.0)  # until the last block's root is in a header
        questions = [
            Question.ask(node, "getrecord", {"account": ACCOUNT.public.hex(), "collection": COLLECTION, "key": KEY}),
            Question.ask(node, "getratings", {"record": record}),
            Question.ask(node, "getdatahash", {}),
        ]
        rows: list[list[object]] = []
        slowest = 0.0
        for question in questions:
            certificate, everything, signatures = in_python(question, genesis)
            slowest = max(slowest, everything)
            rows.append([f"Python: {question.method}", certificate, everything, signatures, everything / signatures])
            for name, told in in_javascript(shop, question, genesis, f"http://127.0.0.1:{node.ports['post']}"):
                slowest = max(slowest, told["median"])
                label = f"{name} with {told['crypto']}: {question.method}"
                rows.append([label, None, told["median"], signatures, told["median"] / signatures])
        goal = Goal("proof and certificate at 4 validators, the slowest", slowest, GOAL_MS, " ms", at_most=True)
        print_table(["verified", "certificate ms", "all ms", "signatures alone ms", "ratio"], rows, [goal])

        urls = [f"ws://127.0.0.1:{each.ports['websocket']}" for each in network.nodes]
        rates = reads(urls, options.seconds, options.rounds)
        table = []
        for way in (BARE, *WAYS):
            ratio = median(mine / bare for mine, bare in zip(rates[way], rates["none"], strict=True))
            table.append([way if way == BARE else f"session, verify={way}", median(rates[way]), ratio])
        print_table(["getrecord", "reads/s", "ratio to verify=none"], table)


if __name__ == "__main__":
    main()
