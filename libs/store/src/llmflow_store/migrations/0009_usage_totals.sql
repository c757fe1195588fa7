-- What all model calls since this migration came to, without time: counters that only grow, whatever retention takes
-- away. A label that a call lacks is ''; both tables have few rows a project (llmflow_store.prometheus_sql).
CREATE TABLE usage_totals (
    project text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    endpoint text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    requests bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cache_hits bigint NOT NULL,
    cache_misses bigint NOT NULL,
    duration_ns_sum numeric NOT NULL,
    duration_ns sketch NOT NULL,
    time_to_first_token_ns_sum numeric NOT NULL,
    time_to_first_token_ns sketch NOT NULL,
    PRIMARY KEY (project, model, endpoint, status)
) WITH (fillfactor = 50);

CREATE TABLE cost_totals (
    project text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    cost numeric NOT NULL,
    PRIMARY KEY (project, model, user_id, team_id)
) WITH (fillfactor = 50);
