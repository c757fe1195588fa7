-- One row a log record, made for being read newest first. `id` is derived from its place in the message log. The columns
-- from coding_tool on are what an AI command-line tool's event tells, NULL for all other records.
CREATE TABLE logs (
    project text COLLATE "C" NOT NULL,
    time timestamptz NOT NULL,
    time_nanos smallint NOT NULL,
    id bytea NOT NULL,
    observed_time_ns bigint,
    severity_number smallint NOT NULL,
    severity_text text NOT NULL,
    event_name text COLLATE "C" NOT NULL,
    body jsonb NOT NULL,
    service text COLLATE "C" NOT NULL,
    scope text NOT NULL,
    scope_version text NOT NULL,
    scope_attributes jsonb NOT NULL,
    attributes jsonb NOT NULL,
    resource_attributes jsonb NOT NULL,
    dropped_attributes_count bigint NOT NULL,
    trace_id bytea,
    span_id bytea,
    flags bigint NOT NULL,
    session_id text COLLATE "C",
    user_id text COLLATE "C",
    coding_tool text COLLATE "C",
    coding_kind text COLLATE "C",
    organization_id text COLLATE "C",
    provider text COLLATE "C",
    model text COLLATE "C",
    input_tokens bigint,
    output_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    cost numeric,
    duration_ns bigint,
    tool_name text,
    decision text COLLATE "C",
    decision_source text,
    success boolean,
    error text,
    PRIMARY KEY (project, time, time_nanos, id)
);

CREATE INDEX logs_trace ON logs (project, trace_id, time) WHERE trace_id IS NOT NULL;
CREATE INDEX logs_session ON logs (project, session_id, time) WHERE session_id IS NOT NULL;
CREATE INDEX logs_event ON logs (project, event_name, time) WHERE event_name <> '';
CREATE INDEX logs_coding_tool ON logs (project, coding_tool, time) WHERE coding_tool IS NOT NULL;

-- What the points of one stream have in common. last_time is that of a recent point, kept to the hour.
CREATE TABLE metric_series (
    project text COLLATE "C" NOT NULL,
    series bytea NOT NULL,
    name text COLLATE "C" NOT NULL,
    description text NOT NULL,
    unit text NOT NULL,
    type text COLLATE "C" NOT NULL,
    temporality text COLLATE "C" NOT NULL,
    monotonic boolean,
    service text COLLATE "C" NOT NULL,
    scope text NOT NULL,
    scope_version text NOT NULL,
    scope_attributes jsonb NOT NULL,
    attributes jsonb NOT NULL,
    resource_attributes jsonb NOT NULL,
    last_time timestamptz NOT NULL,
    PRIMARY KEY (project, series)
);

CREATE INDEX metric_series_name ON metric_series (project, name);

CREATE TABLE metric_points (
    project text COLLATE "C" NOT NULL,
    series bytea NOT NULL,
    time timestamptz NOT NULL,
    time_nanos smallint NOT NULL,
    start_time_ns bigint,
    value double precision,
    int_value bigint,
    count bigint,
    sum double precision,
    details jsonb,
    PRIMARY KEY (project, series, time, time_nanos)
);

-- Judgements of spans, traces and sessions.
CREATE TABLE scores (
    project text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    trace_id bytea,
    span_id bytea,
    session_id text COLLATE "C",
    name text COLLATE "C" NOT NULL,
    value double precision,
    label text,
    data_type text COLLATE "C" NOT NULL,
    comment text,
    source text COLLATE "C" NOT NULL,
    author text,
    time timestamptz NOT NULL,
    PRIMARY KEY (project, id),
    CHECK (trace_id IS NOT NULL OR session_id IS NOT NULL),
    CHECK (span_id IS NULL OR trace_id IS NOT NULL),
    CHECK (value IS NOT NULL OR label IS NOT NULL)
);

CREATE INDEX scores_newest ON scores (project, time, id);
CREATE INDEX scores_trace ON scores (project, trace_id, time) WHERE trace_id IS NOT NULL;
CREATE INDEX scores_session ON scores (project, session_id, time) WHERE session_id IS NOT NULL;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE logs
            ALTER COLUMN body SET COMPRESSION lz4,
            ALTER COLUMN attributes SET COMPRESSION lz4,
            ALTER COLUMN resource_attributes SET COMPRESSION lz4;
        ALTER TABLE metric_points ALTER COLUMN details SET COMPRESSION lz4;
    END IF;
END
$$;
