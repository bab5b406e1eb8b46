"""The aiohttp application: every address behind its role, every error as problem+json.

Invariant: a request passes, in this order: its head's deadline, Host and Origin, the caller, the role, the caller's
rate, and then the address. What goes wrong on the way is an answer, never a broken connection.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from hub import console
from hub.adapters.http.answers import problem, problem_of, problem_of_aiohttp
from hub.adapters.http.webhook import PATH, Webhooks, WebhookSettings
from hub.api.about import About
from hub.api.access import Caller, Gate, KnownToken, RateLimit, Role, TokenStore, authorize
from hub.api.adapters import Adapters
from hub.api.connection import Connection
from hub.api.dead import Dead
from hub.api.docs import Docs
from hub.api.endpoint import Endpoint
from hub.api.histories import Histories
from hub.api.jobs import Jobs
from hub.api.origin import OriginGuard
from hub.api.pages import page_endpoints
from hub.api.queue import Queue
from hub.api.resource_jobs import ResourceJobs
from hub.api.services import ApiServices
from hub.api.shapes_of_hub import Verdict, Verdicts
from hub.api.templates import Templates
from hub.api.workflows import WorkflowRoutes
from hub.clock import Clock
from hub.config.sections.server import Auth
from hub.errors import HubError
from hub.telemetry import get_logger

_log = get_logger("hub.http")
_access = get_logger("hub.http.access")


def build_application(services: ApiServices, *, webhooks: bool = True, api: bool = True) -> web.Application:
    """The application of one hub; `webhooks` and `api` choose what of it is served. Health and metrics always are."""
    http, auth = services.configuration.http, services.configuration.auth
    gate = make_gate(auth, services.tokens, services.clock)
    guard = OriginGuard(http.host, http.allowed_hosts, http.allowed_origins, open_hosts=gate.enforced)
    limit = RateLimit(http.rate_limit, services.clock)
    app = web.Application(middlewares=[_outermost(guard)])
    for endpoint in endpoints(services, webhooks=webhooks, api=api):
        handler = _guarded(endpoint, gate, limit)
        app.router.add_route(endpoint.method, endpoint.path, handler)
        if endpoint.method == "GET":
            app.router.add_route("HEAD", endpoint.path, handler)
    return app


def make_gate(auth: Auth, tokens: TokenStore | None, clock: Clock) -> Gate:
    """The door for the tokens of a configuration and of a database."""
    known = [KnownToken(token.name, token.role, token.sha256) for token in auth.tokens]
    return Gate(known, tokens, clock, enforced=auth.enforced)


def endpoints(services: ApiServices, *, webhooks: bool = True, api: bool = True) -> Sequence[Endpoint]:
    """The table of addresses."""
    found = list(About(services).endpoints())
    if webhooks:
        found.append(_webhook(services))
    if api:
        for part in (Queue, Histories, Dead, Adapters, ResourceJobs, Templates):
            found += part(services).endpoints()
        if services.jobs is not None and services.schedules is not None:
            found += Jobs(services, services.jobs, services.schedules).endpoints()
        if services.workflows is not None:
            found += WorkflowRoutes(services, services.workflows).endpoints()
        found += page_endpoints(console.PACKAGE, console.FILES, "the console", tag="hub")
        found += Docs(services, found).endpoints()
    return found


def _webhook(services: ApiServices) -> Endpoint:
    http = services.configuration.http
    settings = WebhookSettings(max_body=http.max_body, body_timeout=http.request_timeout)
    hooks = Webhooks(services.intake, settings, lambda: services.clock.now().timestamp())

    async def post(request: web.Request, caller: Caller) -> web.StreamResponse:
        """Post to a route.

        202 once it is committed; a repeated key gets the same id and `duplicate: true`. A batch of CloudEvents is
        answered with a verdict for each.
        """
        # A webhook without a signature is as good as an enqueue: once tokens exist, its sender needs one.
        if not hooks.signed(request):
            authorize(caller, Role.OPERATOR)
        return await hooks.post(request)

    return Endpoint(
        *("POST", PATH, Role.ANYONE, post),
        tag="webhooks",
        answers={202: (Verdict, Verdicts)},
        refusals=(404, 408, 413, 415, 422),
    )


def _guarded(endpoint: Endpoint, gate: Gate, limit: RateLimit) -> Handler:
    role, act = endpoint.role, endpoint.handle
    # Who only asks whether the hub lives is never told to wait, nor does he use up what signed webhooks may take.
    limited = role is not Role.ANYONE or endpoint.path == PATH

    async def handle(request: web.Request) -> web.StreamResponse:
        caller = await gate.caller(request.headers.get("Authorization"))
        authorize(caller, role)
        if limited:
            limit.take(caller)
        return await act(request, caller)

    return handle


def _outermost(guard: OriginGuard) -> Middleware:
    @web.middleware
    async def outermost(request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = request.protocol
        since = time.perf_counter()
        if isinstance(connection, Connection):
            connection.begin(request.content)
        answer = await _answer(request, handler, guard)
        if "Origin" in request.headers:
            answer.headers.update(guard.cors(request))
        if isinstance(connection, Connection):
            connection.end(answer)
        _access.debug(
            "request",
            method=request.method,
            path=request.path,
            status=answer.status,
            milliseconds=round((time.perf_counter() - since) * 1000, 3),
        )
        return answer

    return outermost


async def _answer(request: web.Request, handler: Handler, guard: OriginGuard) -> web.StreamResponse:
    try:
        guard.check(request)
        return guard.preflight(request) or await handler(request)
    except HubError as error:
        known = problem_of(error)
        if known is not None:
            return known
        failure: Exception = error
    except web.HTTPException as error:
        return problem_of_aiohttp(error)
    except Exception as error:
        failure = error
    # A bug of the hub. The text of the error stays here: it may quote a payload.
    _log.error("a request failed", method=request.method, path=request.path, exc_info=failure)
    return problem(500, "internal-error", "the hub failed; its log says why")
