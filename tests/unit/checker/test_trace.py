"""A trace is read as it was written, and tells people what happened."""

from __future__ import annotations

from pathlib import Path

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from tests.checker import trace

EVENTS = [
    trace.Began(0.5, 7, 1, "proof", 0, ["ws://a:1"]),
    trace.Opened(0.6, 7, 0, "ratings", {}, (3, 0)),
    trace.Hopped(0.7, 7, 1, []),
    trace.Took(1.0, 7, 0, (4, 2), "ab" * 8, "proof", "ws://a:1"),
    trace.Answered(1.5, 7, 1, 1.2, "getdatahash", {}, 4, 5, "proof", None, msgspec.Raw(b"{}"), "ws://a:1"),
    trace.Unanswered(2.0, 7, 1, 1.6, "getrecord", ["ws://b:1"], "it hangs"),
    trace.Named(2.5, 7, 1, "ws://b:1", "cd" * 32, "proof_row_wrong", True),
    trace.Final(3.0, 8, 1, "ef" * 32, None, "rating_own"),
]


class TraceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        with self.path.open("wb") as file:
            self.recorder = trace.Recorder(file)
            for event in EVENTS:
                self.recorder.add(event)

    def test_round_trip(self) -> None:
        """Nothing is lost; items and answers are counted; what the end cut off is left out."""
        self.assertEqual(self.recorder.counted, 2)
        whole = self.path.read_bytes()
        self.path.write_bytes(whole + b'["Took",1')
        told = list(trace.read(self.path))
        self.assertEqual([type(event) for event in told], [type(event) for event in EVENTS])
        self.assertEqual([str(event) for event in told], [str(event) for event in EVENTS])

    def test_words(self) -> None:
        """One client's lines within some time, with what happened to the nodes meanwhile."""
        events = [*EVENTS, trace.Noted(1.1, "node 2 is killed")]
        self.assertEqual(
            list(trace.tell(sorted(events, key=lambda event: event.at), 7, 0.9, 1.6)),
            [
                "    1.000  client  7  takes 4:2 of stream 0 near ws://a:1 (proof, " + "ab" * 8 + ")",
                "    1.100             node 2 is killed",
                "    1.500  client  7  asked getdatahash {} with 4 seen, is told by ws://a:1 at 5 (proof, 0.30 s): {}",
            ],
        )
