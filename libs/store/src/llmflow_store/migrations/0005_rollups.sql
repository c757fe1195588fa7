-- The same sums an hour and a day, so that a month is a few thousand rows.
-- An index keeps the name that its column had, which TimescaleDB does not understand: the key is made anew.
ALTER TABLE rollups_minute DROP CONSTRAINT rollups_minute_pkey;
ALTER TABLE rollups_minute RENAME COLUMN minute TO bucket;
ALTER TABLE rollups_minute
    ADD PRIMARY KEY (project, bucket, service, provider, model, observation_type, environment, status);
CREATE TABLE rollups_hour (LIKE rollups_minute INCLUDING INDEXES) WITH (fillfactor = 80);
CREATE TABLE rollups_day (LIKE rollups_minute INCLUDING INDEXES) WITH (fillfactor = 80);

-- Sums an hour and a day of what has one value of one dimension: 'user', or 'attr.KEY' of the attributes chosen for it.
CREATE TABLE rollups_value_hour (
    project text COLLATE "C" NOT NULL,
    dimension text COLLATE "C" NOT NULL,
    bucket timestamptz NOT NULL,
    value text COLLATE "C" NOT NULL,
    observation_type text COLLATE "C" NOT NULL,
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
    PRIMARY KEY (project, dimension, bucket, value, observation_type, status)
) WITH (fillfactor = 80);
CREATE TABLE rollups_value_day (LIKE rollups_value_hour INCLUDING INDEXES) WITH (fillfactor = 80);

-- A new database has nothing to sum up, and not yet the functions that sum.
DO $$
DECLARE
    unit text;
BEGIN
    IF NOT EXISTS (SELECT FROM rollups_minute) THEN
        RETURN;
    END IF;
    FOREACH unit IN ARRAY ARRAY['hour', 'day'] LOOP
        EXECUTE format($sql$
            INSERT INTO rollups_%1$s
            SELECT project, date_trunc(%1$L, bucket, 'UTC'), service, provider, model, observation_type, environment, status,
                sum(span_count), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
                sum(reasoning_tokens), sum(cost), sum(input_cost), sum(output_cost), sum(priced_count),
                sum(unpriced_count), sketch_sum(duration_ns), sketch_sum(time_to_first_token_ns)
            FROM rollups_minute GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
        $sql$, unit);
        EXECUTE format($sql$
            INSERT INTO rollups_value_%1$s
            SELECT project, 'user', date_trunc(%1$L, start_time, 'UTC'), user_id, observation_type, status, count(*),
                coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), coalesce(sum(cache_read_tokens), 0),
                coalesce(sum(cache_write_tokens), 0), coalesce(sum(reasoning_tokens), 0), coalesce(sum(cost), 0),
                coalesce(sum(input_cost), 0), coalesce(sum(output_cost), 0), count(cost),
                count(*) FILTER (WHERE cost IS NULL AND observation_type IN ('generation', 'embedding')
                    AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)),
                sketch_of(array_agg(duration_ns)),
                sketch_of(array_agg(time_to_first_token_ns) FILTER (WHERE time_to_first_token_ns IS NOT NULL))
            FROM spans WHERE user_id IS NOT NULL GROUP BY 1, 3, 4, 5, 6
        $sql$, unit);
    END LOOP;
END
$$;
