"""What a client believes."""

from __future__ import annotations

from hashlib import sha256
from random import Random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cloudnode.formats import nodes
from cloudnode.formats.block import Certificate, Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import decode_genesis
from cloudnode.formats.verify import ProvenState, ProvenTotals, verify_header, verify_state
from tests.unit.formats.support import FormatTestCase, damaged, load
from tests.unit.formats.test_nodes import record, rows_of
from tests.vectors.reference import build_state, u16, u32, u64, way

CASES = load("proofs.json")
EPOCH = Epoch.of_genesis(decode_genesis(CASES["genesis"].encode()))
HEADER, CERTIFICATE = bytes.fromhex(CASES["header"]), bytes.fromhex(CASES["certificate"])
ROOT = bytes.fromhex(CASES["root"])
BAG = {node for case in CASES["proven"] for node in map(bytes.fromhex, case["nodes"])}


def opened(case: dict[str, Any]) -> ProvenState:
    """A case's state, verified from the genesis on."""
    descendants = [bytes.fromhex(each) for each in case["descendants"]]
    header = verify_header(EPOCH, bytes.fromhex(case["header"]), bytes.fromhex(case["certificate"]), descendants)
    return verify_state(header, case["height"], bytes.fromhex(case["root"]), map(bytes.fromhex, case["nodes"]))


def ask(state: ProvenState, question: dict[str, Any], answer: Any) -> Any:
    """What a state says to a question as the vectors put them."""
    if "record" in question:
        if answer is not None:
            state.check_record(**record(answer))
            return answer
        return state.record(question["record"])
    if "ratings" in question:
        return list(state.ratings(question["ratings"]))
    if "system" in question:
        found = state.system(question["system"])
        return None if found is None else found.hex()
    value: Any
    if "rating" in question:
        value = state.rating(question["rating"], bytes.fromhex(question["account"]))
    elif "account" in question:
        value = state.account(bytes.fromhex(question["account"]))
    else:
        value = state.operation(bytes.fromhex(question["operation"]), question["expiry"])
    if value is None:
        return None
    if isinstance(value, nodes.AccountValue):
        return {"inviter": value.inviter.hex(), "height": value.height, "index": value.index}
    return {
        name: part.hex() if isinstance(part, bytes) else part for name, part in msgspec.structs.asdict(value).items()
    }


class HeaderTests(FormatTestCase):
    def test_vectors(self) -> None:
        """A certified header of this network is believed; what is not is refused with its code."""
        self.assertEqual(verify_header(EPOCH, HEADER, CERTIFICATE).root, ROOT)
        for case in CASES["refused"]:
            self.assert_refused(case["code"], opened, case, name=case["name"])

    def test_epochs(self) -> None:
        """A header of another epoch than the trusted one is refused, as is a certificate of another."""
        later = Epoch(EPOCH.network, 1, EPOCH.validators)
        self.assert_refused("header_epoch", verify_header, later, HEADER, CERTIFICATE)
        certificate = msgspec.structs.replace(Certificate.decode(CERTIFICATE), epoch=1)
        self.assert_refused("header_epoch", verify_header, EPOCH, HEADER, certificate.encode())

    @given(damaged(HEADER), damaged(CERTIFICATE))
    def test_any_bytes(self, header: bytes, certificate: bytes) -> None:
        """Nothing but the header and certificates of its quorums is believed."""
        for pair in ((header, certificate), (header, CERTIFICATE), (HEADER, certificate)):
            if self.assert_value_or_refused(verify_header, EPOCH, *pair) is not None:
                self.assertEqual(pair, (HEADER, CERTIFICATE))


