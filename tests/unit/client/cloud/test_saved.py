"""A session goes on where an earlier one ended, and takes no damaged state for one."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.cloud.directory import Directory, Place
from cloudnode.client.cloud.saved import (
    BYTES_MAX,
    LIAR_SECONDS,
    PLACES_MAX,
    SavedSession,
    StateInvalid,
    decode_session,
    encode_session,
    restore_places,
    save_places,
)
from cloudnode.client.errors import ConnectionFailed
from cloudnode.client.places import LogPlace
from cloudnode.formats.epoch import Epoch
from tests.unit.api.network import make_key
from tests.unit.client.cloud.doors import CloudTestCase

NETWORK = bytes(range(32))
NOW = 1_790_000_000.0


def make_session() -> SavedSession:
    validators = tuple(make_key(number).public for number in range(4))
    places = save_places(
        [
            Place("ws://a:1", True, "ab" * 32, latency=0.02),
            Place("http://b:2", suspicions=2),
            Place("ws://c:3", lie="x"),
        ],
        NOW,
    )
    return SavedSession(NETWORK, 17, Epoch(NETWORK, 3, validators, 12), None, places)


class FormatTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        """What is saved is what is read."""
        self.assertEqual(decode_session(encode_session(make_session()), NOW), make_session())

    def test_places(self) -> None:
        """Places are as they were, but for failures; a liar is forgotten after a week."""
        directory = Directory(["ws://z:9"])
        restore_places(directory, make_session().places)
        self.assertEqual([place.url for place in directory], ["ws://z:9", "ws://a:1", "http://b:2", "ws://c:3"])
        self.assertEqual([place.lie for place in directory], [None, None, None, "x"])
        later = decode_session(encode_session(make_session()), NOW + LIAR_SECONDS)
        self.assertEqual([each.url for each in later.places], ["ws://a:1", "http://b:2"])

    def test_first_lie(self) -> None:
        """A week from when the lie was saved first, however often it is saved again."""
        liar = Place("ws://c:3", lie="x")
        save_places([liar], NOW)
        [saved] = save_places([liar], NOW + 5)
        self.assertEqual(saved.lied_at, NOW)

    def test_bounds(self) -> None:
        """However many places there are, and however long their names and lies."""
        many = [Place(f"ws://{'h' * 200}:{port}", lie="y" * 9_000 if port % 2 else None) for port in range(1, 1_000)]
        validators = tuple(number.to_bytes(32, "big") for number in range(1_000))
        raw = encode_session(
            SavedSession(NETWORK, 2**53 - 1, Epoch(NETWORK, 9, validators, 5), None, save_places(many, NOW))
        )
        self.assertLess(len(raw), BYTES_MAX)
        self.assertEqual(len(decode_session(raw, NOW).places), 2 * PLACES_MAX)

    def test_told_by_nodes(self) -> None:
        """Whatever nodes told, what is saved can be read: what could not be, or has no room, is left out."""
        odd = [
            Place(f"ws://{'h' * 600}:1"),
            Place("ws://b:1", node="x" * 65),
            Place("ws://c:1", latency=-1.0),
            Place("gopher://d:1"),
            Place("ws://e:1", lie="\ud800"),
        ]
        liars = [Place(f"ws://{'l' * 200}:{port}", node="\x01" * 64, lie="\x01" * 9_000) for port in range(1, 100)]
        validators = tuple(number.to_bytes(32, "big") for number in range(1_000))
        saved = save_places([*odd, Place("ws://a:1"), *liars], NOW)
        raw = encode_session(SavedSession(NETWORK, 2**60, Epoch(NETWORK, 9, validators, 5), None, saved))
        self.assertLess(len(raw), BYTES_MAX + 1)
        read = decode_session(raw, NOW).places
        self.assertEqual((read[0].url, len(read) > 32), ("ws://a:1", True))

    @settings(max_examples=200, deadline=None)
    @given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
    def test_damage(self, at: int, noise: bytes) -> None:
        """Whatever is changed, it is found."""
        raw = encode_session(make_session())
        at %= len(raw)
        damaged = raw[:at] + noise + raw[at + len(noise) :]
        if damaged != raw:
            self.assertRaises(StateInvalid, decode_session, damaged, NOW)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=200))
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes are a saved session or none, and never another error."""
        self.assertRaises(StateInvalid, decode_session, raw, NOW)

    def test_other_format(self) -> None:
        """A later format is named; so is what is too large, and what no session saves."""
        told = json.loads(encode_session(make_session()))
        told["format"] = 2
        with self.assertRaisesRegex(StateInvalid, "its format is 2"):
            decode_session(json.dumps(told).encode(), NOW)
        with self.assertRaisesRegex(StateInvalid, "larger"):
            decode_session(b" " * (BYTES_MAX + 1), NOW)
        wrong = msgspec.structs.replace(make_session().places[0], url="gopher://a")
        session = SavedSession(NETWORK, 1, None, None, [wrong])
        with self.assertRaisesRegex(StateInvalid, "no session saves"):
            decode_session(encode_session(session), NOW)


