"""The job slots by themselves: a runner that breaks must not leave its job running for ever."""

from __future__ import annotations

import threading

from localaws.jobs import Job, Jobs

KEY = ("us-east-1", "training-job", "broken")


def breaks(_: Job) -> None:
    raise KeyError("TrainingStartTime")


def test_a_runner_that_breaks_ends_its_job_with_the_reason() -> None:
    ended = threading.Event()
    reasons: list[str] = []

    def fail(reason: str) -> None:
        reasons.append(reason)
        ended.set()

    Jobs(1).start(KEY, breaks, fail)
    assert ended.wait(5)
    assert reasons[0].startswith("InternalServerError: the embedded AWS failed while it ran the job: KeyError")


def test_a_broken_runner_gives_its_slot_back() -> None:
    jobs, second = Jobs(1), threading.Event()
    jobs.start(KEY, breaks, lambda _: None)
    jobs.start((*KEY[:2], "next"), lambda _: second.set(), lambda _: None)
    assert second.wait(5)