class StateTests(FormatTestCase):
    def setUp(self) -> None:
        self.header = Header.decode(HEADER)

    def test_proven_vectors(self) -> None:
        """Every answer of the vectors follows from its nodes, in whatever order, with others among them."""
        for case in CASES["proven"]:
            some = [bytes.fromhex(node) for node in case["nodes"]]
            for bag in (some, some[::-1], [*BAG, b"", b"junk"]):
                state = verify_state(self.header, CASES["height"], ROOT, bag)
                self.assertEqual(ask(state, case["question"], case["answer"]), case["answer"], case["name"])

    def test_totals(self) -> None:
        """The root's preimage gives the sums over everything."""
        wanted = ProvenTotals(height=CASES["height"], root=ROOT, **CASES["totals"])
        self.assertEqual(opened(CASES).totals(), wanted)

    def test_every_node_is_needed(self) -> None:
        """Without any one of its nodes a proof proves nothing; absence can't be shown by leaving nodes out."""
        for case in CASES["proven"]:
            some = [bytes.fromhex(node) for node in case["nodes"]]
            for left_out in range(len(some)):
                rest = some[:left_out] + some[left_out + 1 :]
                with self.assertRaises(LedgerError, msg=case["name"]) as raised:
                    ask(verify_state(self.header, CASES["height"], ROOT, rest), case["question"], case["answer"])
                self.assertEqual(raised.exception.code, "proof_node_missing")

    def test_other_answers(self) -> None:
        """A record that differs in any part, or sums that do, are not what is proven."""
        state = verify_state(self.header, CASES["height"], ROOT, BAG)
        case = next(case for case in CASES["proven"] if case["name"] == "record popular")
        good = record(case["answer"])
        for change in ({"version": 2}, {"data": b"{}"}, {"live": False}, {"time": 0}):
            self.assert_refused("proof_row_wrong", lambda change=change: state.check_record(**(good | change)))
        address = case["question"]["record"]
        state.check_ratings(address, 135, 45)
        self.assert_refused("proof_sums_wrong", state.check_ratings, address, 135, 44)
        self.assert_refused("proof_sums_wrong", state.check_ratings, address, 134, 45)

    def test_forgotten_operations(self) -> None:
        """A state above an operation's expiry says nothing of it, the one at it still does."""
        state = verify_state(self.header, CASES["height"], ROOT, BAG)
        self.assert_refused("proof_height", state.operation, bytes(32), CASES["height"] - 1)
        self.assertIsNone(state.operation(bytes(32), CASES["height"]))

    @given(st.data())
    def test_any_nodes(self, data: st.DataObject) -> None:
        """With any node damaged, a question has its answer all the same or an error, never another answer."""
        case = data.draw(st.sampled_from(CASES["proven"]))
        some = [bytes.fromhex(node) for node in case["nodes"]]
        at = data.draw(st.integers(0, len(some) - 1))
        some[at] = data.draw(damaged(some[at]))
        state = self.assert_value_or_refused(verify_state, self.header, CASES["height"], ROOT, some)
        if state is not None:
            try:
                self.assertEqual(ask(state, case["question"], case["answer"]), case["answer"])
            except LedgerError as error:
                self.assertEqual(error.code, "proof_node_missing")


class LyingValidatorsTests(FormatTestCase):
    """A quorum may certify a root over nodes that contradict each other; no question may be answered from those."""

    def _state(self, table: int, entry: bytes, *below: bytes) -> ProvenState:
        entries = [bytes(56)] * 5
        entries[table] = entry
        preimage = nodes.encode_state(entries)
        return ProvenState(7, sha256(preimage).digest(), [preimage, *below])

    def _page(self) -> tuple[bytes, bytes]:
        key = sha256(b"name").digest()
        page = nodes.encode_leaf(nodes.SYSTEM, [(key, bytes(32))])
        return sha256(page).digest(), page

    def test_sums_that_differ(self) -> None:
        """A node must have the rows and sums that its parent's entry gives it."""
        hashed, page = self._page()
        good = nodes.Entry(hashed, 0, 0, 1)
        self.assertEqual(self._state(4, good.encode(), page).system("name"), bytes(32))
        for wrong in ({"rows": 2}, {"sum": 1}, {"count": 1}):
            entry = msgspec.structs.replace(good, **wrong).encode()
            self.assert_refused("proof_node_wrong", self._state(4, entry, page).system, "name")

    def test_a_page_where_an_inner_node_belongs(self) -> None:
        """The number of rows decides the kind of the node."""
        hashed, page = self._page()
        entry = nodes.Entry(hashed, 0, 0, 33).encode()
        self.assert_refused("node_malformed", self._state(4, entry, page).system, "name")

    def test_a_page_of_another_table(self) -> None:
        """A node of another table is not taken for one of this."""
        hashed, page = self._page()
        entry = nodes.Entry(hashed, 0, 0, 1).encode()
        self.assert_refused("proof_node_wrong", self._state(3, entry, page).account, bytes(32))

    def test_a_page_below_a_wrong_prefix(self) -> None:
        """Rows that don't belong below their parent's nibble are not found there, nor is their absence believed."""
        wanted = sha256(b"name").digest().hex()
        hashed, page = self._page()
        small = nodes.Entry(hashed, 0, 0, 1).encode()
        large = nodes.Entry(bytes(32), 0, 0, 40).encode()
        wrong = "0" if wanted[0] != "0" else "1"
        inner = nodes.encode_inner(nodes.SYSTEM, "", {wanted[0]: large, wrong: small})
        entry = nodes.Entry(sha256(inner).digest(), 0, 0, 41).encode()
        other = next(name for name in map(str, range(999)) if sha256(name.encode()).hexdigest()[0] == wrong)
        self.assert_refused("proof_node_wrong", self._state(4, entry, inner, page).system, other)
        deeper = nodes.encode_inner(nodes.SYSTEM, wrong, {"0": large, "1": large})
        inner = nodes.encode_inner(
            nodes.SYSTEM, "", {wanted[0]: nodes.Entry(sha256(deeper).digest(), 0, 0, 80).encode(), wrong: small}
        )
        entry = nodes.Entry(sha256(inner).digest(), 0, 0, 81).encode()
        self.assert_refused("proof_node_wrong", self._state(4, entry, inner, deeper).system, "name")

    def test_an_account_under_anothers_key(self) -> None:
        """An account's row must name the account."""
        account = b"\7" * 32
        row = (sha256(account).digest(), nodes.encode_account_value(bytes(32), bytes(32), 1, 0))
        page = nodes.encode_leaf(nodes.ACCOUNTS, [row])
        entry = nodes.Entry(sha256(page).digest(), 0, 0, 1).encode()
        self.assert_refused("proof_row_wrong", self._state(3, entry, page).account, account)


