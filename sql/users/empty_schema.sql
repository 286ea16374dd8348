-- Drops and recreates the schema public, as in a new database. For a server's maintenance database, which
-- cannot be dropped while connected to it.
BEGIN;
-- Do not wait forever for a session with an open transaction.
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = 'warning';
DROP SCHEMA IF EXISTS public CASCADE;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO PUBLIC;
DO $$
BEGIN
    -- The default owner since PostgreSQL 14.
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'pg_database_owner') THEN
        ALTER SCHEMA public OWNER TO pg_database_owner;
    END IF;
END
$$;
COMMIT
