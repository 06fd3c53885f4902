"""Buttons of a task that open our own page of what it made, or of what stopped it.

Airflow works a link out on the worker when a task ends, well or badly, and keeps it as an XCom: the API server reads a
text and needs none of our code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from windtunnel.core.settings import settings
from windtunnel.core.window import Window

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

_INSIDE = ("landed", "loaded", "verdict", "registered", "rehearsed", "dossier")
"""Members of contracts in which another contract says the window or the version."""


def page(path: str) -> str:
    """Where a browser finds one of our pages, inside Airflow's own frame.

    Args:
        path: Such as `/windtunnel/models/flights`.
    """
    return f"{settings().airflow_url}/plugin/models?view={quote(path, safe='')}"


def model(name: str) -> str:
    """Path of a model's page."""
    return f"/windtunnel/models/{name}"


def version(name: str, number: str) -> str:
    """Path of a version's page."""
    return f"{model(name)}/versions/{number}"


def dossier(name: str, number: str) -> str:
    """Path of a version's dossier."""
    return f"{model(name)}/dossiers/{number}"


def drift(name: str, window: Window) -> str:
    """Path of the drift report of a window."""
    return f"{model(name)}/drift?window={window.label}"


def data(name: str, window: Window) -> str:
    """Path of what was found in the data of a window."""
    return f"{model(name)}/data?window={window.label}"


class Page(BaseOperatorLink):
    """A button that opens a page about a model.

    Args:
        model: Name of the model.
    """

    def __init__(self, model: str) -> None:
        self.model = model

    def path(self, said: list[Any]) -> str | None:
        """Path of the page; None where there is none.

        Args:
            said: What the task made, if it came to that, then what it was given; as JSON.
        """
        raise NotImplementedError

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address, which Airflow asks for on the worker when the task has ended; empty: no button."""
        from airflow.sdk.execution_time.xcom import XCom

        given = [getattr(operator, field, None) for field in operator.template_fields]
        path = self.path([XCom.get_value(ti_key=ti_key, key="return_value"), *given])
        return page(path) if path else ""


class Model(Page):
    """The model: its versions, what is live, what waits for whom."""

    name = "Model"

    def path(self, said: list[Any]) -> str | None:  # noqa: ARG002 - always the same page
        return model(self.model)


class Version(Page):
    """The version that was made, moved or refused."""

    name = "Version"

    def path(self, said: list[Any]) -> str | None:
        number = next(_found(said, "version"), None)
        return version(self.model, number) if number else None


class Dossier(Page):
    """The evidence for a version."""

    name = "Dossier"

    def path(self, said: list[Any]) -> str | None:
        number = next(_found(said, "version"), None)
        return dossier(self.model, number) if number else None


class DriftReport(Page):
    """The report of the newest window that was looked at."""

    name = "Drift report"

    def path(self, said: list[Any]) -> str | None:
        found = next(_found(said, "window"), None)
        return drift(self.model, Window.model_validate(found)) if found else None


class DataQuality(Page):
    """What was found in the data, also where it was rejected."""

    name = "Data quality"

    def path(self, said: list[Any]) -> str | None:
        # One list of files at a time: what was given holds no other window than what was made.
        found = [Window.model_validate(window) for window in _found(said, "window")]
        return data(self.model, Window.around(found)) if found else None


def _found(said: Any, name: str) -> Iterator[Any]:
    """Every value under a name, the outermost of each contract."""
    if isinstance(said, list | tuple):
        for each in said:
            yield from _found(each, name)
    elif isinstance(said, dict) and name in said:
        yield said[name]
    elif isinstance(said, dict):
        for inside in _INSIDE:
            if inside in said:
                yield from _found(said[inside], name)
