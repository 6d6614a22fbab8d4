"""Real nodes of which one lies under its own signature: it is named, and what shows it convinces strangers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.evidence import (
    SignedAnswer,
    Verdict,
    answers_evidence,
    decode_evidence,
    encode_evidence,
    first_epoch,
    judge,
)
from cloudnode.formats.genesis import decode_genesis
from cloudnode.formats.receipt import Answer
from tests.integration.conftest import ROOT, NodeProcess, NodeStarter, wait_until
from tests.integration.test_peers import AUTHOR, height, node_id, peers, put


def judged_offline(node: NodeProcess, evidence: str) -> Verdict:
    """What evidence shows to somebody who has nothing but the genesis file."""
    genesis = decode_genesis((node.datadir / "genesis.json").read_bytes())
    return judge(decode_evidence(bytes.fromhex(evidence)), genesis.network, first_epoch(genesis))


def start_liar(liar: NodeProcess, lie: str) -> None:
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": str(liar.home)}
    script = str(Path(__file__).with_name("lying_node.py"))
    command = [sys.executable, script, lie, *liar.options]
    with liar.log_path.open("ab") as log:
        liar.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    wait_until(lambda: "Linked with node" in liar.log, 60, "the liar's start")


def cloudnode(*arguments: str) -> tuple[int, str]:
    """Run the command; its status and what it printed."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": "/nonexistent"}
    command = [sys.executable, "-m", "cloudnode", "compare", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def validator(start_node: NodeStarter) -> NodeProcess:
    started = start_node()
    for number in range(3):
        put(started, f"film{number}")
    return started


def test_false_state(validator: NodeProcess, start_node: NodeStarter, make_node: NodeStarter) -> None:
    """``compare`` names the node that signs another state, its evidence convinces others, and the command says so."""
    honest = start_node("--join", validator.ws_url)
    liar = make_node("--join", validator.ws_url)
    start_liar(liar, "root")
    wait_until(lambda: len(peers(validator)) == 2, 60, "links with both")
    wait_until(lambda: height(honest) == height(liar) == height(validator), 60, "the same height")
    told: dict[str, Any] = {}
    expected = {node_id(honest): "agrees", node_id(liar): "lying"}

    def are_told_apart() -> bool:
        told.update(validator.call("compare"))
        return {each["node"]: each["state"] for each in told["nodes"]} == expected

    wait_until(are_told_apart, 60, lambda: f"the verdict on both ({told})")
    assert told["certified"] and told["root"] == told["certified_root"]
    [found] = [each for each in told["nodes"] if each["state"] == "lying"]
    verdict = judged_offline(validator, found["evidence"])
    assert (verdict.kind, verdict.culprit.hex(), verdict.is_proof) == ("answer", node_id(liar), True)
    # The evidence goes around by itself, and a node of the network that never met the liar takes it from anybody.
    wait_until(lambda: honest.call("getevidence")["evidence"] != [], 60, "the evidence at the other node")
    assert honest.call("getevidence")["evidence"][0]["culprit"] == node_id(liar)
    wait_until(lambda: "Evidence against node " + node_id(liar) in honest.log, 60, "the log of it")
    check_commands(validator, honest, liar)
    # And it is there after a restart.
    kept = validator.call("getevidence")["evidence"]
    file = validator.datadir / "evidence.json"
    wait_until(lambda: file.exists() and all(each["evidence"] in file.read_text() for each in kept), 60, "its file")
    validator.kill()
    validator.start()
    assert validator.call("getevidence")["evidence"] == kept


def check_commands(validator: NodeProcess, honest: NodeProcess, liar: NodeProcess) -> None:
    """What the command prints and ends with."""
    status, printed = cloudnode("--node", validator.ws_url, "--node", honest.http_url)
    assert (status, "all 2 agree" in printed) == (0, True), printed
    network = validator.call("getnodeinfo")["network"]
    arguments = ("--node", liar.ws_url, "--node", honest.ws_url, "--network", network, "--json")
    status, printed = cloudnode(*arguments)
    assert status == 7, printed
    nodes = {each["node"]: each for each in json.loads(printed)["nodes"]}
    assert nodes[node_id(honest)]["state"] == "agrees"
    assert judged_offline(honest, nodes[node_id(liar)]["evidence"]).culprit.hex() == node_id(liar)
    status, printed = cloudnode("--node", validator.ws_url)
    assert status == 7 and "lying" in printed, printed
    # A lying node that compares itself is caught by what it hands on.
    status, printed = cloudnode("--node", liar.ws_url, "--json")
    assert status == 7, printed
    status, printed = cloudnode("--node", honest.ws_url, "--node", "ws://127.0.0.1:1")
    assert status == 3, printed
    status, printed = cloudnode("--node", honest.ws_url, "--node", validator.ws_url, "--network", "ab" * 32)
    assert status == 3 and "No node brought a genesis" in printed, printed


class RawAnswer(msgspec.Struct):
    """An answer with the exact text of its result."""

    result: msgspec.Raw
    context: dict[str, Any]


def signed_record(node: NodeProcess, name: str, at: int) -> SignedAnswer:
    """A node's signed answer to ``getrecord``."""
    params = {"account": AUTHOR.public.hex(), "collection": "film", "key": name}
    request = {"jsonrpc": "2.0", "id": 1, "method": "getrecord", "params": params, "context": {"at": at, "sign": True}}
    with urllib.request.urlopen(node.http_url, json.dumps(request).encode(), timeout=30) as response:
        answer = msgspec.json.decode(response.read(), type=RawAnswer)
    given, network = answer.context["signature"], bytes.fromhex(answer.context["network"])
    params_hash, answer_hash = sha256(given["params"].encode()).digest(), sha256(bytes(answer.result)).digest()
    key, root = bytes.fromhex(given["node"]), bytes.fromhex(given["root"])
    signed = Answer(network, key, "getrecord", params_hash, at, root, answer_hash)
    return SignedAnswer(signed, bytes.fromhex(given["signature"]))


def test_false_record(validator: NodeProcess, start_node: NodeStarter, make_node: NodeStarter) -> None:
    """Two answers that differ, which any caller got, are evidence that a third node takes, keeps and passes on."""
    liar = make_node("--join", validator.ws_url)
    start_liar(liar, "record")
    third = start_node("--join", validator.ws_url)
    at = height(validator)
    wait_until(lambda: min(height(liar), height(third)) >= at, 60, "their catching up")
    first, second = signed_record(liar, "film0", at), signed_record(liar, "film0", at)
    evidence = encode_evidence(answers_evidence(first, second)).hex()
    assert judged_offline(third, evidence).culprit.hex() == node_id(liar)
    told = third.call("submitevidence", {"evidence": evidence})
    assert told["is_new"] and (told["kept"]["culprit"], told["kept"]["kind"]) == (node_id(liar), "answers")
    wait_until(lambda: len(validator.call("getevidence")["evidence"]) == 1, 60, "the evidence at the validator")
    # Of an honest node the same two questions give the same bytes, of which no evidence can be made.
    one, other = signed_record(third, "film0", at), signed_record(third, "film0", at)
    with pytest.raises(LedgerError, match="evidence_nothing"):
        judged_offline(third, encode_evidence(answers_evidence(one, other)).hex())
