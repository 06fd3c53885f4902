"""The live endpoint of a model: what it should serve, what it does serve, and asking it."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from windtunnel.aws import registry
from windtunnel.aws.clients import client
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import RegisteredVersion
from windtunnel.core.settings import settings
from windtunnel.core.workkey import work_key

log = logging.getLogger(__name__)

VARIANT = "champion"


def endpoint_name(model: str) -> str:
    """Name of the live endpoint of a model."""
    return f"windtunnel-{model}"


def capture_prefix(model: str) -> str:
    """Address under which SageMaker writes what the endpoint was asked and answered."""
    return settings().uri("capture", model)


def deployment(registered: RegisteredVersion) -> dict[str, Any]:
    """Bodies of CreateModel, CreateEndpointConfig and CreateEndpoint for a version.

    Names come from the version and from the settings they carry: the same version with other settings is another config.
    """
    version = registered.package_arn.rsplit("/", 1)[1]
    model_name = f"{registered.model}-{version}"
    serving = model_spec(registered.model).serving
    config: dict[str, Any] = {
        "ProductionVariants": [
            {
                "VariantName": VARIANT,
                "ModelName": model_name,
                "InstanceType": settings().endpoint_instance_type,
                "InitialInstanceCount": settings().endpoint_instance_count,
                "InitialVariantWeight": 1.0,
            }
        ],
        "DataCaptureConfig": {
            "EnableCapture": serving.capture_percent > 0,
            "InitialSamplingPercentage": serving.capture_percent,
            "DestinationS3Uri": capture_prefix(registered.model),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"], "CsvContentTypes": ["text/csv"]},
        },
    }
    config_name = f"{model_name}-{work_key(config=config)[:8]}"
    return {
        "Model": {
            "ModelName": model_name,
            "ExecutionRoleArn": settings().role_arn,
            "Containers": [{"ModelPackageName": registered.package_arn}],
        },
        "EndpointConfig": {"EndpointConfigName": config_name, **config},
        "Endpoint": {"EndpointName": endpoint_name(registered.model), "EndpointConfigName": config_name},
    }


def champion(model: str) -> RegisteredVersion | None:
    """The version that the live endpoint serves, read from the endpoint itself; None before the first release."""
    described = describe(model)
    if described is None or "EndpointConfigName" not in described:
        log.info("`%s` has no live endpoint yet", model)
        return None
    config = client("sagemaker").describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    served = client("sagemaker").describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    return registry.read(served["Containers"][0]["ModelPackageName"])


def describe(model: str) -> dict[str, Any] | None:
    """SageMaker's description of the endpoint, or None if there is none."""
    try:
        return dict(client("sagemaker").describe_endpoint(EndpointName=endpoint_name(model)))
    except ClientError as error:
        if "Could not find" in error.response["Error"]["Message"]:
            return None
        raise


def predict(model: str, rows: Sequence[dict[str, Any]], *, inference_id: str | None = None) -> list[float]:
    """Ask the live endpoint.

    Args:
        model: Name of the model.
        rows: One dict of features per row.
        inference_id: Names the request, so that its label can be joined later.

    Returns:
        One prediction per row, in the unit of the model.
    """
    named = {"InferenceId": inference_id} if inference_id else {}
    answer = client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint_name(model),
        ContentType="application/json",
        Accept="application/json",
        Body=json.dumps({"instances": list(rows)}),
        **named,
    )
    return [float(value) for value in json.loads(answer["Body"].read())["predictions"]]
