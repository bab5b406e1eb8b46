-- The table that examples/bridge_kafka_sql.json fills. Run it once on the database, after `hub migrate`.
CREATE TABLE IF NOT EXISTS progress (
    number varchar(40) NOT NULL,
    machine varchar(40) NOT NULL,
    pieces integer NOT NULL
);
