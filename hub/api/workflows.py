"""`/api/workflows`: start, look at, cancel, resume, signal.

Invariant: a viewer sees how far a workflow is, never what it is about: context, inputs, outputs and signals are left
out. Every change is signed with the caller's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web

from hub.adapters.http.answers import HttpFault, json_answer
from hub.api.access import Caller, Role
from hub.api.endpoint import Body, Endpoint, Parameter
from hub.api.fields import Key
from hub.api.parameters import PAGE, names
from hub.api.payloads import read_json
from hub.api.query import Query, fits, invalid
from hub.api.services import ApiServices
from hub.api.shapes import WorkflowWord
from hub.api.shapes_of_hub import WorkflowCancelled, WorkflowDetail, WorkflowMoved, WorkflowPage, WorkflowStarted
from hub.telemetry import get_logger
from hub.workflows.control import STATUSES, Workflows

_audit = get_logger("hub.audit")

_OF_WORKFLOW: Final = frozenset(("context", "signals"))
_OF_STEP: Final = frozenset(("input_data", "output_data"))
_TAG: Final = "workflows"
_QUERY: Final = (
    Parameter("status", WorkflowWord, "Only executions in this state."),
    Parameter("type", Key, "Only executions of this workflow."),
    *PAGE,
)


class WorkflowRoutes:
    def __init__(self, services: ApiServices, workflows: Workflows) -> None:
        self._services = services
        self._workflows = workflows

    def endpoints(self) -> Iterator[Endpoint]:
        one = "/api/workflows/{id}"
        yield Endpoint(
            *("GET", "/api/workflows", Role.VIEWER, self.page), tag=_TAG, query=_QUERY, answers={200: WorkflowPage}
        )
        yield Endpoint(
            *("POST", one, Role.OPERATOR, self.start),
            tag=_TAG,
            body=Body(dict[str, Any] | None, required=False, example={"email": "ada@example.com"}),
            answers={201: WorkflowStarted},
        )
        yield Endpoint("GET", one, Role.VIEWER, self.show, tag=_TAG, answers={200: WorkflowDetail})
        yield Endpoint(
            *("POST", f"{one}/cancel", Role.OPERATOR, self.cancel),
            tag=_TAG,
            answers={200: WorkflowCancelled},
            refusals=(409,),
        )
        yield Endpoint(
            *("POST", f"{one}/resume", Role.OPERATOR, self.resume),
            tag=_TAG,
            answers={200: WorkflowMoved},
            refusals=(409,),
        )
        yield Endpoint(
            *("POST", f"{one}/signals/{{name}}", Role.OPERATOR, self.signal),
            tag=_TAG,
            body=Body(Any, required=False, example={"by": "ada"}),
            answers={202: WorkflowMoved},
            refusals=(409,),
        )

    async def page(self, request: web.Request, caller: Caller) -> web.Response:
        """List executions, newest first.

        Without contexts and steps.
        """
        query = Query(request, names(_QUERY))
        status = query.text("status")
        if status is not None and status not in STATUSES:
            raise invalid("status", f"one of {', '.join(STATUSES)}")
        page, following = await self._workflows.page(
            status=status,
            type=query.text("type"),
            since=query.instant("since"),
            cursor=query.cursor(),
            limit=query.limit(),
        )
        return json_answer({"data": page, "next": following})

    async def start(self, request: web.Request, caller: Caller) -> web.Response:
        """Start a workflow; `id` is its type.

        201 `{workflow_id}`; the body is the context, {} when there is none.
        """
        type = request.match_info["id"]
        context = await self._body(request)
        await self._services.intake.admit(request.content_length or 0)
        workflow_id = await self._workflows.start(type, context, actor=caller.name)
        _audit.info("workflow started", actor=caller.name, workflow=workflow_id, type=type)
        return json_answer({"workflow_id": workflow_id}, 201, {"Location": f"/api/workflows/{workflow_id}"})

    async def show(self, request: web.Request, caller: Caller) -> web.Response:
        """Show an execution with its steps."""
        found = await self._workflows.summary(_identifier(request))
        if caller.role >= Role.OPERATOR:
            return json_answer(found)
        steps = [_without(step, _OF_STEP) for step in found["steps"]]
        return json_answer({**_without(found, _OF_WORKFLOW), "steps": steps})

    async def cancel(self, request: web.Request, caller: Caller) -> web.Response:
        """Cancel an execution.

        Its waiting jobs are cancelled, its running ones asked to stop. 409 for one that has completed or was cancelled.
        """
        workflow_id = _identifier(request)
        await self._workflows.cancel(workflow_id, actor=caller.name)
        _audit.info("workflow cancelled", actor=caller.name, workflow=workflow_id)
        return json_answer({"workflow_id": workflow_id, "status": "cancelled"})

    async def resume(self, request: web.Request, caller: Caller) -> web.Response:
        """Go on from the steps that failed or were cancelled.

        200 with the steps that are run again; 409 for one that neither failed nor was cancelled.
        """
        workflow_id = _identifier(request)
        steps = await self._workflows.resume(workflow_id, actor=caller.name)
        _audit.info("workflow resumed", actor=caller.name, workflow=workflow_id)
        return json_answer({"workflow_id": workflow_id, "steps": steps})

    async def signal(self, request: web.Request, caller: Caller) -> web.Response:
        """Send a signal to an execution.

        202 once it is kept, with the steps that go on now; 404 where no step of the workflow waits for that name.
        """
        workflow_id, name = _identifier(request), request.match_info["name"]
        if not fits(name):
            raise HttpFault(404, "not-found", "there is no such signal")
        steps = await self._workflows.signal(workflow_id, name, await self._body(request))
        _audit.info("workflow signalled", actor=caller.name, workflow=workflow_id, signal=name)
        return json_answer({"workflow_id": workflow_id, "steps": steps}, 202)

    async def _body(self, request: web.Request) -> Any:
        return await read_json(request, self._services.configuration.http) if request.can_read_body else None


def _identifier(request: web.Request) -> str:
    """The id in the URL: opaque text. Raises HttpFault 404 for one that no row can have."""
    found = request.match_info["id"]
    if not fits(found):
        raise HttpFault(404, "not-found", f"there is no workflow {found[:255]!r}")
    return found


def _without(record: dict[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in hidden}
