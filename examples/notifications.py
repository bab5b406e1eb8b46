"""Notifications: a message to the outside, sent once the job has committed."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from hub import Job, handler

log = logging.getLogger(__name__)


class Notification(msgspec.Struct, frozen=True):
    """`destination` names an adapter or a destination of the configuration; without one the message goes to the log."""

    recipient: str = "everybody"
    subject: str = ""
    text: str = ""
    destination: str | None = None
    topic: str = "notifications"


@handler("notification.send.handler", queue="notification", timeout=30)
async def send(notification: Notification, job: Job) -> dict[str, Any]:
    """Send a notification on its way."""
    if notification.destination is None:
        log.info("to %s: %s", notification.recipient, notification.subject)
        return {"recipient": notification.recipient, "sent": "log"}
    message = {"recipient": notification.recipient, "subject": notification.subject, "text": notification.text}
    outbound = await job.publish(notification.destination, notification.topic, message, key=notification.recipient)
    return {"recipient": notification.recipient, "sent": notification.destination, "job_id": outbound}
