"""What is deployed in an environment: which stacks in which order, and from where each of their parameters comes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from infra.fault import Fault, Unreleased
from infra.template import STACKS, read

ENVIRONMENTS = Path(__file__).parent / "environments"
ORDER = (
    "lake",
    "network",
    "ledger",
    "images",
    "sagemaker",
    "events",
    "observability",
    "people",
    "airflow",
    "serving",
    "notebooks",
)
"""Each stack takes outputs of those before it, and none of those behind it."""

PER_MODEL = "serving"
"""The stack that exists once per model."""

RELEASED = ("ImageTag", "RequirementsVersion", "PluginsVersion", "StartupVersion")
"""What names the code that runs: given by whoever releases, and kept as it is where nothing is given."""


class Stack(NamedTuple):
    """One stack of an environment."""

    name: str
    "Such as `windtunnel-dev-lake`."
    template: str
    values: Mapping[str, str]
    "Of the environment's file, by parameter."

    @property
    def word(self) -> str:
        """What `ONLY` calls it, such as `lake` or `serving-flights`."""
        return "-".join(filter(None, (self.template, self.values.get("Model"))))


class Plan(NamedTuple):
    """All stacks of an environment, in the order in which they are made."""

    environment: str
    account: str
    region: str
    stacks: tuple[Stack, ...]

    def named(self, words: Collection[str]) -> tuple[Stack, ...]:
        """The stacks of these words, in the order in which they are made; all of them where no word is given.

        Raises:
            Fault: There is no such stack.
        """
        known = {stack.word for stack in self.stacks}
        if unknown := set(words) - known:
            raise Fault(f"`ONLY` has {_quoted(unknown)}. Allowed for `{self.environment}`: {_quoted(known)}.")
        return tuple(stack for stack in self.stacks if not words or stack.word in words)

    def givers(self, takers: Collection[Stack], folder: Path = STACKS) -> tuple[Stack, ...]:
        """The other stacks, those whose outputs these take.

        Args:
            takers: Stacks of this plan.
            folder: Of the templates.
        """
        taken = {
            name
            for stack in takers
            for name in read(stack.template, folder)["Parameters"]
            if name not in stack.values and name not in RELEASED
        }
        return tuple(
            stack
            for stack in self.stacks
            if stack not in takers and taken & read(stack.template, folder).get("Outputs", {}).keys()
        )


def names() -> tuple[str, ...]:
    """The environments that there are."""
    return tuple(sorted(path.stem for path in ENVIRONMENTS.glob("*.yaml")))


def plan(environment: str, folder: Path = ENVIRONMENTS) -> Plan:
    """The plan of an environment.

    Raises:
        Fault: There is no such environment, or its file names a stack or a parameter that does not exist.
    """
    path = folder / f"{environment}.yaml"
    if not path.is_file():
        raise Fault(f"`ENV` is `{environment}`. Allowed: {', '.join(f'`{name}`' for name in names())}.")
    said: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    given: dict[str, dict[str, Any]] = said["stacks"]
    if unknown := given.keys() - set(ORDER):
        raise Fault(f"`{path.name}` has {_quoted(unknown)} under `stacks`. Allowed: {_quoted(ORDER)}.")
    stacks = []
    for template in ORDER:
        here = given.get(template) or {}
        for model, values in here.items() if template == PER_MODEL else [("", here)]:
            own = {"Model": model} if model else {}
            name = "-".join(filter(None, ("windtunnel", environment, template, model)))
            stacks.append(Stack(name, template, _texts(path, template, {**values, **own})))
    return Plan(environment, said["account"], said["region"], tuple(stacks))


def parameters(
    stack: Stack,
    environment: str,
    outputs: Mapping[str, str],
    released: Mapping[str, str],
    before: Mapping[str, str],
    folder: Path = STACKS,
) -> dict[str, str]:
    """The parameters of a stack; what is not in the answer has its default.

    Args:
        stack: The stack.
        environment: Its environment.
        outputs: Of the stacks before it, by name.
        released: What was given with this deployment, by parameter.
        before: The parameters that the stack has now.
        folder: Of the templates.

    Raises:
        Unreleased: No code was named yet.
        Fault: Another parameter has no value; the message says where one would come from.
    """
    found: dict[str, str] = {}
    for name, declared in read(stack.template, folder)["Parameters"].items():
        if name == "Environment":
            found[name] = environment
        elif name in RELEASED and (released.get(name) or before.get(name)):
            found[name] = released.get(name) or before[name]
        elif name in stack.values:
            found[name] = stack.values[name]
        elif name in outputs:
            found[name] = outputs[name]
        elif "Default" not in declared:
            giver = next((each for each in ORDER if name in read(each, folder).get("Outputs", {})), None)
            if giver:
                raise Fault(
                    f"`{stack.name}` needs `{name}`, an output of `{giver}`, which does not have it yet. Somebody who may change "
                    f"that stack brings it first: `make deploy ENV={environment} ONLY={giver}`."
                )
            if name in RELEASED:
                raise Unreleased(f"`{stack.name}` needs `{name}`, which nothing gives. Put it into `SET={name}=...`.")
            where = f"`infra/environments/{environment}.yaml`"
            raise Fault(f"`{stack.name}` needs `{name}`, which nothing gives. Put it into {where}.")
    return found


def _texts(path: Path, template: str, values: Mapping[str, Any]) -> dict[str, str]:
    """The values as CloudFormation takes them: texts, and lists by commas."""
    declared = read(template)["Parameters"]
    if unknown := values.keys() - declared.keys():
        raise Fault(f"`{path.name}` gives `{template}` {_quoted(unknown)}. Allowed: {_quoted(declared)}.")
    if untyped := {name for name, value in values.items() if isinstance(value, bool)}:
        raise Fault(f'`{path.name}` gives `{template}` a yes or no without quotes: {_quoted(untyped)}. Write `"true"`.')
    return {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in values.items()}


def _quoted(found: Any) -> str:
    return ", ".join(f"`{name}`" for name in sorted(found))
