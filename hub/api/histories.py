"""`/api/histories` and `/api/statistics`: what was attempted, and how it goes."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from hub.adapters.http.answers import json_answer
from hub.api.access import Caller, Role
from hub.api.endpoint import Endpoint, Parameter
from hub.api.fields import Key
from hub.api.parameters import HANDLER, PAGE, STATUS, names
from hub.api.query import Query
from hub.api.services import ApiServices
from hub.api.shapes import HistoryPage, Statistics
from hub.api.views import history_view

_TAG = "queue"
_QUERY = (Parameter("job", Key, "Only the attempts at this job."), HANDLER, STATUS, *PAGE)


class Histories:
    def __init__(self, services: ApiServices) -> None:
        self._records = services.records

    def endpoints(self) -> Iterator[Endpoint]:
        yield Endpoint(
            *("GET", "/api/histories", Role.VIEWER, self.page), tag=_TAG, query=_QUERY, answers={200: HistoryPage}
        )
        yield Endpoint(*("GET", "/api/statistics", Role.VIEWER, self.statistics), tag=_TAG, answers={200: Statistics})

    async def page(self, request: web.Request, caller: Caller) -> web.Response:
        """List attempts, newest first.

        `job` narrows them to one job, `since` is when they began.
        """
        query = Query(request, names(_QUERY))
        page, following = await self._records.histories(
            job_id=query.text("job"),
            handler=query.text("handler"),
            status=query.status(),
            since=query.instant("since"),
            cursor=query.cursor(),
            limit=query.limit(),
        )
        return json_answer({"data": [history_view(record, caller) for record in page], "next": following})

    async def statistics(self, request: web.Request, caller: Caller) -> web.Response:
        """Count what waits in each queue, and how its handlers fare."""
        found = await self._records.statistics()
        return json_answer({**found, "dead": await self._records.count_dead()})
