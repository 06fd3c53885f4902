"""A merge that touches a model's folder asks for its retrain, once, with the commit, in the words that the form takes."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from local.fault import LocalFault
from local.merged import MODELS, ask, changes, wish
from tests.actions.conftest import Checkout
from windtunnel.core.catalog import model_spec
from windtunnel.orchestration import form

COMMIT, CHANGE = "a1" * 20, "b2" * 20


@pytest.fixture
def mwaa() -> Any:
    """A client of MWAA, whose calls botocore checks against the service's own model before a stub answers."""
    return boto3.client("mwaa")


def test_each_model_has_the_commit_that_last_touched_its_folder(checkout: Checkout) -> None:
    first = checkout.git("rev-parse", "HEAD")
    assert changes(checkout.root, first) == {"flights": first}
    parcels = checkout.commit("Parcels", f"{MODELS}/parcels/spec.py", "SPEC = 1\n")
    readme = checkout.commit("Words", "README.md", "Words\n")
    assert changes(checkout.root, readme) == {"flights": first, "parcels": parcels}
    deeper = checkout.commit("Deeper trees", f"{MODELS}/flights/estimator.py", "DEPTH = 3\n")
    assert changes(checkout.root, deeper) == {"flights": deeper, "parcels": parcels}
    checkout.git("rm", "-r", "--quiet", f"{MODELS}/parcels")
    gone = checkout.commit("No parcels", "README.md", "No parcels\n")
    assert changes(checkout.root, gone) == {"flights": deeper}, "a model that is gone is not asked for"


def test_the_commit_inside_a_merged_branch_counts(checkout: Checkout) -> None:
    checkout.git("switch", "--quiet", "--create", "draft")
    draft = checkout.commit("Deeper trees", f"{MODELS}/flights/estimator.py", "DEPTH = 3\n")
    checkout.git("switch", "--quiet", "main")
    checkout.commit("Words", "README.md", "Words\n")
    checkout.git("merge", "--quiet", "--no-ff", "--no-edit", "draft")
    merge = checkout.git("rev-parse", "HEAD")
    assert changes(checkout.root, merge) == {"flights": draft}


def test_a_commit_that_is_not_there_is_a_fault(checkout: Checkout) -> None:
    with pytest.raises(LocalFault, match="COMMIT is a commit of this checkout"):
        changes(checkout.root, "f" * 40)


def test_the_wish_is_one_that_the_form_takes() -> None:
    body = wish("dev", "flights", COMMIT, CHANGE, "A")["Body"]
    fields = form.retrain(model_spec("flights"))
    assert body["conf"].keys() <= fields.keys()
    assert {name: fields[name].resolve(value) for name, value in body["conf"].items()} == body["conf"]
    assert body["dag_run_id"] == f"merged-{CHANGE}"


def test_a_retrain_is_asked_for(mwaa: Any) -> None:
    call = wish("dev", "flights", COMMIT, CHANGE, "Deeper trees")
    with Stubber(mwaa) as stub:
        stub.add_response("invoke_rest_api", {"RestApiStatusCode": 200, "RestApiResponse": {}}, call)
        assert ask(mwaa, call)
        stub.assert_no_pending_responses()


def test_asked_for_twice_is_asked_for_once(mwaa: Any) -> None:
    call = wish("dev", "flights", COMMIT, CHANGE, "Deeper trees")
    assert not ask_answered(mwaa, call, 409, "A DagRun with this id is there")


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_a_wish_that_airflow_does_not_take_fails_with_what_it_said(mwaa: Any, status: int) -> None:
    call = wish("dev", "flights", COMMIT, CHANGE, "Deeper trees")
    with pytest.raises(LocalFault, match=rf"`windtunnel-dev` does not take a POST.*{status}.*No right.*DataScientist"):
        ask_answered(mwaa, call, status, "No right")


def ask_answered(mwaa: Any, call: dict[str, Any], status: int, detail: str) -> bool:
    with Stubber(mwaa) as stub:
        kind = "RestApiClientException" if status < 500 else "RestApiServerException"
        stub.add_client_error(
            "invoke_rest_api",
            kind,
            modeled_fields={"RestApiStatusCode": status, "RestApiResponse": {"detail": detail}},
        )
        return ask(mwaa, call)
