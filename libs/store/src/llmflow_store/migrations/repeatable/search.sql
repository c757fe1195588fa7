-- Run by every migration.

-- The time that a number of nanoseconds since the Unix epoch means, to the microsecond.
CREATE OR REPLACE FUNCTION unix_ns_time(ns bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN timestamptz 'epoch' + (ns / 1000) * interval '1 microsecond';

-- Chinese, Japanese and Korean have no spaces between words, or words with endings. So any two of their letters side by
-- side count as a word, and so does the last one before anything else. These are the letters, for brackets of a regular
-- expression.
CREATE OR REPLACE FUNCTION paired_letters() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff';

-- Whether a text has any; quick where nearly all have none.
CREATE OR REPLACE FUNCTION has_paired_letters(said text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN octet_length(said) > char_length(said) AND said ~ ('[' || paired_letters() || ']');

-- A text with every row of such letters cut into pairs.
CREATE OR REPLACE FUNCTION letter_pairs(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(
    regexp_replace(said, '([' || paired_letters() || ']+)', ' \1 ', 'g'),
    '([' || paired_letters() || ']{2})', '\1 ', 'g'
);

-- The pairs that those leave out, of the second letter and the third and so on.
CREATE OR REPLACE FUNCTION other_letter_pairs(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN letter_pairs(
    regexp_replace(regexp_replace(said, '[^' || paired_letters() || ']+', ' ', 'g'), '(^| )[^ ]', ' ', 'g')
);

-- The words of a span's content. Texts that are JSON themselves, as most conventions write messages, are opened first,
-- so that an escaped letter is a letter. What is too large for a tsvector keeps the words of its beginning.
CREATE OR REPLACE FUNCTION content_words_of(content jsonb) RETURNS tsvector
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    opened jsonb;
    said text;
BEGIN
    SELECT coalesce(jsonb_agg(
        CASE WHEN jsonb_typeof(c.value) = 'string' AND (c.value #>> '{}' IS JSON ARRAY OR c.value #>> '{}' IS JSON OBJECT)
        THEN (c.value #>> '{}')::jsonb ELSE c.value END
    ), '[]')
    INTO opened FROM jsonb_each(content) AS c (key, value);
    said := opened::text;
    IF NOT has_paired_letters(said) THEN
        RETURN jsonb_to_tsvector('simple', opened, '["string"]');
    END IF;
    RETURN jsonb_to_tsvector('simple', letter_pairs(said)::jsonb, '["string"]')
        || to_tsvector('simple', other_letter_pairs(said));
EXCEPTION
    WHEN program_limit_exceeded OR data_exception THEN
        said := left(content::text, 100000);
        RETURN to_tsvector('simple', letter_pairs(said)) || to_tsvector('simple', other_letter_pairs(said));
END
$$;

-- What finds contents with all words of a text, or with `phrase` in this order; with all pairs of a row of paired letters
-- in any order, and with a letter that stands alone as the first of any pair.
CREATE OR REPLACE FUNCTION words_query(said text, phrase boolean) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    found tsquery;
    letters text;
BEGIN
    IF NOT has_paired_letters(said) THEN
        RETURN CASE WHEN phrase THEN phraseto_tsquery('simple', said) ELSE plainto_tsquery('simple', said) END;
    END IF;
    found := plainto_tsquery('simple', regexp_replace(said, '[' || paired_letters() || ']+', ' ', 'g'));
    FOR letters IN SELECT (regexp_matches(said, '[' || paired_letters() || ']+', 'g'))[1] LOOP
        found := found && CASE WHEN char_length(letters) = 1 THEN to_tsquery('simple', letters || ':*') ELSE (
            SELECT plainto_tsquery('simple', string_agg(substr(letters, i, 2), ' '))
            FROM generate_series(1, char_length(letters) - 1) AS i
        ) END;
    END LOOP;
    RETURN found;
END
$$;