class WholeTrieTests(FormatTestCase):
    def _ratings(self, given_ratings: list[tuple[int, int]]) -> tuple[bytes, dict[bytes, bytes]]:
        """The root and the nodes of a state with ratings of some records by some accounts."""
        rows = [
            (
                sha256(f"record/{place}/x".encode()).digest() + sha256(bytes([who])).digest(),
                bytes([1 + who % 5]) + bytes(12),
            )
            for place, who in given_ratings
        ]
        made: dict[bytes, bytes] = {}
        return build_state([[], sorted(rows), [], [], []], made), made

    @given(st.randoms(use_true_random=False), st.lists(st.integers(0, 90), min_size=4, max_size=4), st.integers(0, 90))
    def test_every_row_and_sum_is_provable(self, random: Random, raters: list[int], rater: int) -> None:
        """In any trie the reference's way proves every row there is or isn't, and the sums of every record."""
        ratings = [(place, who) for place, many in enumerate(raters) for who in random.sample(range(91), many)]
        root, made = self._ratings(ratings)
        for place in range(4):
            address = f"record/{place}/x"
            wanted = sha256(address.encode()).digest()
            state = ProvenState(1, root, way(root, made, 1, wanted))
            stars = [1 + who % 5 for at, who in ratings if at == place]
            self.assertEqual(state.ratings(address), (sum(stars), len(stars)))
            state = ProvenState(1, root, way(root, made, 1, wanted + sha256(bytes([rater])).digest()))
            found = state.rating(address, bytes([rater]))
            given_stars = 1 + rater % 5 if (place, rater) in ratings else None
            self.assertEqual(None if found is None else found.stars, given_stars)

    def test_no_ratings_beside_a_popular_record(self) -> None:
        """The node at the path of the only rated record proves that others have no ratings."""
        root, made = self._ratings([(0, who) for who in range(40)])
        for place, wanted in ((0, (120, 40)), (1, (0, 0)), (2, (0, 0))):
            address = f"record/{place}/x"
            nodes_met = way(root, made, 1, sha256(address.encode()).digest())
            self.assertEqual(len(nodes_met), 2)
            self.assertEqual(ProvenState(1, root, nodes_met).ratings(address), wanted)
            self.assert_refused("proof_node_missing", ProvenState(1, root, nodes_met[:1]).ratings, address)

    def test_whole_states(self) -> None:
        """Rows of every table of the vectors' state are found with their values."""
        case = load("tries.json")["states"][1]
        made: dict[bytes, bytes] = {}
        root = build_state([rows_of(rows) for rows in case["rows"]], made)
        self.assertEqual(root.hex(), case["root"])
        state = ProvenState(1, root, made.values())
        for number in range(35):
            hashed = sha256(f"operation {number}".encode()).digest()
            place = state.operation(hashed, 1000 + number % 2)
            self.assertEqual(place, nodes.WindowValue(7, number, number % 9))
        self.assertEqual(u64(7) + u32(0) + u16(0), nodes.encode_window_value(7, 0, 0))
        for number in range(4):
            found = state.account(sha256(f"name {number}".encode()).digest())
            assert found is not None
            self.assertEqual(found.height, number + 1)
        self.assertEqual(state.system("genesis"), sha256(b"content of genesis").digest())
