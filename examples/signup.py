"""The user sign-up: create user → create organization → process subscription, each a step of a workflow.

The workflow itself is in signup.json (`workflows.user_signup`); this module has its handlers. Each partner is asked
once, whatever crashes: `job.step` remembers its answer, and the job's id, the same in every attempt, tells it a
repetition. What a step writes commits with its end.

Run it: `PARTNERS_URL=http://127.0.0.1:8090 hub run --config examples/signup.json`, with `python -m
examples.signup_partners` beside it, and `hub workflows start user_signup '{"email": "ada@example.com",
"organization_name": "Acme Corp", "plan": "team"}' --config examples/signup.json`.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import insert

from examples.signup_partners import ask
from examples.signup_tables import make_tables, organizations, subscriptions, users
from hub import Job, handler
from hub.errors import Permanent


class Signup(Struct):
    """What a sign-up begins with."""

    email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=255)]
    organization_name: Annotated[str, Meta(min_length=1, max_length=255)]
    plan: str = "free"


class SignedUp(Signup):
    """The context once there is a user."""

    user_id: str = ""


class Organized(SignedUp):
    """The context once there is an organization."""

    organization_id: str = ""


@handler("users.create", timeout=60)
async def create_user(signup: Signup, job: Job) -> dict[str, str]:
    """Validate the data; create the account at the partner who keeps them, and its row."""
    key = job.idempotency_key
    user_id = await job.step("account", ask, partners(job), "users", key, {"email": signup.email})
    await make_tables(job)
    await job.db.execute(insert(users).values(user_id=user_id, email=signup.email))
    return {"user_id": user_id}


@handler("organizations.create", timeout=60)
async def create_organization(context: SignedUp, job: Job) -> dict[str, Any]:
    """Create the organization with its defaults."""
    organization_id = f"org-{context.user_id}"
    await make_tables(job)
    await job.db.execute(insert(organizations).values(organization_id=organization_id, name=context.organization_name))
    return {"organization_id": organization_id, "defaults": {"seats": 5, "locale": "en"}}


@handler("subscriptions.process", timeout=300)
async def process_subscription(context: Organized, job: Job) -> dict[str, str]:
    """Have the payment made, and record the subscription."""
    key = job.idempotency_key
    asked = {"customer": context.organization_id, "plan": context.plan}
    payment_id = await job.step("payment", ask, partners(job), "payments", key, asked)
    await make_tables(job)
    await job.db.execute(
        insert(subscriptions).values(organization_id=context.organization_id, subscription_id=payment_id)
    )
    return {"subscription_id": payment_id}


def partners(job: Job) -> str:
    """Where the partners are: the step's `with` in the configuration."""
    settings = job.metadata.get("with")
    url = settings.get("url") if isinstance(settings, dict) else None
    if not isinstance(url, str):
        raise Permanent('the step needs to know its partner: "with": {"url": "…"}')
    return url
