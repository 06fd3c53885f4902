"""`@stage`: Airflow's `@task`, speaking contracts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, overload

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from windtunnel.core.contracts import Contract
from windtunnel.core.errors import Final

if TYPE_CHECKING:
    from windtunnel.orchestration.links import Page

Task = Callable[..., Any]


@overload
def stage(body: Task, /) -> Task: ...
@overload
def stage(*, link: Page | None = None, **task_arguments: Any) -> Callable[[Task], Task]: ...
def stage(body: Task | None = None, /, *, link: Page | None = None, **task_arguments: Any) -> Any:
    """A task whose body calls one stage function and returns what it made.

    The contracts it returns travel as JSON and become the `extra` of the events of its outlets. A stage that
    returns None had nothing to do, and said why in its log: the task is skipped. A `Final` error fails the task
    without a retry.

    Args:
        body: The function to run as a task.
        link: The page of what it makes, a button of the task in the UI.
        task_arguments: Arguments of `@task`.
    """
    if body is None:
        return functools.partial(stage, link=link, **task_arguments)

    @functools.wraps(body)
    def run(*args: Any, **kwargs: Any) -> Any:
        with final():
            made = body(*args, **kwargs)
        if made is None:
            raise AirflowSkipException("Nothing to do; the log above says why.")
        result = _as_json(made)
        context = get_current_context()
        for outlet in context["task"].outlets:
            context["outlet_events"][outlet].extra = result
        return result

    made_of = task(**task_arguments)(run)
    if link is None:
        return made_of

    @functools.wraps(body)
    def linked(*args: Any, **kwargs: Any) -> Any:
        # Airflow takes links from an operator's class, and reads them from the operator.
        called = made_of(*args, **kwargs)
        called.operator.operator_extra_links = (link,)
        return called

    return linked


def contracts(values: Iterable[dict[str, Any]], *kinds: type[Contract]) -> list[Any]:
    """The contracts back from the JSON in which they travelled, in the same order."""
    return [kind.from_json(value) for kind, value in zip(kinds, values, strict=True)]


@contextmanager
def final() -> Iterator[None]:
    """A `Final` error fails the task at once: a retry would meet the same fault."""
    try:
        yield
    except Final as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error


def _as_json(made: Any) -> Any:
    if isinstance(made, Contract):
        return made.to_json()
    if isinstance(made, dict):
        return {name: _as_json(value) for name, value in made.items()}
    if isinstance(made, list | tuple):
        return [_as_json(item) for item in made]
    return made
