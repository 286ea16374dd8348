-- Drops the schema public with everything in it and makes it anew, as a new database has it. For a server's
-- maintenance database, which can't be dropped from itself.
BEGIN;
-- A session in the middle of something is no reason to wait for ever.
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = 'warning';
DROP SCHEMA IF EXISTS public CASCADE;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO PUBLIC;
DO $$
BEGIN
    -- The owner since PostgreSQL 14.
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'pg_database_owner') THEN
        ALTER SCHEMA public OWNER TO pg_database_owner;
    END IF;
END
$$;
COMMIT
