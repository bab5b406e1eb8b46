-- columns: name
-- Disable the schedules of the configuration that are in it no more. Reads the table whole; run at a start or a reload.
SELECT name FROM jobs
WHERE owner = 'config' AND enabled
  AND name NOT IN (SELECT v.name FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    name varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v)
FOR UPDATE /*!80000 OF jobs */
----
UPDATE jobs SET enabled = FALSE, modifiedby = 'config', modifiedon = UTC_TIMESTAMP(6),
    rowversionstamp = rowversionstamp + 1
WHERE name IN :found
