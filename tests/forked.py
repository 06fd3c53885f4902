"""A stage in a process of its own, which a test kills or freezes at a mark: what Airflow's worker does, and its faults.

The child is a fork, so it starts in milliseconds with everything imported; settings and clients are its own.
"""

from __future__ import annotations

import os
import pickle  # noqa: TID251 - what our own child says over our own pipe
import signal
import traceback
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, NoReturn, Self

from tests import flown
from windtunnel.core import marks
from windtunnel.core.settings import settings

Work = Callable[[], Any]
PATIENCE_SECONDS = 120
_reach = marks._reach


class NotReached(AssertionError):
    """The work came to its end without reaching the mark it should have died at."""


@dataclass(frozen=True)
class Ending:
    """How a child ended: with what it returned or raised, and the marks it reached."""

    returned: Any
    raised: BaseException | None
    reached: tuple[str, ...]

    def result(self) -> Any:
        """What it returned; raises what it raised."""
        if self.raised is not None:
            raise self.raised
        return self.returned


class Child:
    """A forked copy of this process that does one piece of work.

    Args:
        work: What to do; what it returns and raises must be picklable.
        kill_at: The mark where it dies, as the setting of that name says.
        freeze_at: The mark where it stops as by `kill -STOP`, once.
        survive: It dies at the first mark that is not among these; None: only at `kill_at`.
    """

    def __init__(
        self, work: Work, *, kill_at: str = "", freeze_at: str = "", survive: Collection[str] | None = None
    ) -> None:
        self._mine, theirs = get_context("fork").Pipe(duplex=False)
        with (
            warnings.catch_warnings()
        ):  # threads of numpy and pyarrow stand idle between calls and are not needed again
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            _live(work, theirs, kill_at, freeze_at, survive)
        self._gone = False
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no child behind, however the test went."""
        if not self._gone:
            os.kill(self.pid, signal.SIGKILL)
            self._wait()

    def ended(self) -> Ending:
        """Wait for its end.

        Raises:
            AssertionError: It was killed, or hung.
        """
        said = self._said()
        status = self._wait()
        assert said is not None, f"The child said nothing and ended with status {status}."
        return said

    def killed(self) -> None:
        """Wait for its death at the mark.

        Raises:
            NotReached: It came to its end, or died of something else.
        """
        said = self._said()
        status = self._wait()
        if said is not None:
            raise NotReached(f"It reached only {said.reached}.") from said.raised
        assert os.WIFSIGNALED(status), status
        assert os.WTERMSIG(status) == signal.SIGKILL, status

    def ended_or_killed(self) -> Ending | None:
        """Wait for its end, or for its death at the mark."""
        said = self._said()
        status = self._wait()
        assert said is not None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL), status
        return said

    def ended_or_died(self) -> Ending | str:
        """Wait for its end, or for its death at a mark it was not to survive, which is the answer then."""
        said = self._mine.recv() if self._mine.poll(PATIENCE_SECONDS) else b""
        status = self._wait()
        if isinstance(said, str):
            assert os.WIFSIGNALED(status), status
            assert os.WTERMSIG(status) == signal.SIGKILL, status
            return said
        return _heard(said)

    def still_at_it(self) -> bool:
        """Whether it has neither ended nor died."""
        return not self._mine.poll() and os.waitpid(self.pid, os.WNOHANG) == (0, 0)

    def frozen(self) -> None:
        """Wait until it stands still at the mark."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            self._gone = True
            said = self._said()
            assert said is not None, status
            raise NotReached(f"It reached only {said.reached}.") from said.raised

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _said(self) -> Ending | None:
        assert self._mine.poll(PATIENCE_SECONDS), f"Child {self.pid} hangs."
        try:
            spoken = self._mine.recv()
        except EOFError:
            return None
        return _heard(spoken)

    def _wait(self) -> int:
        self._gone = True
        return os.waitpid(self.pid, 0)[1]


def run(work: Work) -> Any:
    """What the work returns, done in a child; raises what it raises."""
    with Child(work) as child:
        return child.ended().result()


def run_killed_everywhere(work: Work) -> tuple[list[str], Ending]:
    """Do the work in a child that dies at its first mark; again, in one that dies at the next; until one gets through.

    Each retry finds what all the deaths before it left behind.

    Returns:
        The marks at which it was killed, in order, and how the one that got through ended.
    """
    killed: list[str] = []
    while True:
        with Child(work, survive=killed) as child:
            ending = child.ended_or_died()
        if isinstance(ending, Ending):
            return killed, ending
        killed.append(ending)


def _heard(spoken: bytes) -> Ending:
    return Ending(*pickle.loads(spoken))  # noqa: S301 - our own child's words


def _live(work: Work, theirs: Connection, kill_at: str, freeze_at: str, survive: Collection[str] | None) -> NoReturn:
    reached: list[str] = []

    def noticed(mark: str) -> None:
        reached.append(mark)
        if mark == freeze_at and reached.count(mark) == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
        if survive is not None and mark not in survive:
            theirs.send(mark)
            os.environ["WINDTUNNEL_KILL_AT"] = mark
            settings.cache_clear()
        _reach(mark)

    returned, raised = None, None
    try:
        os.environ["WINDTUNNEL_KILL_AT"] = kill_at
        flown.forget()
        marks._reach = noticed
        returned = work()
    except BaseException as error:  # noqa: BLE001 - the parent judges
        error.add_note(traceback.format_exc())
        raised = error
    finally:
        theirs.send(_spoken(returned, raised, reached))
        os._exit(0)


def _spoken(returned: Any, raised: BaseException | None, reached: list[str]) -> bytes:
    try:
        said = pickle.dumps((returned, raised, tuple(reached)))
        pickle.loads(said)  # noqa: S301
    except Exception:  # noqa: BLE001 - an error of botocore cannot be pickled; its text can
        told = RuntimeError("".join(traceback.format_exception(raised)) if raised else f"cannot be pickled: {returned}")
        said = pickle.dumps((None, told, tuple(reached)))
    return said
