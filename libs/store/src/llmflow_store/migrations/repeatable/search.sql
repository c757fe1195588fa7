-- Run by every migration.

-- The time that a number of nanoseconds since the Unix epoch means, to the microsecond.
CREATE OR REPLACE FUNCTION unix_ns_time(ns bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN timestamptz 'epoch' + (ns / 1000) * interval '1 microsecond';

-- The words of a span's content. Texts that are JSON themselves, as most conventions write messages, are opened first,
-- so that an escaped letter is a letter. What is too large for a tsvector keeps the words of its beginning.
CREATE OR REPLACE FUNCTION content_words_of(content jsonb) RETURNS tsvector
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    opened jsonb;
BEGIN
    SELECT jsonb_agg(
        CASE WHEN jsonb_typeof(c.value) = 'string' AND (c.value #>> '{}' IS JSON ARRAY OR c.value #>> '{}' IS JSON OBJECT)
        THEN (c.value #>> '{}')::jsonb ELSE c.value END
    )
    INTO opened FROM jsonb_each(content) AS c (key, value);
    RETURN jsonb_to_tsvector('simple', coalesce(opened, '[]'), '["string"]');
EXCEPTION
    WHEN program_limit_exceeded OR data_exception THEN
        RETURN to_tsvector('simple', left(content::text, 100000));
END
$$;
