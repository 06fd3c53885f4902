"""The forms of the DAGs that people start: which fields they have, and what a filled-in form means.

Airflow 3.3.1 checks each field by its schema when a run is asked for, from the page or by REST, and answers 400 with the
schema, in which `description_md` says what is allowed. It does not compare fields, and takes names that it does not know:
that is refused by the first task, before it does anything. Months are meant as people say them, the last one included.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from airflow.sdk import Param, get_current_context
from airflow.sdk.exceptions import AirflowFailException

from windtunnel.core.contracts import TrainingRequest
from windtunnel.core.errors import SpecInvalid, WindowInvalid, quoted
from windtunnel.core.hyperparameters import Hyperparameter, declared
from windtunnel.core.spec import Arrival, ModelSpec
from windtunnel.core.window import Window
from windtunnel.orchestration import trigger

Fields = dict[str, Param]

SUGGESTED_YEARS = 5
"""Of a source without an end, whose months are typed. A list that grew with the clock would make a new DAG version."""

_MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"


def reason(goes: str) -> Param:
    """Why somebody starts this: ten characters that are more than blanks.

    Args:
        goes: Where the reason goes on record.
    """
    return Param(
        type="string",
        minLength=10,
        pattern=r"^\s*(?:\S\s*){10}",
        title="Reason",
        description_md=f"Ten characters or more: why, in words that somebody understands a year from now. {goes}",
    )


def retrain(spec: ModelSpec) -> Fields:
    """Fields of the wish for a retrain.

    Raises:
        SpecInvalid: A hyper-parameter has the name of another field, or cannot be read.
    """
    train = f"the {_counted(spec.windows.train_months)} before the holdout"
    holdout = f"the newest {_counted(spec.windows.holdout_months)}"
    fields = {
        "reason": reason("Goes on record with the version and stands in the dossier."),
        "training_from": _month(
            spec.arrival, "Training from", "First month; they end before the holdout begins.", train, "Months"
        ),
        "training_to": _month(spec.arrival, "Training to", "Last month, included.", train, "Months"),
        "holdout_from": _month(
            spec.arrival,
            "Holdout from",
            "First month of those that judge it, which training may not see.",
            holdout,
            "Months",
        ),
        "holdout_to": _month(spec.arrival, "Holdout to", "Last month, included.", holdout, "Months"),
    }
    force = Param(
        False,
        type="boolean",
        title="Register it even if the gate says no",
        description_md="Your name and the reason go on record and into the dossier.",
        section="Gate",
    )
    commit = Param(
        None,
        type=["null", "string"],
        pattern="^[0-9a-f]{40}$",
        title="Commit",
        description_md="Forty digits of a commit of main that was deployed here, for a program that asks after a merge: it "
        "is refused unless its folder of the model is the one deployed. Empty: whatever is deployed.",
        section="Code",
    )
    fields |= {"commit": commit}
    rules = declared(spec.name)
    if taken := rules.keys() & {*fields, "force"}:
        raise SpecInvalid(
            f"`{spec.name}` calls a hyper-parameter {quoted(taken)}, and the retrain form has a field of that name. "
            "Give it another name in estimator.py and pass it on in `build`."
        )
    return fields | {name: _number(name, rule) for name, rule in rules.items()} | {"force": force}


def wish(spec: ModelSpec) -> TrainingRequest:
    """What the person of this run wishes. A hyper-parameter at its default is none: the work is the same as without.

    Raises:
        WindowInvalid: Two months make no window.
    """
    rules, form = declared(spec.name), given(retrain(spec))
    return TrainingRequest(
        model=spec.name,
        train=_window("Training", form["training_from"], form["training_to"]),
        holdout=_window("Holdout", form["holdout_from"], form["holdout_to"]),
        hyperparameters={
            name: str(int(form[name]) if rule.kind == "int" else form[name])
            for name, rule in rules.items()
            if form[name] != rule.default
        },
        reason=form["reason"].strip(),
        requested_by=trigger.person(),
        force=form["force"],
        commit=form["commit"],
    )


def ingest(spec: ModelSpec) -> Fields:
    """Fields of an ingestion by hand."""
    newest, same = "the newest published month, once more", "the same month"
    return {
        "month_from": _month(
            spec.arrival, "Month", "A month replaces itself exactly: none is lost, none twice.", newest
        ),
        "month_to": _month(spec.arrival, "To month", "Last month, included; empty for one month only.", same),
    }


def months(spec: ModelSpec) -> Window | None:
    """The months that the person of this run names; None: no month.

    Raises:
        WindowInvalid: They are no window.
    """
    form = given(ingest(spec))
    return _window("Ingestion", form["month_from"], form["month_to"] or form["month_from"])


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The values of this run's form.

    Raises:
        AirflowFailException: The run was asked for with a field that the form does not have.
    """
    context = get_current_context()
    if unknown := (context["dag_run"].conf or {}).keys() - fields.keys():
        raise AirflowFailException(
            f"The form of `{context['dag_run'].dag_id}` has no field {quoted(unknown)}. It has: "
            f"{quoted(fields, most=99)}. Correct the name or leave it out; nothing was started."
        )
    return {name: context["params"][name] for name in fields}


def _month(arrival: Arrival, title: str, about: str, empty: str, section: str | None = None) -> Param:
    """A choice among the months of a source that has ended, else a month to type; empty by default."""
    schema: dict[str, Any] = {"type": ["null", "string"], "title": title}
    if arrival.last:
        # Under the name `None`, which Airflow's documents give, the form of 3.3.1 shows this text for every month.
        schema |= {"enum": [None, *_known(arrival)], "values_display": {"null": empty[0].upper() + empty[1:]}}
    else:
        schema |= {"pattern": _MONTH, "examples": [*_known(arrival)]}
        about = f"{about} Written as `{arrival.first}`; empty: {empty}."
    if section:
        schema["section"] = section
    return Param(None, description_md=about, **schema)


@cache
def _known(arrival: Arrival) -> tuple[str, ...]:
    first = Window.month(arrival.first)
    last = Window.month(arrival.last) if arrival.last else None
    end = last.end if last else first.start.replace(year=first.start.year + SUGGESTED_YEARS)
    return tuple(month.label for month in Window(start=first.start, end=end).months())


def _counted(months: int) -> str:
    return "month" if months == 1 else f"{months} months"


def _number(name: str, rule: Hyperparameter) -> Param:
    whole = rule.kind == "int"
    default = int(rule.default) if whole else rule.default
    return Param(
        default,
        type="integer" if whole else "number",
        minimum=rule.low,
        maximum=rule.high,
        title=name,
        description_md=f"{rule.about} From {rule.low:,g} to {rule.high:,g}; {default:,g} unless you say otherwise.",
        section="Hyper-parameters",
    )


def _window(what: str, first: str | None, last: str | None) -> Window | None:
    """From first to last month, both included: the one place where a form's months become a window."""
    if not first and not last:
        return None
    if not first or not last:
        raise WindowInvalid(f"{what} runs from `{first}` to `{last}`. Choose both months, or neither.")
    begin, end = Window.month(first), Window.month(last)
    if begin.start > end.start:
        raise WindowInvalid(
            f"{what} runs from `{first}` to `{last}`, backwards. Let it end in the month it begins with, or later."
        )
    return Window.around([begin, end])
