-- Other sessions of the database, oldest first, without their queries: those may contain data.
SELECT pid,
       usename::text AS "user",
       host(client_addr) AS client_address,
       application_name,
       state,
       backend_start AS connected_at,
       state_change AS state_since
FROM pg_stat_activity
WHERE datname = current_database()
  AND pid <> pg_backend_pid()
ORDER BY backend_start, pid
