-- What the ends of steps write, as types: a batch of them travels as one array of rows.
--
-- With an array for each column the driver looks at every element of each, and the server takes them apart one by one:
-- twice the work of either for rows as wide as these.

BEGIN;
SELECT pg_advisory_xact_lock(7521962890311);

DO $$ BEGIN
    IF to_regtype('hub_step_change') IS NULL THEN
        -- The columns of save.sql, in its order.
        CREATE TYPE hub_step_change AS (workflow_id text, status text, context text, progress text, ended boolean,
            step_id text, output text, duration bigint, begun_id text, begun_name text, begun_status text);
        -- The columns of enqueue.sql of workflows, in its order.
        CREATE TYPE hub_step_job AS (id text, handler text, payload text, queue text, priority integer,
            maxretries integer, scheduledat timestamptz, delay double precision, metadata text,
            timeout double precision, traceparent text);
    END IF;
END $$;

INSERT INTO hub_migrations (version, name) VALUES (10, 'workflow_rows') ON CONFLICT DO NOTHING;
COMMIT;
