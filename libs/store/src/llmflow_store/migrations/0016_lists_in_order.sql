-- Lists of traces and spans by duration, cost and tokens, largest or smallest first, within a range of time. What has no
-- such value, or zero, comes last in them and is in no index. The type of a span tells without a look at the row which
-- are the slowest calls of models among all the slower spans around them.
CREATE INDEX spans_duration ON spans (project, duration_ns, start_time, observation_type) WHERE duration_ns > 0;
CREATE INDEX spans_cost ON spans (project, cost, start_time) WHERE cost > 0;
CREATE INDEX spans_tokens
    ON spans (project, (coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), start_time)
    WHERE coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0;
CREATE INDEX traces_duration ON traces (project, (end_time_ns - start_time_ns), start_time_ns)
    WHERE end_time_ns - start_time_ns > 0;
CREATE INDEX traces_tokens ON traces (project, (input_tokens + output_tokens), start_time_ns)
    WHERE input_tokens + output_tokens > 0;
