"""Stacks made, changed and removed, each change shown before it is made."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from infra.fault import Fault
from infra.plan import Plan, Stack, parameters
from infra.template import STACKS, Template, read, resources

CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
"""Roles have names that others rely on; loops are expanded by a transform of AWS's own."""

NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
KEPT = ("Retain", "RetainExceptOnCreate")

type Ask = Callable[[str], bool]


class Deployment:
    """The stacks of a plan in an account.

    Args:
        plan: What is deployed.
        ask: Puts a question to a person; True: go on.
        say: Prints a line.
        templates: Folder of the templates.
    """

    def __init__(
        self, plan: Plan, ask: Ask, say: Callable[[str], None] = print, templates: Path = STACKS, seconds: int = 10
    ) -> None:
        self._plan, self._ask, self._say, self._templates = plan, ask, say, templates
        self.outputs: dict[str, str] = {}
        "Of the stacks that were made, changed or read so far, also where a fault ended the deployment."
        self._waiting = {"Delay": seconds, "MaxAttempts": 3600 // seconds}
        session = boto3.Session(region_name=plan.region)
        self._client: Any = session.client("cloudformation")
        account = session.client("sts").get_caller_identity()["Account"]
        if account != plan.account:
            raise Fault(
                f"These are the credentials of account `{account}`; `{plan.environment}` is account `{plan.account}`. Sign in "
                f"there, or correct `account` in infra/environments/{plan.environment}.yaml."
            )

    def apply(self, released: Mapping[str, str], only: Collection[str] = ()) -> dict[str, str]:
        """Make or change stacks in order; a stack that is as it should be is left alone.

        Args:
            released: Values of parameters that name the code that runs.
            only: The stacks, by their words; none: all. Of the others only those are read whose outputs these take.

        Returns:
            All outputs that were seen.

        Raises:
            Fault: Somebody said no, or a stack could not be made.
        """
        touched = self._plan.named(only)
        takes = {name for stack in touched for name in read(stack.template, self._templates)["Parameters"]}
        if idle := released.keys() - takes:
            raise Fault(f"`SET` gives {sorted(idle)}, which `{' '.join(only)}` does not take. Add `airflow` to `ONLY`.")
        self._take(self._plan.givers(touched, self._templates), only)
        for stack in touched:
            self._bring(stack, released)
            self.outputs |= self._outputs(stack.name)
        return self.outputs

    def remove(self) -> list[str]:
        """Remove every stack, the last one first. What holds data stays.

        Returns:
            Physical names of what was kept.

        Raises:
            Fault: Somebody said no, or a stack could not be removed.
        """
        there = [stack for stack in reversed(self._plan.stacks) if self._described(stack.name)]
        kept = {stack.name: self._kept(stack) for stack in there}
        for stack in there:
            self._say(f"\n{stack.name}: goes" + "".join(f"\n  stays: {name}" for name in kept[stack.name]))
        if not there:
            self._say("There is no stack.")
        elif not self._ask(f"Remove {len(there)} stacks?"):
            raise Fault("Nothing was removed.")
        for stack in there:
            self._delete(stack.name)
            self._say(f"{stack.name}: removed")
        return [name for names in kept.values() for name in names]

    def _take(self, givers: Collection[Stack], only: Collection[str]) -> None:
        """Read the outputs of stacks that are left as they are."""
        if missing := [stack.word for stack in givers if not self._described(stack.name)]:
            raise Fault(
                f"`ONLY` is `{' '.join(only)}`, which takes outputs of {', '.join(f'`{word}`' for word in missing)}: not there. "
                f'Make them too: `make deploy ENV={self._plan.environment} ONLY="{" ".join([*missing, *only])}"`, or everything '
                "without `ONLY`."
            )
        if only:
            self._say(f"Only {' '.join(only)}; read, and left as they are: {', '.join(stack.word for stack in givers)}")
        for stack in givers:
            self.outputs |= self._outputs(stack.name)

    def _bring(self, stack: Stack, released: Mapping[str, str]) -> None:
        there = self._described(stack.name)
        if there and there["StackStatus"] == "ROLLBACK_COMPLETE":  # a first try that failed: nothing is in it
            self._delete(stack.name)
            there = None
        before = {each["ParameterKey"]: each["ParameterValue"] for each in (there or {}).get("Parameters", [])}
        values = parameters(stack, self._plan.environment, self.outputs, released, before, self._templates)
        self._change(stack, values, there)

    def _change(self, stack: Stack, values: Mapping[str, str], there: Mapping[str, Any] | None) -> None:
        name = f"deploy-{uuid.uuid4().hex}"
        try:
            self._client.create_change_set(
                StackName=stack.name,
                ChangeSetName=name,
                ChangeSetType="UPDATE" if there else "CREATE",
                TemplateBody=(self._templates / f"{stack.template}.yaml").read_text(encoding="utf-8"),
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
                Capabilities=CAPABILITIES,
                Tags=[{"Key": "windtunnel", "Value": self._plan.environment}],
                # What an earlier removal kept is taken up again by its name.
                ImportExistingResources=True,
            )
        except ClientError as error:
            state = there["StackStatus"] if there else "not there"
            raise Fault(
                f"`{stack.name}`, which is {state}, takes no change: {error.response['Error']['Message']}"
            ) from error
        found = self._change_set(stack.name, name)
        if found["Status"] == "FAILED":
            self._forget(stack.name, name, there)
            if any(words in found.get("StatusReason", "") for words in NO_CHANGES):
                self._say(f"{stack.name}: nothing to change")
                return
            raise Fault(f"`{stack.name}` cannot be {'changed' if there else 'made'}: {found.get('StatusReason')}")
        self._say("\n" + "\n".join(shown(stack.name, found["Changes"])))
        if not self._ask(f"{'Change' if there else 'Make'} {stack.name}?"):
            self._forget(stack.name, name, there)
            raise Fault(f"`{stack.name}` was left as it is, and so are the stacks behind it.")
        self._client.execute_change_set(StackName=stack.name, ChangeSetName=name)
        self._wait("stack_update_complete" if there else "stack_create_complete", stack.name)
        self._say(f"{stack.name}: {'changed' if there else 'made'}")

    def _change_set(self, stack: str, name: str) -> dict[str, Any]:
        with suppress(WaiterError):  # one without changes counts as failed; the caller reads why
            self._client.get_waiter("change_set_create_complete").wait(
                StackName=stack, ChangeSetName=name, WaiterConfig={"Delay": 2, "MaxAttempts": 150}
            )
        pages = self._client.get_paginator("describe_change_set").paginate(StackName=stack, ChangeSetName=name)
        found, *more = pages
        return {**found, "Changes": [change for page in (found, *more) for change in page["Changes"]]}

    def _forget(self, stack: str, name: str, there: Mapping[str, Any] | None) -> None:
        if there:
            self._client.delete_change_set(StackName=stack, ChangeSetName=name)
        else:  # the empty stack that a change set was made for
            self._client.delete_stack(StackName=stack)

    def _delete(self, stack: str) -> None:
        self._client.delete_stack(StackName=stack)
        self._wait("stack_delete_complete", stack)

    def _wait(self, waiter: str, stack: str) -> None:
        try:
            self._client.get_waiter(waiter).wait(StackName=stack, WaiterConfig=self._waiting)
        except WaiterError as error:
            events = self._client.describe_stack_events(StackName=stack)["StackEvents"]
            reasons = [
                f"  {event['LogicalResourceId']}: {event['ResourceStatusReason']}"
                for event in events
                if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
            ]
            raise Fault("\n".join([f"`{stack}` was not changed as shown. CloudFormation says:", *reasons])) from error

    def _described(self, name: str) -> dict[str, Any] | None:
        """A stack as it is; None where there is none, or only the empty one of a change set."""
        try:
            found: dict[str, Any] = self._client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return None
        return None if found["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE") else found

    def _outputs(self, name: str) -> dict[str, str]:
        found = self._described(name) or {}
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def _kept(self, stack: Stack) -> list[str]:
        template = read(stack.template, self._templates)
        stay = kept(template)
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=stack.name)
        found = [each for page in pages for each in page["StackResourceSummaries"]]
        return [each["PhysicalResourceId"] for each in found if each["LogicalResourceId"] in stay]


def kept(template: Template) -> set[str]:
    """Logical names of what stays when its stack goes."""
    return {name for name, body in resources(template).items() if body.get("DeletionPolicy") in KEPT}


def shown(stack: str, changes: Iterable[Mapping[str, Any]]) -> list[str]:
    """A change set for a person: one line per resource, what is lost or made anew marked."""
    lines = [stack]
    for change in (each["ResourceChange"] for each in changes):
        action, anew = change["Action"], change.get("Replacement", "False")
        mark = {"Add": "+", "Import": "<", "Remove": "-"}.get(action, "~")
        note = {"True": ", made anew", "Conditional": ", perhaps made anew"}.get(anew, "") if mark == "~" else ""
        if action == "Remove" and change.get("PolicyAction") == "Retain":
            note = ", but what it holds stays"
        lines.append(f"  {mark} {change['LogicalResourceId']} ({change['ResourceType']}){note}")
    return lines
