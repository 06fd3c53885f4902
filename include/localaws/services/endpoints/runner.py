"""What endpoints do between a request and its end, each change in a thread of its own; and their way back at a start."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from localaws.context import Context, Engine
from localaws.services.endpoints import blueprint, deployment, states
from localaws.services.endpoints.alarms import Alarms
from localaws.services.endpoints.fleet import Fleet, FleetFailed
from localaws.services.endpoints.traffic import Traffic
from localaws.wire import Document

log = logging.getLogger(__name__)
Key = tuple[str, str]
# How long a request waits for an endpoint that comes back after a restart of this process.
RETURN_SECONDS = 60.0
CLOSE_SECONDS = 2.0


class Interrupted(Exception):
    """This process is stopping: the document stays as it is, and the next start carries on from it."""


class Endpoints:
    """All endpoints of the process that have a fleet.

    Attributes:
        conditions: Called with an endpoint and the blueprint it is to be updated to; may raise to refuse the update.
        last_words: Called with its name when a deleted endpoint has given its last answer and before it is gone.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._traffic: dict[Key, Traffic] = {}
        self._starting: set[Fleet] = set()
        self._returning: dict[Key, threading.Event] = {}
        self._lock = threading.Lock()
        self.conditions: list[Callable[[Context, Document, Document], None]] = []
        self.last_words: list[Callable[[Context, str], None]] = []

    def traffic(self, region: str, name: str) -> Traffic | None:
        """The traffic of an endpoint that serves; waits for one that comes back after a restart."""
        key = (region, name)
        found = self._traffic.get(key)
        if found is None and (returning := self._returning.get(key)) is not None:
            returning.wait(RETURN_SECONDS)
            found = self._traffic.get(key)
        return found

    def create(self, context: Context, name: str) -> None:
        """Starts the fleet of an endpoint in state Creating."""
        self._work(context, name, self._create)

    def update(self, context: Context, name: str) -> None:
        """Deploys the pending blueprint of an endpoint in state Updating."""
        self._work(context, name, self._update)

    def reweight(self, context: Context, name: str) -> None:
        """Makes the desired weights and counts the current ones."""
        self._work(context, name, self._reweight)

    def delete(self, context: Context, name: str) -> None:
        """Ends the fleet of an endpoint in state Deleting and forgets the endpoint."""
        self._work(context, name, self._delete)

    def expect(self, region: str, name: str) -> None:
        """Says that an endpoint will be back: requests wait for it instead of being refused."""
        self._returning[(region, name)] = threading.Event()

    def expected(self) -> list[Key]:
        """The endpoints that are to come back."""
        return list(self._returning)

    def bring_back(self, context: Context, name: str) -> None:
        """Starts what served before a restart and carries on with what was under way."""
        self._work(context, name, self._bring_back)

    def close(self) -> None:
        """Ends all fleets; documents are left as they are."""
        with self._lock:
            fleets = {fleet for traffic in self._traffic.values() for fleet in traffic.fleets()} | self._starting
        threads = [threading.Thread(target=fleet.stop, args=(CLOSE_SECONDS,)) for fleet in fleets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * CLOSE_SECONDS)

    def _work(self, context: Context, name: str, change: Callable[[Context, str], None]) -> None:
        def run() -> None:
            try:
                change(context, name)
            except Interrupted:
                return
            except Exception as error:
                log.exception("The change of endpoint %s failed.", name)
                self._give_up(context, name, f"InternalServerError: {type(error).__name__}: {error}")

        threading.Thread(target=run, name=f"endpoint-{name}", daemon=True).start()

    def _give_up(self, context: Context, name: str, reason: str) -> None:
        """A fault of ours: the endpoint must not stay in a transitional state for ever."""
        serves = (context.region, name) in self._traffic
        endpoint = context.patch(states.KIND, name, states.kept(reason) if serves else states.failed(reason))
        if endpoint is not None:
            states.announce(context, endpoint)

    def _create(self, context: Context, name: str) -> None:
        endpoint = self._document(context, name)
        drawn = endpoint["_pending"]["Blueprint"]
        try:
            fleet = self._started(context, name, drawn)
        except FleetFailed as error:
            self._finish(context, name, states.failed(str(error)))
            return
        self._delay(context, name, "sagemaker:CreateEndpoint")
        self._traffic[(context.region, name)] = Traffic(fleet)
        self._finish(context, name, states.serving(drawn))

    def _update(self, context: Context, name: str) -> None:
        endpoint = self._document(context, name)
        pending = endpoint["_pending"]
        traffic = self._traffic[(context.region, name)]
        try:
            fleet = self._started(context, name, pending["Blueprint"])
        except FleetFailed as error:
            self._finish(context, name, states.kept(str(error)))
            return
        self._delay(context, name, "sagemaker:UpdateEndpoint")
        reason = self._shifted(context, endpoint, traffic, fleet)
        if reason is not None:
            rolling = context.patch(states.KIND, name, {"EndpointStatus": states.ROLLING_BACK, "FailureReason": reason})
            traffic.settle(traffic.split.fleet)
            if rolling is not None:
                states.announce(context, rolling)
            fleet.stop()
            self._finish(context, name, states.kept(reason))
            return
        old = traffic.split.fleet
        traffic.settle(fleet)
        changes = {**states.serving(pending["Blueprint"]), "FailureReason": None}
        if pending.get("DeploymentConfig") is not None:
            changes["LastDeploymentConfig"] = pending["DeploymentConfig"]
        self._finish(context, name, changes)
        old.stop()

    def _shifted(self, context: Context, endpoint: Document, traffic: Traffic, fleet: Fleet) -> str | None:
        """Moves the traffic step by step; the reason to turn back, or None when all of it has moved."""
        name, pending = endpoint["EndpointName"], endpoint["_pending"]
        if fault := context.engine.faults.take("roll_back", "sagemaker:UpdateEndpoint", name):
            return fault.reason
        wanted = pending["DeploymentConfig"]
        alarms = Alarms(context, wanted)

        def turn(step: deployment.Step) -> None:
            traffic.turn(fleet, step.share)
            changed = context.patch(
                states.KIND,
                name,
                {
                    "PendingDeploymentSummary": states.pending(
                        pending["Blueprint"], pending["StartTime"], "Baking", str(step)
                    )
                },
            )
            if changed is not None:
                states.announce(context, changed, states.DEPLOYMENT_EVENT)

        def fault_now() -> str | None:
            return alarms.fault() or fleet.fault()

        # A deployment that is carried on after a restart begins its steps, and so its time, anew.
        return deployment.shift(
            deployment.steps(wanted, blueprint.capacity(pending["Blueprint"])),
            turn=turn,
            fault=fault_now,
            deadline=time.monotonic() + deployment.timeout_seconds(wanted),
            clock=time.monotonic,
            wait=self._pause,
        )

    def _reweight(self, context: Context, name: str) -> None:
        endpoint = self._document(context, name)
        live = blueprint.reweighted(endpoint["_live"], endpoint["ProductionVariants"])
        weights = {variant["VariantName"]: variant["DesiredWeight"] for variant in endpoint["ProductionVariants"]}
        for variant in self._traffic[(context.region, name)].split.fleet.production:
            variant.weight = float(weights[variant.name])
        current = [
            {
                **variant,
                "CurrentWeight": variant["DesiredWeight"],
                "CurrentInstanceCount": variant["DesiredInstanceCount"],
            }
            for variant in endpoint["ProductionVariants"]
        ]
        self._finish(context, name, {"EndpointStatus": states.IN_SERVICE, "ProductionVariants": current, "_live": live})

    def _delete(self, context: Context, name: str) -> None:
        traffic = self._traffic.pop((context.region, name), None)
        if traffic is not None:
            for fleet in traffic.fleets():
                fleet.stop()
        for last_word in self.last_words:
            last_word(context, name)
        context.delete(states.KIND, name)

    def _bring_back(self, context: Context, name: str) -> None:
        endpoint = self._document(context, name)
        status = endpoint["EndpointStatus"]
        if status == states.CREATING:
            self._create(context, name)
            return
        if status == states.DELETING:
            self._delete(context, name)
            return
        try:
            fleet = self._started(context, name, endpoint["_live"])
        except FleetFailed as error:
            self._finish(context, name, states.failed(f"The endpoint did not come back after a restart. {error}"))
            return
        self._traffic[(context.region, name)] = Traffic(fleet)
        self._returning[(context.region, name)].set()
        if status == states.ROLLING_BACK:
            self._finish(context, name, states.kept(endpoint["FailureReason"]))
        elif status == states.UPDATING and endpoint.get("_pending") is not None:
            self._update(context, name)
        elif status == states.UPDATING:
            self._reweight(context, name)

    def _started(self, context: Context, name: str, drawn: Document) -> Fleet:
        fleet = Fleet(context, name, drawn)
        with self._lock:
            self._starting.add(fleet)
        try:
            fleet.start()
        except (FleetFailed, ClientError, BotoCoreError) as error:
            self._still_open()
            raise FleetFailed(str(error)) from error
        finally:
            with self._lock:
                self._starting.discard(fleet)
        return fleet

    def _delay(self, context: Context, name: str, operation: str) -> None:
        if fault := context.engine.faults.take("slow_in_service", operation, name):
            self._pause(fault.seconds)

    def _pause(self, seconds: float) -> None:
        if self._engine.closing.wait(seconds):
            raise Interrupted

    def _still_open(self) -> None:
        if self._engine.closing.is_set():
            raise Interrupted

    def _finish(self, context: Context, name: str, changes: Document) -> None:
        endpoint = context.patch(states.KIND, name, changes)
        if endpoint is not None:
            states.announce(context, endpoint)
        if (returning := self._returning.get((context.region, name))) is not None:
            returning.set()

    def _document(self, context: Context, name: str) -> Document:
        endpoint = context.get(states.KIND, name)
        if endpoint is None:
            raise LookupError(f"The endpoint {name} has no document.")
        return endpoint


def of(engine: Engine) -> Endpoints:
    """The endpoints of a process."""
    return engine.own(Endpoints)


def recover(engine: Engine) -> None:
    """Before the first request: what is left of the processes' folders goes, and the endpoints are expected."""
    shutil.rmtree(engine.state / "endpoints", ignore_errors=True)
    for region, name, endpoint in engine.store.everywhere(states.KIND):
        if endpoint["EndpointStatus"] != states.FAILED:
            of(engine).expect(region, name)


def resume(engine: Engine) -> None:
    """When the port answers: the endpoints come back, with their weights."""
    for region, name in of(engine).expected():
        of(engine).bring_back(engine.at(region), name)


def close(engine: Engine) -> None:
    """At an orderly stop."""
    of(engine).close()
