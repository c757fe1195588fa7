-- Every model of an hour and a day in one row, for the distributions by model: dimension 'model, whole', and '' for
-- type and status. A new database has nothing to sum up, and not yet the functions that sum.
DO $$
DECLARE
    unit text;
BEGIN
    IF NOT EXISTS (SELECT FROM rollups_value_hour) THEN
        RETURN;
    END IF;
    FOREACH unit IN ARRAY ARRAY['hour', 'day'] LOOP
        EXECUTE format($sql$
            INSERT INTO rollups_value_%1$s
            SELECT project, 'model, whole', bucket, value, '', '',
                sum(span_count), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
                sum(reasoning_tokens), sum(cost), sum(input_cost), sum(output_cost), sum(priced_count),
                sum(unpriced_count), sketch_sum(duration_ns),
                coalesce(sketch_sum(time_to_first_token_ns), ROW('{}', '{}')::sketch)
            FROM rollups_value_%1$s WHERE dimension = 'model' GROUP BY project, bucket, value
        $sql$, unit);
    END LOOP;
END
$$;
