"""Onboarding: a step that is remembered, progress, and a job that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub import Job, handler


@dataclass(frozen=True, slots=True)
class User:
    """Who has signed up."""

    name: str = "there"
    email: str | None = None


def open_mailbox(name: str, key: str) -> str:
    """Stands for a call to another system, which is given the job's key so that it can tell a repetition."""
    return f"{name.strip().lower().replace(' ', '.')}-{key[-6:]}@mail.example"


@handler("user.onboarding.process", timeout=60)
async def onboard(user: User, job: Job) -> dict[str, Any]:
    """Give a new user a mailbox, once, however often this job is run; then say welcome."""
    mailbox = await job.step("mailbox", open_mailbox, user.name, job.idempotency_key)
    await job.progress(0.5, "mailbox opened")
    welcome = await job.enqueue(
        "notification.send.handler",
        {
            "recipient": user.email or mailbox,
            "subject": "Welcome",
            "text": f"Hello {user.name}, your mailbox is {mailbox}.",
        },
        queue="notification",
    )
    return {"mailbox": mailbox, "welcome": welcome}
