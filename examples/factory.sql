-- The tables of examples/factory.json; for PostgreSQL, MySQL, MariaDB and SQLite alike.

CREATE TABLE measurements (
    machine VARCHAR(64) NOT NULL,
    celsius DOUBLE PRECISION NOT NULL,
    takenat VARCHAR(32) NOT NULL
);

CREATE TABLE alarms (
    machine VARCHAR(64) NOT NULL PRIMARY KEY,
    celsius DOUBLE PRECISION NOT NULL
);
