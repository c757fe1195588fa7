-- What the overview asks for, ready in few rows: `model` becomes a dimension of rollups_value_*, and users and chosen
-- attributes get sums a day and a week without type, status and sketches. Weeks begin on Thursdays, as the epoch did.
CREATE TABLE rollups_total_day (
    project text COLLATE "C" NOT NULL,
    dimension text COLLATE "C" NOT NULL,
    bucket timestamptz NOT NULL,
    value text COLLATE "C" NOT NULL,
    span_count bigint NOT NULL,
    request_count bigint NOT NULL,
    error_count bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost numeric NOT NULL,
    input_cost numeric NOT NULL,
    output_cost numeric NOT NULL,
    unpriced_count bigint NOT NULL,
    PRIMARY KEY (project, dimension, bucket, value)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE TABLE rollups_total_week (LIKE rollups_total_day INCLUDING INDEXES)
    WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

-- A new database has nothing to sum up, and not yet the functions that sum.
DO $$
DECLARE
    unit text;
BEGIN
    IF NOT EXISTS (SELECT FROM rollups_hour) THEN
        RETURN;
    END IF;
    FOREACH unit IN ARRAY ARRAY['day', 'week'] LOOP
        EXECUTE format($sql$
            INSERT INTO rollups_total_%1$s
            SELECT project, dimension, date_bin(%2$L, bucket, 'epoch'), value, sum(span_count),
                coalesce(sum(span_count) FILTER (WHERE observation_type IN ('generation', 'embedding')), 0),
                coalesce(sum(span_count) FILTER (WHERE status = 'error'), 0),
                sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
                sum(reasoning_tokens), sum(cost), sum(input_cost), sum(output_cost), sum(unpriced_count)
            FROM rollups_value_day GROUP BY 1, 2, 3, 4
        $sql$, unit, '1 ' || unit);
    END LOOP;
    FOREACH unit IN ARRAY ARRAY['hour', 'day'] LOOP
        EXECUTE format($sql$
            INSERT INTO rollups_value_%1$s
            SELECT project, 'model', bucket, model, observation_type, status,
                sum(span_count), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
                sum(reasoning_tokens), sum(cost), sum(input_cost), sum(output_cost), sum(priced_count),
                sum(unpriced_count), sketch_sum(duration_ns),
                coalesce(sketch_sum(time_to_first_token_ns), ROW('{}', '{}')::sketch)
            FROM rollups_%1$s GROUP BY 1, 3, 4, 5, 6
        $sql$, unit);
    END LOOP;
END
$$;
