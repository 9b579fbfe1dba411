-- What two and a half years of use do to a database, in a few statements. Runs after residency-data.sql, before VACUUM.

-- step: schedules published again
-- Each publication moves assignments to a new run: every index entry of theirs is written anew, and the old ones stay
-- until VACUUM, by which time the pages have split. Two rounds leave the indexes of assignments about twice their size.
update assignments a set schedule_run_id = r.id, updated_at = now()
from (select id, row_number() over (order by created_at) as n from schedule_runs) r
where r.n = 1 + abs(hashtext(a.person_id::text)) % (select count(*) from schedule_runs);

-- step: back to the runs of record
update assignments a set schedule_run_id = r.id, updated_at = now()
from (select id, row_number() over (order by created_at desc) as n from schedule_runs) r
where r.n = 1 + abs(hashtext(a.block_id::text)) % (select count(*) from schedule_runs);

-- step: queue cleaned up
-- Nine in ten sent reminders go, evenly over all pages: hardly a page becomes empty, and the indexes keep their size.
delete from scheduled_notifications where status = 'sent' and ('x' || substr(md5(id::text), 1, 4))::bit(16)::integer % 10 > 0;

-- step: first migration rebuilt: blocks by date
-- The maintenance calendar rebuilds what is written most, from a list older than the second migration. A concurrent rebuild
-- leaves a new index under the old name, and among equal indexes the planner takes the newest: the first of each pair of
-- copies is the one in use.
reindex index concurrently idx_blocks_date;

-- step: first migration rebuilt: assignments by block
reindex index concurrently idx_assignments_block;

-- step: first migration rebuilt: assignments by person
reindex index concurrently idx_assignments_person;
