-- A threshold that was no number was kept as null, which no rule can be read with. A rule that compared with it is off,
-- and the audit log says so.
WITH changed AS (
    UPDATE alerts
    SET definition = definition || '{"threshold": 0}', enabled = enabled AND definition ->> 'metric' = 'no_data',
        claim = claim + 1, due_at = now()
    WHERE kind = 'rule' AND definition -> 'threshold' = 'null'
    RETURNING id, project, name, enabled, definition
)
INSERT INTO audit_log (actor, address, action, project, subject, detail)
SELECT 'llmflow', '', 'rule.save', project, id, jsonb_build_object('name', name, 'enabled', enabled) || definition
FROM changed;

-- Contents in Chinese, Japanese or Korean, escaped or not, are indexed again: their words are pairs of letters now.
INSERT INTO search_queue (project, trace_id, span_id, start_time, start_time_nanos)
SELECT project, trace_id, span_id, start_time, start_time_nanos
FROM span_content, LATERAL (SELECT content::text) AS c (said)
WHERE (octet_length(said) > char_length(said) AND said ~ '[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]')
    OR (strpos(said, '\u') > 0 AND said ~* '\\u([3-9a-e][0-9a-f]{3}|f[9a])');
