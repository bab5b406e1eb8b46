-- What the ends of steps write, as one type: the steps that begin and their jobs go with the executions, in one trip, and a
-- context travels once. The types of 0010 stay, for instances that are not replaced yet.

BEGIN;
SELECT pg_advisory_xact_lock(7521962890311);

DO $$ BEGIN
    IF to_regtype('hub_step_advance') IS NULL THEN
        -- The columns of save.sql, in its order.
        CREATE TYPE hub_step_advance AS (workflow_id text, status text, context text, progress text, ended boolean,
            step_id text, output text, duration bigint, begun_id text, begun_name text, begun_status text, handler text,
            queue text, priority integer, maxretries integer, scheduledat timestamptz, delay double precision,
            metadata text, timeout double precision, traceparent text);
    END IF;
END $$;

INSERT INTO hub_migrations (version, name) VALUES (13, 'step_advance') ON CONFLICT DO NOTHING;
COMMIT;
