-- What projects want otherwise than the settings say, in days; NULL is as the settings say, 0 for ever.
CREATE TABLE project_retention (
    project text COLLATE "C" PRIMARY KEY REFERENCES projects (name) ON DELETE CASCADE,
    spans integer,
    content integer,
    rollups integer,
    logs integer,
    metrics integer
);

-- One row: what the retention worker applied last, and which tables it has gone through row by row for which times.
CREATE TABLE retention_status (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    applied_at timestamptz NOT NULL,
    defaults jsonb NOT NULL,
    swept jsonb NOT NULL DEFAULT '{}'
);

-- Deleted rows are a small share of a large table, and their room is to be used again the same day.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'spans', 'span_content', 'content_words', 'trace_terms', 'traces', 'scores', 'rollups_minute', 'rollups_hour',
        'rollups_day', 'rollups_value_hour', 'rollups_value_day', 'logs', 'metric_points', 'metric_series'
    ] LOOP
        EXECUTE format('ALTER TABLE %I SET (autovacuum_vacuum_scale_factor = 0.02)', name);
    END LOOP;
END
$$;
