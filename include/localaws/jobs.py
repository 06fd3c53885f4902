"""The job slots: how many jobs run at a time, in the order in which they came."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

log = logging.getLogger(__name__)
Key = tuple[str, str, str]

INTERRUPTED = "InternalServerError: the embedded AWS was stopped while the job ran. Start it again under a new name."
BROKEN = "InternalServerError: the embedded AWS failed while it ran the job: {error}. Its log has the traceback."


class JobFailed(Exception):
    """The job ends Failed; the text is its FailureReason, in AWS's form `AlgorithmError: ...` or `ClientError: ...`."""


class Job:
    """One job that runs or waits for a slot."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.stop = threading.Event()


Run = Callable[[Job], None]
Fail = Callable[[str], object]


class Jobs:
    """All jobs of the process, each in a thread of its own."""

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._waiting: deque[Job] = deque()
        self._running: dict[Key, Job] = {}
        self._threads: dict[Key, threading.Thread] = {}
        self._change = threading.Condition()

    def start(self, key: Key, run: Run, fail: Fail, *, slot: bool = True) -> None:
        """Runs a job when a slot is free.

        Args:
            key: Region, kind and name.
            run: The job's whole work. When the job is stopped while it waits, `run` is called at once, without a slot
                and with `job.stop` set: it then has only to write the ending.
            fail: Ends the job Failed for a reason; called when `run` itself breaks, so that no job runs for ever.
            slot: False for work that waits for other jobs, such as a tuning job: it must not hold a slot they need.
        """
        job = Job(key)
        thread = threading.Thread(
            target=self._work, args=(job, run, fail, slot), name=f"{key[1]}/{key[2]}", daemon=True
        )
        with self._change:
            self._running[key] = job
            self._threads[key] = thread
            if slot:
                self._waiting.append(job)
        thread.start()

    def stop(self, key: Key) -> bool:
        """Asks a job to stop; False when it does not run here."""
        with self._change:
            job = self._running.get(key)
            if job is None:
                return False
            job.stop.set()
            self._change.notify_all()
            return True

    def close(self, seconds: float) -> None:
        """Asks all jobs to stop and waits for them, at most so long in all."""
        with self._change:
            threads = list(self._threads.values())
            for job in self._running.values():
                job.stop.set()
            self._change.notify_all()
        for thread in threads:
            thread.join(seconds / len(threads))

    def _work(self, job: Job, run: Run, fail: Fail, slot: bool) -> None:
        held = slot and self._take_slot(job)
        try:
            run(job)
        except Exception as error:
            log.exception("The job %s broke.", job.key)
            fail(BROKEN.format(error=f"{type(error).__name__}: {error}"))
        finally:
            with self._change:
                if held:
                    self._free += 1
                del self._running[job.key], self._threads[job.key]
                self._change.notify_all()

    def _take_slot(self, job: Job) -> bool:
        with self._change:
            self._change.wait_for(lambda: job.stop.is_set() or (self._free > 0 and self._waiting[0] is job))
            self._waiting.remove(job)
            if job.stop.is_set():
                return False
            self._free -= 1
            self._change.notify_all()
            return True
