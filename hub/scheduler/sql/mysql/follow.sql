-- columns: name, handler, cronexpression, intervalseconds, startat, endat, maxexecutions, enabled, condition, priority,
--   maxretries, timeout, metadata, enable_recovery, payload, queue, timezone, misfire, overlap, jitter, description
-- Write the configured schedules, where they differ from their rows; rows of others are left alone. Answers the rows of
-- all these names, with their owner. An update sees what it has assigned already, so that what depends on a difference
-- comes first. Plan: the unique index on name.
INSERT INTO jobs (
    name, handler, cronexpression, intervalseconds, startat, endat, maxexecutions, enabled, `condition`, priority,
    maxretries, timeout, metadata, enable_recovery, payload, queue, timezone, misfire, overlap, jitter,
    description, owner, createdby)
SELECT
    v.name, v.handler, v.cronexpression, v.intervalseconds, CAST(v.startat AS datetime(6)),
    CAST(v.endat AS datetime(6)), v.maxexecutions, v.enabled, v.`condition`, v.priority, v.maxretries, v.timeout,
    v.metadata, v.enable_recovery, v.payload, v.queue, v.timezone, v.misfire, v.overlap, v.jitter, v.description,
    'config', 'config'
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    name varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    handler longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]',
    cronexpression longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]', intervalseconds bigint PATH '$[3]',
    startat longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[4]',
    endat longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[5]', maxexecutions bigint PATH '$[6]',
    enabled int PATH '$[7]', `condition` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[8]',
    priority bigint PATH '$[9]', maxretries bigint PATH '$[10]', timeout double PATH '$[11]',
    metadata longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[12]', enable_recovery int PATH '$[13]',
    payload longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[14]',
    queue longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[15]',
    timezone longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[16]',
    misfire longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[17]',
    overlap longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[18]', jitter double PATH '$[19]',
    description longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[20]')) v
