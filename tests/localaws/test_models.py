"""Models and endpoint configurations: entries, refusals, and models made of registered packages."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from deployments import Deployments, variant


def refused(call: Any, message: str) -> None:
    """The call must be refused with a ValidationException of that message."""
    with pytest.raises(ClientError, match=message) as error:
        call()
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_a_model_is_described_as_it_was_made(deployments: Deployments, sagemaker: Any) -> None:
    model = deployments.model(OFFSET="1")
    described = sagemaker.describe_model(ModelName=model)
    assert described["ModelArn"].endswith(f":model/{model}")
    assert described["PrimaryContainer"]["Environment"] == {"OFFSET": "1"}
    assert described["EnableNetworkIsolation"] is False
    listed = sagemaker.list_models(NameContains=deployments.name)["Models"]
    assert [each["ModelName"] for each in listed] == [model]
    sagemaker.delete_model(ModelName=model)
    refused(lambda: sagemaker.describe_model(ModelName=model), "Could not find model")


def test_a_model_of_a_taken_name_or_without_its_data_is_refused(deployments: Deployments, sagemaker: Any) -> None:
    model = deployments.model()
    container = {"Image": deployments.aws.image, "ModelDataUrl": f"s3://{deployments.aws.bucket}/absent.tar.gz"}
    create = {"ExecutionRoleArn": deployments.aws.role, "PrimaryContainer": container}
    refused(lambda: sagemaker.create_model(ModelName=model, **create), "Cannot create already existing model")
    refused(
        lambda: sagemaker.create_model(ModelName=f"{model}-2", **create), "Could not find model data at s3://.*absent"
    )
    refused(
        lambda: sagemaker.create_model(ModelName=f"{model}-3", ExecutionRoleArn=deployments.aws.role),
        "either PrimaryContainer or Containers",
    )


def test_a_model_of_a_package_serves_what_the_package_holds(deployments: Deployments, sagemaker: Any) -> None:
    group = deployments.name
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    package = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [
                {
                    "Image": deployments.aws.image,
                    "ModelDataUrl": deployments.data(3),
                    "Environment": {"OFFSET": "10", "KEPT": "1"},
                }
            ],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    model = f"{deployments.name}-packaged"
    sagemaker.create_model(
        ModelName=model,
        ExecutionRoleArn=deployments.aws.role,
        PrimaryContainer={"ModelPackageName": package, "Environment": {"OFFSET": "100"}},
    )
    assert sagemaker.describe_model(ModelName=model)["PrimaryContainer"]["ModelPackageName"] == package
    name = deployments.endpoint(deployments.config(variant(model)))
    assert deployments.answer(name) == "106.0000"
    sagemaker.delete_model(ModelName=model)
    sagemaker.delete_model_package(ModelPackageName=package)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.create_model(
            ModelName=model, ExecutionRoleArn=deployments.aws.role, PrimaryContainer={"ModelPackageName": package}
        )


def test_uncompressed_model_data_is_served(deployments: Deployments, sagemaker: Any) -> None:
    deployments.put("plain/model.json", b'{"weight": 4, "bias": 0}')
    source = {
        "S3Uri": f"s3://{deployments.aws.bucket}/{deployments.name}/plain/",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }
    model = f"{deployments.name}-plain"
    container = {"Image": deployments.aws.image, "ModelDataSource": {"S3DataSource": source}}
    sagemaker.create_model(ModelName=model, ExecutionRoleArn=deployments.aws.role, PrimaryContainer=container)
    name = deployments.endpoint(deployments.config(variant(model)))
    assert deployments.answer(name) == "8.0000"
    sagemaker.delete_model(ModelName=model)


def test_a_configuration_is_described_as_it_was_made(deployments: Deployments, sagemaker: Any) -> None:
    model = deployments.model()
    shadow = variant(model, "shadow", weight=0.5)
    without_weight = {key: value for key, value in variant(model, "live").items() if key != "InitialVariantWeight"}
    config = deployments.config(without_weight, ShadowProductionVariants=[shadow])
    described = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    assert described["ProductionVariants"] == [variant(model, "live", weight=1.0)]
    assert described["ShadowProductionVariants"] == [shadow]
    found = sagemaker.list_endpoint_configs(NameContains=deployments.name)["EndpointConfigs"]
    assert [each["EndpointConfigName"] for each in found] == [config]


def test_configurations_that_cannot_serve_are_refused(deployments: Deployments, sagemaker: Any) -> None:
    model = deployments.model()
    name = deployments.config(variant(model))

    def create(*variants: Any, **members: Any) -> Any:
        new = members.pop("name", f"{deployments.name}-new")
        return lambda: sagemaker.create_endpoint_config(
            EndpointConfigName=new, ProductionVariants=list(variants), **members
        )

    refused(create(variant(model), name=name), "Cannot create already existing endpoint configuration")
    refused(create(variant(f"{model}-x")), "Could not find model")
    refused(create(variant(model, "A"), variant(model, "A")), "must be unique")
    refused(
        create(variant(model, "A"), variant(model, "B"), ShadowProductionVariants=[variant(model, "C")]),
        "exactly one of it and one production variant",
    )
    bare = {"VariantName": "A", "ModelName": model}
    refused(create(bare), "needs InstanceType and InitialInstanceCount")


@pytest.mark.embedded
def test_what_is_not_done_here_is_a_501_that_names_it(deployments: Deployments, sagemaker: Any) -> None:
    model = deployments.model()
    serverless = {
        "VariantName": "A",
        "ModelName": model,
        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
    }
    with pytest.raises(ClientError, match="ServerlessConfig is not supported") as error:
        sagemaker.create_endpoint_config(EndpointConfigName=deployments.name, ProductionVariants=[serverless])
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