class GoingOnTests(CloudTestCase):
    def appoint(self, times: int = 1) -> None:
        """The validator hands over to itself: a new epoch."""
        for _ in range(times):
            self.node.write(self.node.appoint(make_key(1)))
            self.node.pass_time(0.5)

    def epochs_asked(self) -> list[int | None]:
        return [each["params"].get("after") for each in self.a.asked if each["method"] == "getepochs"]

    def test_light_start(self) -> None:
        """The next session begins at the newest epoch, at the height that was seen, with the places that were known."""
        self.appoint(3)
        self.node.put("metropolis")
        self.node.pass_time(1.0)
        first = self.connect()
        self.run_now(first.call("getrecord", self.node.name("metropolis")))
        state, height = first.save(), first.height
        self.run_now(first.close())
        self.a.asked.clear()
        second = self.connect(state=state)
        self.assertEqual((second.height, second.network), (height, self.node.genesis.network_hex))
        self.assertEqual({place.url for place in second.places}, set(self.seeds))
        self.assertEqual(self.epochs_asked(), [2])
        answer = self.run_now(second.call("getrecord", self.node.name("metropolis")))
        self.assertEqual(answer.checked, "proof")

    def test_back(self) -> None:
        """Older epochs are learned when they are needed: a subscription from the beginning goes through all of them."""
        self.node.put("1")
        self.appoint(2)
        self.node.put("2")
        self.node.pass_time(1.0)
        first = self.connect()
        self.run_now(first.call("getdatahash"))
        second = self.connect(state=first.save())
        subscription = self.run_now(second.subscribe("records", None, LogPlace(0, 0)))
        for key in ("1", "2"):
            self.assertEqual(json.loads(bytes(self.run_now(anext(subscription)).raw))["key"], key)
        self.assertEqual(self.accused, [])

    def test_other_chain(self) -> None:
        """A node whose epochs do not go on from those that were verified is of no use."""
        self.appoint()
        first = self.connect()
        saved = decode_session(first.save(), NOW)
        assert saved.epoch is not None
        other = Epoch(saved.network, saved.epoch.number, (make_key(9).public,), saved.epoch.base)
        state = encode_session(SavedSession(saved.network, 0, other, None, []))
        failure = self.failureResultOf(self.begin(state=state), ConnectionFailed)
        self.assertIn("do not go on", failure.value.message)

    def test_other_network(self) -> None:
        """A state of another network than the one asked for is told at once."""
        state = self.connect().save()
        self.failureResultOf(self.begin(state=state, network="ab" * 32), StateInvalid)
        self.failureResultOf(self.begin(state=b"nothing"), StateInvalid)

    def test_liar(self) -> None:
        """A liar is not asked by the next session either."""
        first = self.connect()
        [liar] = [place for place in first.places if place.url == "ws://a:1"]
        liar.lie = "It said that two and two are five."
        second = self.connect(state=first.save())
        self.assertNotEqual(self.run_now(second.call("getdatahash")).url, "ws://a:1")
        self.assertEqual(second.places[-1].lie, liar.lie)

    def test_unchecked(self) -> None:
        """A session that checks nothing saves places and height alone."""
        first = self.connect(verify="none")
        second = self.connect(state=first.save())
        self.assertEqual(self.run_now(second.call("getdatahash")).checked, "proof")