ON DUPLICATE KEY UPDATE
    rowversionstamp = jobs.rowversionstamp + (jobs.owner <=> 'config' AND NOT (
        NOT jobs.is_deleted AND jobs.active AND jobs.handler <=> v.handler AND jobs.cronexpression <=>
        v.cronexpression AND jobs.intervalseconds <=> v.intervalseconds AND jobs.startat <=> CAST(v.startat AS
        datetime(6)) AND jobs.endat <=> CAST(v.endat AS datetime(6)) AND jobs.maxexecutions <=> v.maxexecutions
        AND jobs.enabled <=> v.enabled AND jobs.`condition` <=> v.`condition` AND jobs.priority <=> v.priority AND
        jobs.maxretries <=> v.maxretries AND jobs.timeout <=> v.timeout AND JSON_EXTRACT(jobs.metadata, '$') <=>
        JSON_EXTRACT(v.metadata, '$') AND jobs.enable_recovery <=> v.enable_recovery AND jobs.payload <=>
        v.payload AND jobs.queue <=> v.queue AND jobs.timezone <=> v.timezone AND jobs.misfire <=> v.misfire AND
        jobs.overlap <=> v.overlap AND jobs.jitter <=> v.jitter AND jobs.description <=> v.description)),
    modifiedon = IF(jobs.owner <=> 'config' AND NOT (
        NOT jobs.is_deleted AND jobs.active AND jobs.handler <=> v.handler AND jobs.cronexpression <=>
        v.cronexpression AND jobs.intervalseconds <=> v.intervalseconds AND jobs.startat <=> CAST(v.startat AS
        datetime(6)) AND jobs.endat <=> CAST(v.endat AS datetime(6)) AND jobs.maxexecutions <=> v.maxexecutions
        AND jobs.enabled <=> v.enabled AND jobs.`condition` <=> v.`condition` AND jobs.priority <=> v.priority AND
        jobs.maxretries <=> v.maxretries AND jobs.timeout <=> v.timeout AND JSON_EXTRACT(jobs.metadata, '$') <=>
        JSON_EXTRACT(v.metadata, '$') AND jobs.enable_recovery <=> v.enable_recovery AND jobs.payload <=>
        v.payload AND jobs.queue <=> v.queue AND jobs.timezone <=> v.timezone AND jobs.misfire <=> v.misfire AND
        jobs.overlap <=> v.overlap AND jobs.jitter <=> v.jitter AND jobs.description <=> v.description), UTC_TIMESTAMP(6), jobs.modifiedon),
    modifiedby = IF(jobs.owner <=> 'config' AND NOT (
        NOT jobs.is_deleted AND jobs.active AND jobs.handler <=> v.handler AND jobs.cronexpression <=>
        v.cronexpression AND jobs.intervalseconds <=> v.intervalseconds AND jobs.startat <=> CAST(v.startat AS
        datetime(6)) AND jobs.endat <=> CAST(v.endat AS datetime(6)) AND jobs.maxexecutions <=> v.maxexecutions
        AND jobs.enabled <=> v.enabled AND jobs.`condition` <=> v.`condition` AND jobs.priority <=> v.priority AND
        jobs.maxretries <=> v.maxretries AND jobs.timeout <=> v.timeout AND JSON_EXTRACT(jobs.metadata, '$') <=>
        JSON_EXTRACT(v.metadata, '$') AND jobs.enable_recovery <=> v.enable_recovery AND jobs.payload <=>
        v.payload AND jobs.queue <=> v.queue AND jobs.timezone <=> v.timezone AND jobs.misfire <=> v.misfire AND
        jobs.overlap <=> v.overlap AND jobs.jitter <=> v.jitter AND jobs.description <=> v.description), 'config', jobs.modifiedby),
    is_deleted = IF(jobs.owner <=> 'config', FALSE, jobs.is_deleted),
    active = IF(jobs.owner <=> 'config', TRUE, jobs.active),
    handler = IF(jobs.owner <=> 'config', v.handler, jobs.handler),
    cronexpression = IF(jobs.owner <=> 'config', v.cronexpression, jobs.cronexpression),
    intervalseconds = IF(jobs.owner <=> 'config', v.intervalseconds, jobs.intervalseconds),
    startat = IF(jobs.owner <=> 'config', CAST(v.startat AS datetime(6)), jobs.startat),
    endat = IF(jobs.owner <=> 'config', CAST(v.endat AS datetime(6)), jobs.endat),
    maxexecutions = IF(jobs.owner <=> 'config', v.maxexecutions, jobs.maxexecutions),
    enabled = IF(jobs.owner <=> 'config', v.enabled, jobs.enabled),
    `condition` = IF(jobs.owner <=> 'config', v.`condition`, jobs.`condition`),
    priority = IF(jobs.owner <=> 'config', v.priority, jobs.priority),
    maxretries = IF(jobs.owner <=> 'config', v.maxretries, jobs.maxretries),
    timeout = IF(jobs.owner <=> 'config', v.timeout, jobs.timeout),
    metadata = IF(jobs.owner <=> 'config', v.metadata, jobs.metadata),
    enable_recovery = IF(jobs.owner <=> 'config', v.enable_recovery, jobs.enable_recovery),
    payload = IF(jobs.owner <=> 'config', v.payload, jobs.payload),
    queue = IF(jobs.owner <=> 'config', v.queue, jobs.queue),
    timezone = IF(jobs.owner <=> 'config', v.timezone, jobs.timezone),
    misfire = IF(jobs.owner <=> 'config', v.misfire, jobs.misfire),
    overlap = IF(jobs.owner <=> 'config', v.overlap, jobs.overlap),
    jitter = IF(jobs.owner <=> 'config', v.jitter, jobs.jitter),
    description = IF(jobs.owner <=> 'config', v.description, jobs.description)
----
SELECT j.name, j.owner FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    name varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN jobs j FORCE INDEX (name) ON j.name = v.name
