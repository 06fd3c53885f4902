"""The API of a model: what the gateway hands on, what it answers, and that a changed method reaches the stage."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest

from infra.template import read, resources

SHOWN = ("Method", "Model", "RequestValidator", "GatewayResponse", "Resource", "RestApi")
"""Types whose properties a deployment is a picture of."""

API = resources(read("serving"))


def _methods() -> dict[str, dict[str, Any]]:
    return {name: body["Properties"] for name, body in API.items() if body["Type"] == "AWS::ApiGateway::Method"}


def test_the_deployment_has_the_name_of_what_it_shows() -> None:
    shown = {name: body for name, body in API.items() if body["Type"] in [f"AWS::ApiGateway::{kind}" for kind in SHOWN]}
    digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:8]
    (name,) = [name for name, body in API.items() if body["Type"] == "AWS::ApiGateway::Deployment"]
    assert name == f"Deployment{digest}", f"infra/stacks/serving.yaml: call the deployment `Deployment{digest}`, twice"
    assert API["Stage"]["Properties"]["DeploymentId"] == {"Ref": name}
    assert set(_methods()) <= set(API[name]["DependsOn"]), "a method that comes after the picture is not in it"


@pytest.mark.parametrize("name", ["Predict", "Batch", "Stream"])
def test_every_path_needs_a_key_and_goes_straight_to_the_endpoint(name: str) -> None:
    method = _methods()[name]
    assert method["ApiKeyRequired"] is True
    assert method["AuthorizationType"] == {"Fn::If": ["Signed", "AWS_IAM", "NONE"]}
    assert method["RequestValidatorId"] == {"Ref": "Validator"}
    uri = method["Integration"]["Uri"]["Fn::Sub"]
    assert uri.endswith(":runtime.sagemaker:path//endpoints/windtunnel-${Model}/invocations")
    answered = {each["StatusCode"] for each in method["Integration"]["IntegrationResponses"]}
    assert answered == {each["StatusCode"] for each in method["MethodResponses"]} == {200, 400, 502}


@pytest.mark.parametrize(
    ("body", "allowed"),
    [
        ({"instances": [{"carrier": "UA"}]}, True),
        ({"instances": [["UA", 1]]}, True),
        ({"columns": ["carrier"], "rows": [["UA"]]}, True),
        ({"instances": []}, False),
        ({"instances": ["UA"]}, False),
        ({"instances": [{}] * 10_001}, False),
        ({"columns": ["carrier"]}, False),
        ({"instances": [{}], "columns": ["carrier"], "rows": [["UA"]]}, False),
        ([1, 2], False),
    ],
    ids=str,
)
def test_the_gateway_refuses_what_is_no_request(body: Any, allowed: bool) -> None:
    import jsonschema

    found = jsonschema.Draft4Validator(API["Rows"]["Properties"]["Schema"]).is_valid(body)
    assert found is allowed


def test_one_row_is_wrapped_for_the_container_and_its_answer_unwrapped() -> None:
    integration = _methods()["Stream"]["Integration"]
    row = '{"carrier": "UA"}'
    sent = json.loads(integration["RequestTemplates"]["application/json"].replace("$input.body", row))
    assert sent == {"instances": [json.loads(row)]}
    (template,) = integration["IntegrationResponses"][0]["ResponseTemplates"].values()
    assert json.loads(template.replace("$input.json('$.predictions[0]')", "-5.8")) == {"prediction": -5.8}


def test_what_the_model_refuses_is_answered_in_its_own_words() -> None:
    for method in _methods().values():
        refusal = next(each for each in method["Integration"]["IntegrationResponses"] if each["StatusCode"] == 400)
        assert re.fullmatch(refusal["SelectionPattern"], "424"), "SageMaker's word for a refusal by the container"
        (template,) = refusal["ResponseTemplates"].values()
        assert "$.OriginalMessage" in template
        assert "$.OriginalStatusCode" in template
