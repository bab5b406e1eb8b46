"""What an outbound row says, as it is sent: rows by SQL hold whatever JSON their writer made."""

import json
from typing import Any

import pytest

from hub.errors import Permanent
from hub.handlers.publish import outgoing
from tests.unit.handlers.conftest import Hub


def sent(hub: Hub, **metadata: Any) -> Any:
    return outgoing(hub.job("{}", metadata=json.dumps({"to": "erp", "topic": "t", **metadata})))


@pytest.mark.parametrize(
    ("key", "leaves"), [(7, "7"), ("7", "7"), (None, None), (True, "true"), ({"a": 1}, '{"a":1}')], ids=repr
)
def test_a_key_that_is_no_text_is_not_dropped(hub: Hub, key: Any, leaves: str | None) -> None:
    assert sent(hub, key=key).key == leaves


def test_headers_that_are_no_text_leave_as_json(hub: Hub) -> None:
    message = sent(hub, headers={"a": 1, "b": None, "c": False, "d": "x", "Hub-Message-Id": "forged"})
    assert message.headers == {"a": "1", "b": "", "c": "false", "d": "x", "hub-message-id": message.id}


def test_headers_that_are_no_object_are_named(hub: Hub) -> None:
    with pytest.raises(Permanent, match=r"metadata\.headers: expected an object"):
        sent(hub, headers=["a"])
