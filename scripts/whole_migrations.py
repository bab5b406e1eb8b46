"""Writes migrations/job_tables_<dialect>.sql: all migrations of a dialect as one file, for those who run it by hand."""

from __future__ import annotations

from pathlib import Path

from hub.db.migrations import whole

FOLDER = Path(__file__).resolve().parent.parent / "migrations"


def main() -> None:
    for folder in sorted(each for each in FOLDER.iterdir() if any(each.glob("*.sql"))):
        target = FOLDER / f"job_tables_{folder.name}.sql"
        head = f"-- Made from migrations/{folder.name}/ by scripts/whole_migrations.py: edit those files instead.\n\n"
        target.write_text(head + whole(folder.name), encoding="utf-8", newline="\n")
        print(target.relative_to(FOLDER.parent))


if __name__ == "__main__":
    main()
