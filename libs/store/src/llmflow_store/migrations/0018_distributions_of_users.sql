-- The distributions of users over a day and a week that are past, whatever type and status, in the form that
-- llmflow_store.sketch packs: made from rollups_value_day in the background, for users with more than a few spans.
-- What is counted late makes a row void: it only holds while rollups_total_* has as many spans.
CREATE TABLE rollups_user_day (
    project text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    bucket timestamptz NOT NULL,
    span_count bigint NOT NULL,
    duration_ns bytea NOT NULL,
    time_to_first_token_ns bytea NOT NULL,
    PRIMARY KEY (project, user_id, bucket)
);
CREATE TABLE rollups_user_week (LIKE rollups_user_day INCLUDING INDEXES);

-- How many spans each day and week had when its rows were made.
CREATE TABLE rollups_user_made (
    project text COLLATE "C" NOT NULL,
    unit text COLLATE "C" NOT NULL,
    bucket timestamptz NOT NULL,
    span_count bigint NOT NULL,
    PRIMARY KEY (project, unit, bucket)
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE rollups_user_day
            ALTER COLUMN duration_ns SET COMPRESSION lz4,
            ALTER COLUMN time_to_first_token_ns SET COMPRESSION lz4;
        ALTER TABLE rollups_user_week
            ALTER COLUMN duration_ns SET COMPRESSION lz4,
            ALTER COLUMN time_to_first_token_ns SET COMPRESSION lz4;
    END IF;
END
$$;
