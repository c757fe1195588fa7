-- Which values the spans of a few neighbouring pages have, in so few bytes that a month of them is looked through in a
-- tenth of a second: so what hardly any span has, or none, is found without reading the others.
CREATE INDEX spans_values ON spans USING brin (
    project,
    start_time,
    name text_bloom_ops,
    service text_bloom_ops,
    scope text_bloom_ops,
    kind,
    observation_type text_bloom_ops,
    status text_bloom_ops,
    error_type text_bloom_ops,
    http_status int4_minmax_multi_ops,
    provider text_bloom_ops,
    user_id text_bloom_ops,
    session_id text_bloom_ops,
    environment text_bloom_ops,
    release text_bloom_ops,
    prompt_name text_bloom_ops,
    prompt_version text_bloom_ops
) WITH (pages_per_range = 16);

-- Vacuum adds pages to the index; until then each of its questions reads them.
ALTER TABLE spans SET (autovacuum_vacuum_insert_scale_factor = 0.05);
