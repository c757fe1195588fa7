-- Text that is a key or sorted is compared by bytes (collation "C"): it is faster, and the same on every server.

CREATE TABLE projects (
    name text COLLATE "C" PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One row a span, without its content. A timestamptz ends at microseconds; start_time_nanos holds the rest, 0 to 999.
CREATE TABLE spans (
    project text COLLATE "C" NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    start_time timestamptz NOT NULL,
    start_time_nanos smallint NOT NULL,
    duration_ns bigint NOT NULL,
    parent_span_id bytea,
    trace_state text NOT NULL,
    name text NOT NULL,
    kind smallint NOT NULL,
    status text COLLATE "C" NOT NULL,
    status_message text NOT NULL,
    service text COLLATE "C" NOT NULL,
    scope text NOT NULL,
    scope_version text NOT NULL,
    observation_type text COLLATE "C" NOT NULL,
    provider text COLLATE "C",
    model text COLLATE "C",
    response_model text COLLATE "C",
    input_tokens bigint,
    output_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    cost numeric,
    input_cost numeric,
    output_cost numeric,
    time_to_first_token_ns bigint,
    tokens_per_second double precision,
    finish_reasons text[] NOT NULL,
    error_type text,
    http_status integer,
    user_id text COLLATE "C",
    session_id text COLLATE "C",
    tags text[] COLLATE "C" NOT NULL,
    environment text COLLATE "C",
    release text,
    prompt_name text,
    prompt_version text,
    attributes jsonb NOT NULL,
    resource_attributes jsonb NOT NULL,
    events jsonb NOT NULL,
    links jsonb NOT NULL,
    PRIMARY KEY (project, trace_id, span_id, start_time, start_time_nanos)
);

-- What prompts, completions and tools said; apart, so that it can be kept shorter and is read only for one span.
CREATE TABLE span_content (
    project text COLLATE "C" NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    start_time timestamptz NOT NULL,
    start_time_nanos smallint NOT NULL,
    content jsonb NOT NULL,
    input_preview text,
    output_preview text,
    PRIMARY KEY (project, trace_id, span_id, start_time, start_time_nanos)
);

-- One row a trace, kept by every write. The lead span is the earliest root, or the earliest span while no root is there;
-- it gives name and service. generation_* names the earliest generation, whose previews stand in for a root's.
CREATE TABLE traces (
    project text COLLATE "C" NOT NULL,
    trace_id bytea NOT NULL,
    start_time_ns bigint NOT NULL,
    end_time_ns bigint NOT NULL,
    name text NOT NULL,
    service text COLLATE "C" NOT NULL,
    has_root boolean NOT NULL,
    lead_start_time_ns bigint NOT NULL,
    lead_span_id bytea NOT NULL,
    generation_start_time_ns bigint,
    generation_span_id bytea,
    span_count bigint NOT NULL,
    error_count bigint NOT NULL,
    generation_count bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost numeric,
    unpriced_count bigint NOT NULL,
    models text[] COLLATE "C" NOT NULL,
    services text[] COLLATE "C" NOT NULL,
    user_id text COLLATE "C",
    session_id text COLLATE "C",
    tags text[] COLLATE "C" NOT NULL,
    environment text COLLATE "C",
    PRIMARY KEY (project, trace_id)
) WITH (fillfactor = 80);

CREATE INDEX traces_newest ON traces (project, start_time_ns, trace_id);
CREATE INDEX traces_failed ON traces (project, start_time_ns, trace_id) WHERE error_count > 0;
CREATE INDEX traces_user ON traces (project, user_id, start_time_ns, trace_id) WHERE user_id IS NOT NULL;
CREATE INDEX traces_session ON traces (project, session_id, start_time_ns, trace_id) WHERE session_id IS NOT NULL;

-- A distribution of non-negative integers in logarithmic buckets; llmflow_store.sketch describes it.
CREATE TYPE sketch AS (buckets smallint[], counts bigint[]);

-- Sums a minute and set of dimensions; a dimension that a span lacks is ''. Errors are the rows of status 'error'.
CREATE TABLE rollups_minute (
    project text COLLATE "C" NOT NULL,
    minute timestamptz NOT NULL,
    service text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    observation_type text COLLATE "C" NOT NULL,
    environment text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    span_count bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost numeric NOT NULL,
    input_cost numeric NOT NULL,
    output_cost numeric NOT NULL,
    priced_count bigint NOT NULL,
    unpriced_count bigint NOT NULL,
    duration_ns sketch NOT NULL,
    time_to_first_token_ns sketch NOT NULL,
    PRIMARY KEY (project, minute, service, provider, model, observation_type, environment, status)
) WITH (fillfactor = 80);

CREATE TABLE secrets (
    name text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL
);

-- lz4 is several times faster than the default compression; a server may be built without it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE span_content ALTER COLUMN content SET COMPRESSION lz4;
        ALTER TABLE spans
            ALTER COLUMN attributes SET COMPRESSION lz4,
            ALTER COLUMN resource_attributes SET COMPRESSION lz4,
            ALTER COLUMN events SET COMPRESSION lz4,
            ALTER COLUMN links SET COMPRESSION lz4;
    END IF;
END
$$;
