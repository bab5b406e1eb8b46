"""pgbench, the client in C that comes with PostgreSQL: what the server itself achieves with a job's own transaction.

Invariant: it runs the statements that a job's transaction consists of, prepared, on the hub's own tables, each on a row
of its own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

from benchmarks.machine import children_cpu
from benchmarks.rows.filled import hub_rows
from benchmarks.stand import Stand

CLIENTS = 16
THREADS = 2

_SCRIPT = """
\\set n :n + 1
\\set number :client_id * 10000000 + :n
BEGIN;
INSERT INTO effects (note) VALUES (:number::text);
UPDATE queue_jobs SET statusid = 3, completedat = clock_timestamp(), leaseuntil = NULL, modifiedon = clock_timestamp(),
    rowversionstamp = rowversionstamp + 1 WHERE id = 'job-' || :number::text AND fence = 1 AND statusid = 2;
INSERT INTO job_histories (jobid, statusid, startedat, completedat, duration, result, executedby, inputdata)
    SELECT id, 3, startedat, completedat, 1, 'Success', leaseowner, payload FROM queue_jobs
    WHERE id = 'job-' || :number::text;
COMMIT;
"""
_RATE = re.compile(r"^tps = ([\d.]+) \(without initial", re.MULTILINE)


def program() -> Path | None:
    """pgbench, if it is installed: the server's own, as Debian puts a wrapper on PATH that wants to be called so."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/pgbench")
    newest = max(installed, key=lambda path: int(path.parents[1].name), default=None)
    on_path = shutil.which("pgbench")
    return newest or (Path(on_path) if on_path else None)


def transactions(stand: Stand, found: Path, count: int) -> dict[str, float]:
    """The rate of `count` transactions (rounded to whole ones a client), and the CPU for 10,000."""
    each = max(1, count // CLIENTS)
    with stand.fresh("hub") as url:
        stand.execute(url, _claimed_rows(each))
        stand.settle(url)
        script = stand.folder / "job.pgbench"
        script.write_text(_SCRIPT)
        command = [str(found), "-n", "-c", str(CLIENTS), "-j", str(THREADS), "-M", "prepared", "-t", str(each)]
        server, client = stand.server_cpu(), children_cpu()
        ended = subprocess.run(
            [*command, "-D", "n=0", "-f", str(script), url],
            capture_output=True, text=True, timeout=stand.sizes.timeout, check=True,
        )  # fmt: skip
        time.sleep(0.1)  # its connections end, and the server collects what they used
        done = each * CLIENTS
        figures = {"rate": float(_RATE.findall(ended.stdout)[0]), "worker_cpu": (children_cpu() - client) / done * 1e4}
        after = stand.server_cpu()
        if server is not None and after is not None:
            figures["server_cpu"] = (after - server) / done * 1e4
        histories = stand.value(url, "SELECT count(DISTINCT jobid) FROM job_histories")
        assert histories == done, f"of {done}: {histories} histories"
    return figures


def _claimed_rows(each: int) -> str:
    """Rows as a claim leaves them, `each` a client."""
    return hub_rows(
        each * CLIENTS,
        "benchmark.insert",
        id=f"'job-' || ((n - 1) / {each} * 10000000 + (n - 1) % {each} + 1)",
        statusid="2", fence="1", leaseowner="'pgbench'", leaseuntil="now() + interval '1 hour'", startedat="now()",
    )  # fmt: skip
