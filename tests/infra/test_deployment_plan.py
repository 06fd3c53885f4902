"""What each stack is given, and what is said when something is missing or wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.deployment import kept, shown
from infra.fault import Fault
from infra.plan import ENVIRONMENTS, ORDER, RELEASED, Stack, names, parameters, plan
from infra.template import parse, read, resources
from windtunnel.core.catalog import model_names
from windtunnel.core.settings import Settings


def _edited(tmp_path: Path, change: Any) -> Path:
    said = yaml.safe_load((ENVIRONMENTS / "dev.yaml").read_text(encoding="utf-8"))
    change(said["stacks"])
    (tmp_path / "dev.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_every_parameter_of_every_stack_has_a_value(environment: str) -> None:
    found = plan(environment)
    outputs: dict[str, str] = {}
    for stack in found.stacks:
        given = parameters(stack, environment, outputs, {"ImageTag": "0123456"}, {})
        declared = read(stack.template)["Parameters"]
        assert given.keys() | {name for name, each in declared.items() if "Default" in each} == declared.keys()
        allowed = {name: each["AllowedValues"] for name, each in declared.items() if "AllowedValues" in each}
        wrong = {name: given[name] for name in allowed.keys() & given if given[name] not in map(str, allowed[name])}
        assert not wrong
        outputs |= dict.fromkeys(read(stack.template)["Outputs"], "given")
    assert {stack.template for stack in found.stacks} == set(ORDER)


def test_environments_are_three_accounts_and_each_serves_every_model() -> None:
    assert names() == ("dev", "prod", "staging")
    assert len({plan(name).account for name in names()}) == 3
    for name in names():
        served = [stack.values["Model"] for stack in plan(name).stacks if stack.template == "serving"]
        assert served == list(model_names())


def test_an_output_goes_to_every_stack_behind_it_that_asks_for_its_name() -> None:
    giving = {name: stack for stack in ORDER for name in read(stack)["Outputs"]}
    assert len(giving) == sum(len(read(stack)["Outputs"]) for stack in ORDER), "two stacks give one name"
    for at, stack in enumerate(ORDER):
        taken = giving.keys() & read(stack)["Parameters"].keys()
        behind = {name for name in taken if ORDER.index(giving[name]) >= at}
        assert not behind, f"`{stack}` takes {behind} of a stack behind it"


def test_one_more_scientist_is_one_more_line(tmp_path: Path) -> None:
    text = (ENVIRONMENTS / "dev.yaml").read_text(encoding="utf-8")
    (tmp_path / "dev.yaml").write_text(text.rstrip() + "\n      - eva.maier@example.com\n", encoding="utf-8")
    (before,) = [each for each in plan("dev").stacks if each.template == "notebooks"]
    (after,) = [each for each in plan("dev", tmp_path).stacks if each.template == "notebooks"]
    assert (before.values["Scientists"], after.values["Scientists"]) == ("sam", "sam,eva.maier@example.com")


def test_what_names_the_code_is_kept_unless_it_is_given() -> None:
    stack = Stack("windtunnel-dev-airflow", "airflow", {})
    outputs = dict.fromkeys(read("airflow")["Parameters"], "given")
    before = {"ImageTag": "aaaaaaa", "RequirementsVersion": "v1"}
    found = parameters(stack, "dev", outputs, {"ImageTag": "bbbbbbb"}, before)
    assert (found["ImageTag"], found["RequirementsVersion"]) == ("bbbbbbb", "v1")
    assert set(RELEASED) <= read("airflow")["Parameters"].keys()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda stacks: stacks.update(lakes={}), r"`dev.yaml` has `lakes` under `stacks`. Allowed: `airflow`, "),
        (lambda stacks: stacks["airflow"].update(Klass="x"), r"gives `airflow` `Klass`. Allowed: .*`Class`"),
        (lambda stacks: stacks["ledger"].update(DeletionProtection=False), r"without quotes: `DeletionProtection`"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, change: Any, words: str) -> None:
    with pytest.raises(Fault, match=words):
        plan("dev", _edited(tmp_path, change))


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(Fault, match=r"`ENV` is `production`\. Allowed: `dev`, `prod`, `staging`\."):
        plan("production")


@pytest.mark.parametrize(
    ("template", "outputs", "words"),
    [
        ("airflow", read("airflow")["Parameters"].keys() - {"ImageTag"}, r"needs `ImageTag`.*`SET=ImageTag=...`"),
        ("people", read("people")["Parameters"].keys() - {"Engineers"}, r"`Engineers`.*`infra/environments/dev.yaml`"),
        ("people", {"DataBucket"}, r"`SourceBucket`, an output of `lake`.*`make deploy ENV=dev ONLY=lake`"),
    ],
)
def test_a_missing_value_says_where_it_would_come_from(template: str, outputs: Any, words: str) -> None:
    with pytest.raises(Fault, match=words):
        parameters(Stack(f"windtunnel-dev-{template}", template, {}), "dev", dict.fromkeys(outputs, "-"), {}, {})


def test_a_stack_is_named_by_a_word_and_takes_outputs_of_no_more_stacks_than_it_says() -> None:
    dev = plan("dev")
    assert [stack.word for stack in dev.named(["serving-flights", "lake"])] == ["lake", "serving-flights"]
    assert dev.named([]) == dev.stacks
    assert dev.givers(dev.stacks) == ()
    givers = {stack.word: [giver.word for giver in dev.givers([stack])] for stack in dev.stacks}
    assert givers["lake"] == []
    assert givers["people"] == ["lake", "images"]
    assert givers["airflow"] == ["lake", "network", "ledger", "images", "sagemaker", "events", "observability"]
    given = dev.named(["people"])[0]._replace(values={"RepositoryArn": "arn"})
    assert [giver.word for giver in dev.givers([given])] == ["lake"], "what the environment's file gives is not read"


def test_short_forms_become_long_ones() -> None:
    text = "A: !Ref B\nC: !GetAtt D.E.F\nG: !If [H, !Sub 'x${I}', !Ref 'AWS::NoValue']\n"
    assert parse(text) == {
        "A": {"Ref": "B"},
        "C": {"Fn::GetAtt": ["D", "E.F"]},
        "G": {"Fn::If": ["H", {"Fn::Sub": "x${I}"}, {"Ref": "AWS::NoValue"}]},
    }


def test_what_holds_data_stays() -> None:
    stays = {(stack, name) for stack in ORDER for name in kept(read(stack))}
    assert stays == {
        ("lake", "Key"),
        ("lake", "LogBucket"),
        ("lake", "SourceBucket"),
        ("lake", "DataBucket"),
        ("lake", "CodeBucket"),
        ("lake", "Database"),
        ("ledger", "Table"),
        ("images", "Repository"),
        ("observability", "SlackWebhook"),
        ("notebooks", "Domain"),
    }
    for stack, name in stays:
        assert resources(read(stack))[name]["UpdateReplacePolicy"] == "Retain", f"a change could make `{name}` anew"


def test_a_change_set_shows_what_is_lost() -> None:
    changes = [
        {"Action": "Add", "LogicalResourceId": "A", "ResourceType": "AWS::SQS::Queue"},
        {"Action": "Modify", "LogicalResourceId": "B", "ResourceType": "AWS::SQS::Queue", "Replacement": "True"},
        {"Action": "Modify", "LogicalResourceId": "C", "ResourceType": "AWS::SQS::Queue", "Replacement": "False"},
        {"Action": "Remove", "LogicalResourceId": "D", "ResourceType": "AWS::S3::Bucket", "PolicyAction": "Retain"},
        {"Action": "Import", "LogicalResourceId": "E", "ResourceType": "AWS::S3::Bucket"},
    ]
    assert shown("stack", [{"ResourceChange": each} for each in changes]) == [
        "stack",
        "  + A (AWS::SQS::Queue)",
        "  ~ B (AWS::SQS::Queue), made anew",
        "  ~ C (AWS::SQS::Queue)",
        "  - D (AWS::S3::Bucket), but what it holds stays",
        "  < E (AWS::S3::Bucket)",
    ]


def test_airflow_is_told_settings_that_the_code_reads() -> None:
    options = resources(read("airflow"))["Airflow"]["Properties"]["AirflowConfigurationOptions"]
    told = {name.removeprefix("windtunnel.") for name in options if name.startswith("windtunnel.")}
    assert told <= Settings.model_fields.keys()
    must = {
        name
        for name, field in Settings.model_fields.items()
        if re.match("S3 bucket|Glue|Role|Image|DynamoDB|Name of the SNS", str(field.description))
    }
    assert len(must) >= 6
    assert must <= told
