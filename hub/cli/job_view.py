"""Jobs and attempts as tables.

Invariant: what stands in a row is shown as text: it can neither colour the terminal nor move its cursor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.text import Text

from hub.cli.show import age, first_line, moment, output, pairs, printable, say, span, status_text, table

Record = dict[str, Any]


def show_page(jobs: Sequence[Record], following: str | None, *, empty: str) -> None:
    """A page of jobs, and how to see the next."""
    if not jobs:
        say(f"[dim]{empty}[/]")
        return
    columns = ["ID", "STATUS", "HANDLER", "QUEUE", "PRI", "RETRIES", "AGE", "NOTE"]
    output().print(table(columns, [_line(job) for job in jobs], right=["PRI", "RETRIES"]))
    if following:
        say("[dim]more:[/]", f"--cursor {following}")


def _line(job: Record) -> list[str | Text]:
    most = "" if job["maxretries"] is None else f"/{job['maxretries']}"
    return [
        job["id"],
        status_text(job["statusid"]),
        job["handler"],
        job["queue"] or "",
        str(job["priority"]),
        f"{job['retrycount']}{most}",
        age(job["createdon"]),
        first_line(_note(job)),
    ]


def _note(job: Record) -> str:
    """What is most worth knowing of a job in its state."""
    match job["status"]:
        case "scheduled":
            return f"due {age(job['scheduledat'])}"
        case "retrying" | "queued" if job["scheduledat"]:
            return f"due {age(job['scheduledat'])}: {job['lasterror'] or ''}"
        case "processing" if job["progress"] is not None:
            return f"{job['progress']:.0%} {job['progressnote'] or ''}"
        case "processing":
            return f"on {job['leaseowner']}" if job["leaseowner"] else ""
        case "failed" | "retrying" | "cancelled":
            return job["lasterror"] or ""
    return ""


def show_job(job: Record, attempts: Sequence[Record]) -> None:
    """One job with everything that is known of it."""
    console = output()
    console.print(pairs(_facts(job)))
    for title, text in (("payload", _payload(job)), ("result", job["result"]), ("error", job["lasterror"])):
        if text:
            console.print(Text(f"\n{title}", style="bold"))
            console.print(_indented(_pretty(text)))
    if attempts:
        console.print(Text("\nattempts", style="bold"))
        columns = ["#", "STATUS", "STARTED", "TOOK", "BY", "ERROR"]
        console.print(table(columns, [_attempt(each) for each in attempts], right=["#", "TOOK"]))


def _facts(job: Record) -> list[tuple[str, str | Text]]:
    times = ("createdon", "scheduledat", "startedat", "completedat", "leaseuntil")
    plain = ("source", "dedupekey", "orderingkey", "parentjobid", "traceparent", "leaseowner", "failure", "createdby")
    facts: list[tuple[str, str | Text]] = [
        ("id", job["id"]),
        ("status", status_text(job["statusid"])),
        ("handler", job["handler"]),
        ("queue", job["queue"] or ""),
        ("priority", str(job["priority"])),
        ("retries", f"{job['retrycount']}" + ("" if job["maxretries"] is None else f" of {job['maxretries']}")),
        ("crashes", str(job["crashcount"] or "")),
        ("direction", " ".join(filter(None, (job["direction"], job["protocol"], job["method"])))),
        ("timeout", "" if job["timeout"] is None else f"{job['timeout']:g} s"),
        ("progress", "" if job["progress"] is None else f"{job['progress']:.0%} {job['progressnote'] or ''}"),
        ("cancel", "requested" if job["cancelrequested"] else ""),
    ]
    facts += [(name, str(job[name] or "")) for name in plain]
    facts += [(name, moment(job[name])) for name in times if job[name]]
    if job["metadata"]:
        facts.append(("metadata", msgspec.json.encode(job["metadata"]).decode()))
    return facts


def _payload(job: Record) -> str | None:
    if job["payload"] and job["payloadencoding"] == "base64":
        return f"{job['contenttype']}, base64: {job['payload']}"
    text: str | None = job["payload"]
    return text


def _pretty(text: str) -> str:
    try:
        return msgspec.json.format(text, indent=2)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text  # plain text is shown as it is


def _indented(text: str) -> Text:
    return Text("\n".join(f"  {printable(line)}" for line in text.splitlines()))


def _attempt(attempt: Record) -> list[str | Text]:
    return [
        str(attempt["retryattempt"]),
        status_text(attempt["statusid"]),
        age(attempt["startedat"]),
        took(attempt["duration"]),
        attempt["executedby"] or "",
        first_line(attempt["errormessage"]),
    ]


def took(milliseconds: int | None) -> str:
    """How long an attempt ran."""
    if milliseconds is None:
        return ""
    return f"{milliseconds} ms" if milliseconds < 10_000 else span(milliseconds / 1000)
