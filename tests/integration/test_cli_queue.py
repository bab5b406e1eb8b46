"""`hub enqueue`, `hub jobs`, `hub dead` and `hub status` on real databases."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub import Job, handler
from hub.errors import Permanent
from hub.testing import running_hub
from tests.integration.cli_project import CliProject, lines

ON = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=ON)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CliProject]:
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    made = CliProject(tmp_path, url)
    assert made.hub("migrate").exit_code == 0
    return made


@handler("cli.fine")
async def fine(payload: Any) -> Any:
    return {"was": payload}


@handler("cli.broken")
async def broken(payload: Any) -> None:
    raise Permanent(f"cannot be: {payload}")


@handler("cli.flaky", max_retries=0)
async def flaky(payload: Any, job: Job) -> None:
    raise RuntimeError("not today\nnor tomorrow")


def work(project: CliProject) -> None:
    """A hub runs until nothing is left to do."""

    async def once() -> None:
        async with running_hub(handlers=[fine, broken, flaky], database=project.url, roles=["worker"]) as hub:
            await hub.drain()

    asyncio.run(once())


def statuses(project: CliProject) -> dict[str, str]:
    return {job["id"]: job["status"] for job in project.json("jobs", "list", "--limit", "200")["data"]}


# --- enqueue -----------------------------------------------------------------------------------------------------


def test_a_job_is_enqueued_and_shown_with_all_that_was_said(project: CliProject) -> None:
    job_id = project.ok(
        *("enqueue", "cli.fine", '{"id": 7}', "--queue", "slow", "--priority", "9", "--key", "k", "--dedupe", "d"),
        *("--max-retries", "2", "--timeout", "90s", "--metadata", '{"user_id": "ada"}', "--delay", "2h"),
    ).strip()
    job = project.json("jobs", "show", job_id)
    assert (job["handler"], job["queue"], job["priority"], job["orderingkey"]) == ("cli.fine", "slow", 9, "k")
    assert (job["dedupekey"], job["maxretries"], job["timeout"]) == ("d", 2, 90.0)
    assert json.loads(job["payload"]) == {"id": 7}
    assert job["metadata"] == {"user_id": "ada"}
    assert job["status"] == "scheduled"
    assert job["createdby"].startswith("cli:")
    assert job["histories"] == []


def test_a_repeated_dedupe_key_answers_the_first_id(project: CliProject) -> None:
    first = project.json("enqueue", "cli.fine", "1", "--dedupe", "same")
    again = project.json("enqueue", "cli.fine", "2", "--dedupe", "same")
    assert again == {"id": first["id"], "duplicate": True}
    assert len(statuses(project)) == 1


@pytest.mark.parametrize("form", ["argument", "file", "stdin", "none", "text"])
def test_the_payload_may_come_from_anywhere(project: CliProject, tmp_path: Path, form: str) -> None:
    payload = '{"name": "Zoë ✓"}'
    (tmp_path / "payload.json").write_text(payload)
    arguments: dict[str, tuple[list[str], str | None, str | None]] = {
        "argument": ([payload], None, payload),
        "file": (["--file", str(tmp_path / "payload.json")], None, payload),
        "stdin": (["-"], payload, payload),
        "none": ([], None, None),
        "text": (["--text", "no { JSON"], None, "no { JSON"),
    }
    words, given, expected = arguments[form]
    job_id = project.ok("enqueue", "cli.fine", *words, input=given).strip()
    assert project.json("jobs", "show", job_id)["payload"] == expected
    work(project)
    assert statuses(project) == {job_id: "completed"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["cli.fine", "{id: 7}"], 1, "the payload is not JSON"),
        (["cli.fine", "1", "--at", "2026-01-31", "--delay", "1h"], 2, "exclude each other"),
        (["cli.fine", "1", "--file", "x.json"], 2, "not both"),
        (["cli.fine", "1", "--lines"], 2, "reads a file"),
        (["cli.fine", "--lines", "-", "--dedupe", "k"], 2, "one key for all lines"),
        (["cli.fine", "--file", "/no/such/file"], 1, "/no/such/file: No such file or directory"),
        (["x" * 300, "1"], 1, "longer than 255 characters"),
        (["cli.fine", "1", "--priority", "99999999999"], 2, "--priority"),
        (["cli.fine", "1", "--timeout", "0s"], 2, "longer than 0"),
    ],
)
def test_what_cannot_be_enqueued_is_told_and_leaves_nothing(
    project: CliProject, words: list[str], code: int, said: str
) -> None:
    refused = project.hub("enqueue", *words)
    assert refused.exit_code == code, refused.output
    assert said in refused.stderr
    assert "Traceback" not in refused.output
    assert statuses(project) == {}


def test_a_handler_that_nobody_knows_is_taken_and_told(project: CliProject) -> None:
    done = project.hub("enqueue", "sql.exekute", "{}")
    assert done.exit_code == 0
    assert 'did you mean "sql.execute"?' in done.stderr
    assert "did you mean" not in project.hub("enqueue", "system.record", "{}").stderr


def test_lines_become_jobs_and_bad_ones_are_named(project: CliProject, tmp_path: Path) -> None:
    texts = [json.dumps({"id": number}) for number in range(2500)]
    texts[16] = "{oops"
    texts[2400] = "also not"
    texts.insert(5, "")
    (tmp_path / "orders.jsonl").write_text(lines(texts))
    done = project.hub("enqueue", "cli.fine", "--lines", "--file", str(tmp_path / "orders.jsonl"))
    assert done.exit_code == 0
    assert "line 18 is left out: the payload is not JSON" in done.stderr
    assert "line 2402 is left out" in done.stderr
    assert "2,498 enqueued" in done.stderr
    assert "2 left out" in done.stderr
    assert done.stdout == ""
    counted = project.json("status")["queues"]
    assert sum(queue["ready"] for queue in counted.values()) == 2498


def test_lines_may_come_from_a_pipe_and_the_count_as_json(project: CliProject) -> None:
    counts = project.json("enqueue", "cli.fine", "--lines", input=lines(["1", "2", "x", "\x00", "3"]))
    assert counts["enqueued"] == 3
    assert [bad["line"] for bad in counts["skipped"]] == [3, 4]
    in_order = project.json("jobs", "list")["data"]
    assert [job["payload"] for job in reversed(in_order)] == ["1", "2", "3"]


def test_strict_ends_at_the_first_bad_line(project: CliProject) -> None:
    ended = project.hub("enqueue", "cli.fine", "--lines", "--strict", "-", input=lines(["1", "2", "x", "4"]))
    assert ended.exit_code == 1
    assert "error: line 3: the payload is not JSON" in ended.stderr
    assert "2 of the lines before it are enqueued" in ended.stderr
    assert len(statuses(project)) == 2


def test_plain_lines_with_nul_and_bytes_that_are_no_text_survive(project: CliProject) -> None:
    counts = project.json("enqueue", "cli.fine", "--lines", "--text", input=b"a\x00b\n\xff\xfe\nplain\n")
    assert (counts["enqueued"], counts["skipped"]) == (3, [])
    jobs = project.json("jobs", "list")["data"]
    assert sorted(job["payloadencoding"] for job in jobs) == ["base64", "base64", "text"]


# --- jobs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def worked(project: CliProject) -> tuple[CliProject, dict[str, str]]:
    """A project where one job went well, one failed for good, one used up its retries, and one waits."""
    ids = {
        name: project.ok("enqueue", f"cli.{name}", json.dumps({"n": name}), "--queue", queue).strip()
        for name, queue in (("fine", "a"), ("broken", "b"), ("flaky", "b"))
    }
    work(project)
    ids["waiting"] = project.ok("enqueue", "cli.fine", "1", "--delay", "1h").strip()
    return project, ids


def test_the_list_shows_and_filters(worked: tuple[CliProject, dict[str, str]]) -> None:
    project, ids = worked
    shown = project.ok("jobs", "list")
    newest_first = [line.split()[0] for line in shown.splitlines()[1:]]
    assert newest_first == [ids["waiting"], ids["flaky"], ids["broken"], ids["fine"]]
    assert "Permanent: cannot be: {'n': 'broken'}" in shown
    assert "due in 59m" in shown

    def listed(*filters: str) -> set[str]:
        return {job["id"] for job in project.json("jobs", "list", *filters)["data"]}

    assert listed("--status", "failed") == {ids["broken"], ids["flaky"]}
    assert listed("--handler", "cli.fine", "--status", "completed") == {ids["fine"]}
    assert listed("--queue", "b") == {ids["broken"], ids["flaky"]}
    assert listed("--since", "1h") == set(ids.values())
    assert listed("--since", "2099-01-01") == set()
    assert project.hub("jobs", "list", "--since", "2099-01-01").stderr.strip() == "no such jobs"


def test_the_list_goes_on_where_it_ended(worked: tuple[CliProject, dict[str, str]]) -> None:
    project, ids = worked
    first = project.json("jobs", "list", "--limit", "3")
    second = project.json("jobs", "list", "--limit", "3", "--cursor", first["next"])
    assert [job["id"] for job in (*first["data"], *second["data"])] == sorted(ids.values(), reverse=True)
    assert second["next"] is None
    gone = f"{first['next'][:-6]}000000"  # as retention leaves it: a place still
    assert len(project.json("jobs", "list", "--limit", "3", "--cursor", gone)["data"]) == len(second["data"])
    assert f"--cursor {first['next']}" in project.hub("jobs", "list", "--limit", "3").stderr


@pytest.mark.parametrize("kind", ["jobs", "dead", "workflows"])
def test_a_cursor_that_is_no_place_in_the_list_is_told(kind: str, worked: tuple[CliProject, dict[str, str]]) -> None:
    answer = worked[0].hub(kind, "list", "--cursor", "zzz")
    assert answer.exit_code == 2
    assert "Invalid value for '--cursor': 'zzz' is no place in this list" in answer.stderr


def test_a_job_is_shown_with_its_attempts(worked: tuple[CliProject, dict[str, str]]) -> None:
    project, ids = worked
    shown = project.ok("jobs", "show", ids["flaky"])
    assert '"n": "flaky"' in shown
    assert "RuntimeError: not today" in shown
    assert "exhausted" in shown
    assert "attempts" in shown
    fine_one = project.json("jobs", "show", ids["fine"])
    assert json.loads(fine_one["result"]) == {"was": {"n": "fine"}}
    assert [attempt["status"] for attempt in fine_one["histories"]] == ["completed"]
    missing = project.hub("jobs", "show", "nobody")
    assert (missing.exit_code, missing.stderr.strip()) == (1, "error: there is no job 'nobody'")


def test_a_failed_job_is_retried_and_others_are_not(worked: tuple[CliProject, dict[str, str]]) -> None:
    project, ids = worked
    done = project.hub("jobs", "retry", ids["flaky"], ids["fine"], "nobody", "--json")
    assert done.exit_code == 1
    outcomes = {each["id"]: each["outcome"] for each in json.loads(done.stdout)["data"]}
    assert outcomes[ids["flaky"]] == "queued"
    assert outcomes[ids["fine"]] == "is completed: only failed and cancelled jobs are retried"
    assert outcomes["nobody"] == "not found"
    work(project)
    assert len(project.json("jobs", "show", ids["flaky"])["histories"]) == 2
    assert project.hub("jobs", "retry", ids["flaky"]).exit_code == 0


def test_a_waiting_job_is_cancelled_and_an_ended_one_is_not(worked: tuple[CliProject, dict[str, str]]) -> None:
    project, ids = worked
    assert "cancelled" in project.ok("jobs", "cancel", ids["waiting"], "--reason", "sent twice")
    job = project.json("jobs", "show", ids["waiting"])
    assert (job["status"], job["lasterror"]) == ("cancelled", "sent twice")
    again = project.hub("jobs", "cancel", ids["waiting"])
    assert again.exit_code == 1
    assert "is cancelled already" in again.stdout


# --- dead letters ------------------------------------------------------------------------------------------------


def test_dead_letters_are_listed_with_their_reasons(worked: tuple[CliProject, dict[str, str]]) -> None:
    project, ids = worked
    shown = project.ok("dead", "list")
    assert "permanent" in shown
    assert "exhausted" in shown
    only = project.json("dead", "list", "--failure", "permanent")["data"]
    assert [letter["id"] for letter in only] == [ids["broken"]]
    assert project.json("dead", "list", "--handler", "cli.flaky", "--since", "1h")["data"][0]["id"] == ids["flaky"]


def test_dead_letters_are_redriven_by_filter_once_that_is_agreed_to(worked: tuple[CliProject, dict[str, str]]) -> None:
    project, ids = worked
    refused = project.hub("dead", "redrive", "--failure", "exhausted", input="n\n")
    assert refused.exit_code == 1
    assert "redrive 1 dead letter?" in refused.stderr
    assert statuses(project)[ids["flaky"]] == "failed"
    unasked = project.hub("dead", "redrive", "--failure", "exhausted", input="")
    assert unasked.exit_code == 1
    assert "--yes" in unasked.stderr
    assert statuses(project)[ids["flaky"]] == "failed"
    agreed = project.hub("dead", "redrive", "--failure", "exhausted", input="y\n")
    assert agreed.exit_code == 0, agreed.output
    assert statuses(project)[ids["flaky"]] == "queued"
    assert statuses(project)[ids["broken"]] == "failed"


def test_redriving_all_asks_nothing_when_told_so(worked: tuple[CliProject, dict[str, str]]) -> None:
    project, _ = worked
    assert project.json("dead", "redrive", "--all", "--yes") == {"redriven": 2, "left": 0}
    assert project.json("dead", "list")["data"] == []


def test_dead_letters_are_purged(worked: tuple[CliProject, dict[str, str]]) -> None:
    project, ids = worked
    assert project.json("dead", "purge", "--before", "1h", "--yes") == {"purged": 0, "left": 0}
    assert project.json("dead", "purge", ids["broken"]) == {"purged": 1, "left": 0}
    assert ids["broken"] not in statuses(project)
    assert project.hub("dead", "purge", ids["fine"]).exit_code == 1  # it is no dead letter
    assert statuses(project)[ids["fine"]] == "completed"


def test_many_dead_letters_go_in_batches(project: CliProject) -> None:
    project.ok("enqueue", "cli.broken", "--lines", input=lines([str(number) for number in range(450)]))
    work(project)
    assert project.json("dead", "redrive", "--all", "--yes")["redriven"] == 450
    work(project)
    assert project.json("dead", "purge", "--handler", "cli.broken", "--yes")["purged"] == 450
    assert statuses(project) == {}


@pytest.mark.parametrize("verb", ["redrive", "purge"])
def test_nothing_is_done_to_nothing_in_particular(project: CliProject, verb: str) -> None:
    assert project.hub("dead", verb, "--yes").exit_code == 2
    assert project.hub("dead", verb, "some-id", "--all").exit_code == 2


# --- status ------------------------------------------------------------------------------------------------------


def test_the_status_tells_of_queues_handlers_and_dead_letters(worked: tuple[CliProject, dict[str, str]]) -> None:
    project, _ = worked
    project.configure(jobs={"queues": {"a": 2, "b": 3}})
    seen = project.json("status")
    assert seen["health"]["status"] == "unknown"  # the port is whichever was free
    assert seen["queues"]["a"] == {"ready": 0, "waiting": 0, "processing": 0, "oldest_seconds": None, "limit": 2}
    assert seen["queues"]["default"]["waiting"] == 1
    assert seen["handlers"]["cli.fine"]["completed"] == 1
    assert seen["handlers"]["cli.flaky"]["failed"] == 1
    assert (seen["dead"], seen["more"]) == (2, False)
    shown = project.ok("status")
    assert "2 dead letters" in shown
    assert "cli.flaky" in shown


def test_the_status_of_a_hub_that_does_not_run_is_no_error(project: CliProject) -> None:
    project.configure(http={"port": 1})
    assert project.json("status")["health"]["status"] == "not running"
    assert "not running" in project.ok("status")


# --- a database that is not as it should be ------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["jobs", "list"], ["enqueue", "cli.fine"], ["status"], ["token", "list"]])
def test_a_database_without_tables_is_told_and_not_made(tmp_path: Path, words: list[str]) -> None:
    project = CliProject(tmp_path, f"sqlite:///{tmp_path / 'data' / 'hub.db'}")
    refused = project.hub(*words)
    assert refused.exit_code == 1
    assert "run `hub migrate`" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_a_database_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    project = CliProject(tmp_path, "sqlite:///unused.db")
    refused = project.hub("jobs", "list", env={"DATABASE_URL": "postgresql://hub:s3cret@127.0.0.1:1/hub"})
    assert refused.exit_code == 1
    assert "the database cannot be used" in refused.stderr
    assert "DATABASE_URL" in refused.stderr
    assert "s3cret" not in refused.output


# --- templates, unique jobs --------------------------------------------------------------------------------------


def test_a_job_by_a_template_and_a_unique_one(project: CliProject) -> None:
    report = {"handler": "cli.fine", "priority": 3, "payload": {"region": "all", "n": 1}}
    project.configure(templates={"report": report})
    job_id = project.ok("enqueue", "--template", "report", '{"region": "north"}').strip()
    job = project.json("jobs", "show", job_id)
    assert (job["handler"], job["priority"]) == ("cli.fine", 3)
    assert json.loads(job["payload"]) == {"region": "north", "n": 1}
    mine = project.ok("enqueue", "--template", "report", "--priority", "8").strip()
    assert project.json("jobs", "show", mine)["priority"] == 8
    unknown = project.hub("enqueue", "--template", "reprot")
    assert unknown.exit_code != 0
    assert "report" in unknown.output
    assert project.hub("enqueue").exit_code != 0

    first = project.json("enqueue", "cli.fine", "--unique", "k")
    assert project.json("enqueue", "cli.fine", "--unique", "k") == {"id": first["id"], "duplicate": True}
    work(project)
    assert not project.json("enqueue", "cli.fine", "--unique", "k")["duplicate"]
