-- indexwarden plan 030567b84e37: everything in database shop of main
-- Made 2026-03-01 12:00 UTC; expires 2026-03-08 12:00 UTC. Cluster 7300000000000000001, PostgreSQL 17.10.
-- 0 steps
--
-- Read it, then run it in one session outside of a transaction: psql -X -v ON_ERROR_STOP=1 -f FILE,
-- or statement by statement with any client in autocommit mode. It stops where something is not as it was
-- when the plan was made; mend what it names and run it again from the top: what is done is passed over.
-- The session is read-only but between the check of a step and its statement; RESET default_transaction_read_only
-- gives it back where the script has stopped.
--
-- Steps
--   none

-- There is nothing to run.

