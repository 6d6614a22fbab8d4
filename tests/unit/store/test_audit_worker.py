"""Audits in processes of their own, of which an urgent one has two."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.ledger.positions import cursor
from cloudnode.store.audit.phases import LANES, PROCESS_PHASES
from cloudnode.store.audit.worker import (
    CALM,
    URGENT,
    WIDE,
    AuditHere,
    AuditLanes,
    AuditProcess,
    AuditWorker,
    Portion,
    start_audit_process,
)
from cloudnode.store.connection import connect
from tests.unit.store.network import SmallNetwork, random_operation


class Lane(AuditProcess):
    """A process that has got so far, or that is in a step which takes long."""

    def __init__(self, portion: Portion, is_slow: bool = False) -> None:
        self.portion = portion
        self.begun = 0
        self.is_slow = is_slow
        self.readable, self.end = os.pipe()

    @property
    def answers(self) -> int:
        return self.readable

    def begin_work(self, seconds: float) -> None:
        self.begun += 1
        if not self.is_slow:
            os.write(self.end, b"x")

    def end_work(self) -> Portion:
        os.read(self.readable, 1)
        return self.portion

    def close(self) -> None:
        os.close(self.readable)
        os.close(self.end)


class AuditWorkerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp(), accounts=8)
        random = Random(5)
        for _ in range(10):
            operations = [random_operation(self.network, random) for _ in range(25)]
            self.network.block(*{operation.id: operation for operation in operations}.values())
        self.network.store.close()

    def lanes(self) -> AuditLanes:
        return AuditLanes(
            [lambda phases=phases: AuditProcess(self.network.path, self.network.genesis, 0, phases) for phases in LANES]
        )

    def finish(self, worker: AuditWorker) -> Portion:
        with closing(worker):
            while True:
                portion = worker.work(0.05)
                if portion.done is None:
                    return portion
                self.assertTrue(0 <= portion.done <= 1)

    def alter(self, statement: str) -> None:
        with closing(connect(self.network.path)) as connection:
            self.assertEqual(connection.execute(statement).rowcount, 1)

    def test_effort(self) -> None:
        """Two processes where two may be used, else one; each gives way as it is told to."""
        self.patch(os, "cpu_count", lambda: 2)
        for effort, processes in ((CALM, 1), (WIDE, 2), (URGENT, 2)):
            worker = start_audit_process(self.network.path, self.network.genesis, effort)
            with closing(worker):
                self.assertIsNone(worker.work(60.0).done)
                lanes = worker._lanes if isinstance(worker, AuditLanes) else [worker]
                pids = [lane._process.pid for lane in lanes if isinstance(lane, AuditProcess)]
                nice = {os.getpriority(os.PRIO_PROCESS, pid) for pid in pids}
            expected = min(19, os.getpriority(os.PRIO_PROCESS, 0) + effort.nice)
            self.assertEqual((len(pids), nice), (processes, {expected}), effort)

    def test_sound(self) -> None:
        """Two processes look at as much as one, or as this one."""
        path, genesis = self.network.path, self.network.genesis
        portions = [
            self.finish(worker)
            for worker in (
                self.lanes(), AuditProcess(path, genesis, 0, tuple(PROCESS_PHASES)), AuditHere(path, genesis, URGENT),
            )
        ]  # fmt: skip
        self.assertEqual([portion.findings for portion in portions], [[], [], []])
        self.assertEqual(len({portion.rows for portion in portions}), 1)

    def test_first_lane(self) -> None:
        """A record that is altered."""
        self.alter("UPDATE records SET data = '{}' WHERE position = (SELECT max(position) FROM records WHERE live)")
        portion = self.finish(self.lanes())
        self.assertIn("is altered", portion.findings[0])
        self.assertEqual((portion.heights, portion.is_torn, portion.is_log_only), ([], False, False))

    def test_second_lane(self) -> None:
        """An operation that is altered, and the block that it is in."""
        self.alter("UPDATE operations SET body = 'x' WHERE position = (SELECT max(position) FROM operations)")
        portion = self.finish(self.lanes())
        self.assertIn("the body of 10:", portion.findings[0])
        self.assertEqual(portion.heights, [10])
        path, genesis = self.network.path, self.network.genesis
        for worker in (AuditProcess(path, genesis, 0, tuple(PROCESS_PHASES)), AuditHere(path, genesis, URGENT)):
            portion = self.finish(worker)
            self.assertEqual((portion.heights, portion.is_log_only), ([10], True))

    def test_log_only(self) -> None:
        """What one lane found is all there is to repair only once the other is through."""

        def make(done: float | None, findings: list[str], is_log_only: bool) -> Lane:
            return Lane(Portion(done, 1, findings, [7] if is_log_only else [], False, is_log_only))

        for state, log, expected in (
            (make(None, [], False), make(None, ["body"], True), True),
            (make(0.5, [], False), make(None, ["body"], True), False),
            (make(None, ["row"], False), make(None, ["body"], True), False),
            (make(None, ["block"], True), make(None, ["body"], True), True),
            (make(None, [], False), make(None, ["sum"], False), False),
        ):
            with closing(AuditLanes([lambda state=state: state, lambda log=log: log])) as lanes:
                portion = lanes.work(1)
                while portion.done is not None and not portion.findings:
                    portion = lanes.work(1)
            self.assertEqual((portion.done, portion.is_log_only), (None, expected))

    def test_long_step(self) -> None:
        """What one lane finds does not wait for a step of the other, nor does the end of a portion."""
        slow = Lane(Portion(0.1, 1, [], [], False), is_slow=True)
        quick = Lane(Portion(0.5, 1, ["row"], [], False))
        with closing(AuditLanes([lambda: slow, lambda: quick])) as lanes:
            portion = lanes.work(3600)
            self.assertEqual((portion.done, portion.findings), (0.25, ["row"]))
            quick.portion = Portion(None, 1, [], [], False)
            slow.portion = Portion(0.2, 1, [], [], False)
            lanes.work(0)
            self.assertEqual((slow.begun, quick.begun), (1, 2))
            os.write(slow.end, b"x")
            self.assertEqual(lanes.work(0).done, 0.6)

    def test_rest_of_the_time(self) -> None:
        """A lane that comes early out of what was begun before goes on for what is left of the time."""
        lane = Lane(Portion(0.5, 1, [], [], False))
        with closing(AuditLanes([lambda: lane])) as lanes:
            lanes.work(0.01)
            self.assertGreater(lane.begun, 1)
            begun, lane.portion = lane.begun, Portion(None, 1, [], [], False)
            self.assertIsNone(lanes.work(3600).done)
            self.assertEqual(lane.begun, begun + 1)

    def test_operations_are_shared_out(self) -> None:
        """Whichever block an operation is in, one of both lanes looks at it, and no more."""
        network = self.network = SmallNetwork(self.mktemp(), accounts=3)
        random = Random(6)
        for _ in range(34):
            network.block(random_operation(network, random))
        network.store.close()
        looked = [
            self.finish(AuditProcess(network.path, network.genesis, 0, (name,))).rows
            for name in ("some operations", "most operations")
        ]
        with closing(connect(network.path)) as connection:
            positions = [at for (at,) in connection.execute("SELECT position FROM operations")]
        self.assertEqual((sum(looked), 0 in looked), (len(positions), False))
        for at in positions[::11]:
            self.alter(f"UPDATE operations SET result = result + 1 WHERE position = {at}")
            self.assertEqual(self.finish(self.lanes()).heights, [cursor(at).height])
            self.alter(f"UPDATE operations SET result = result - 1 WHERE position = {at}")

    def test_both_lanes(self) -> None:
        """What both find is told in the order in which it came, so that the first so many stay the first."""
        self.alter("UPDATE records SET data = '{}' WHERE position = (SELECT max(position) FROM records WHERE live)")
        self.alter("UPDATE scores SET sum = sum + 1 WHERE created = (SELECT max(created) FROM scores)")
        with closing(self.lanes()) as lanes:
            told: list[str] = []
            done: float | None = 0.0
            while done is not None:
                portion = lanes.work(0.001)
                self.assertEqual(portion.findings[: len(told)], told)
                told, done = portion.findings, portion.done
        self.assertTrue(told)

    def test_page_that_cannot_be_read(self) -> None:
        """A process that a read of its mapping ended is followed by one without a mapping, and that one by none."""
        self.alter("UPDATE operations SET body = 'x' WHERE position = (SELECT max(position) FROM operations)")

        def end_early(number: signal.Signals = signal.SIGBUS) -> Portion:
            worker._process.send_signal(signal.SIGSTOP)
            worker.begin_work(0.0)
            worker._process.send_signal(number)
            worker._process.send_signal(signal.SIGCONT)
            return worker.end_work()

        for number in (signal.SIGBUS, signal.SIGSEGV):
            worker = AuditProcess(self.network.path, self.network.genesis, 0, tuple(PROCESS_PHASES))
            with closing(worker):
                self.assertIsNotNone(end_early(number).done)
                with self.assertRaisesRegex(ChildProcessError, f"status -{int(number)}"):
                    end_early(number)
        worker = AuditProcess(self.network.path, self.network.genesis, 0, tuple(PROCESS_PHASES))
        with closing(worker):
            end_early()
            self.assertIn("the body of 10:", self.finish(worker).findings[0])

    def test_cut_off_while_mapped(self) -> None:
        """A file that loses its end while it is read is a finding, not the end of all audits."""
        worker = AuditProcess(self.network.path, self.network.genesis, 0, tuple(PROCESS_PHASES))
        with closing(worker):
            self.assertIsNotNone(worker.work(0.0).done)
            os.truncate(self.network.path, 4096 * 4)
            self.assertTrue(self.finish(worker).is_torn)

    def test_killed(self) -> None:
        """A process that ends before its audit does is an error, not a finding; so is one that is interrupted."""
        with closing(self.lanes()) as lanes:
            lanes.interrupt()
            with self.assertRaises(OSError):
                lanes.work(1.0)
