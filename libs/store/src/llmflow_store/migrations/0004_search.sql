-- Where content was said: the words of one span's content, filled in the background from search_queue.
CREATE TABLE content_words (
    project text COLLATE "C" NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    start_time timestamptz NOT NULL,
    start_time_nanos smallint NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (project, trace_id, span_id, start_time, start_time_nanos)
);
CREATE INDEX content_words_found ON content_words USING gin (words);

-- The contents that are not in content_words yet, in no order; whoever indexes takes rows out.
CREATE TABLE search_queue (
    project text COLLATE "C" NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    start_time timestamptz NOT NULL,
    start_time_nanos smallint NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO search_queue (project, trace_id, span_id, start_time, start_time_nanos)
SELECT project, trace_id, span_id, start_time, start_time_nanos FROM span_content;

-- Which attribute values the spans of one trace have that were written together; llmflow_store.terms makes the numbers.
CREATE TABLE trace_terms (
    project text COLLATE "C" NOT NULL,
    trace_id bytea NOT NULL,
    start_time timestamptz NOT NULL,
    terms integer[] NOT NULL
);
CREATE INDEX trace_terms_found ON trace_terms USING gin (terms);
CREATE INDEX trace_terms_of ON trace_terms (project, trace_id);

CREATE INDEX spans_newest ON spans (project, start_time DESC, start_time_nanos DESC, span_id DESC);
CREATE INDEX traces_failed_user ON traces (project, user_id, start_time_ns, trace_id)
    WHERE error_count > 0 AND user_id IS NOT NULL;
CREATE INDEX traces_cost ON traces (project, cost) WHERE cost IS NOT NULL;
CREATE INDEX traces_models ON traces USING gin (models);
