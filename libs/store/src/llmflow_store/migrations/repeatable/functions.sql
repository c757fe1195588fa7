-- Run by every migration. The logarithm is that of the relative error 2 %: ln((1 + 0.02) / (1 - 0.02)).

-- Not STRICT, for the planner would not inline it then.
CREATE OR REPLACE FUNCTION sketch_bucket(value bigint) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN value > 1 THEN ceil(ln(value::double precision) / 0.040005334613699206)::smallint
    WHEN value <= 1 THEN 0::smallint
END;

CREATE OR REPLACE FUNCTION sketch_of(measured bigint[]) RETURNS sketch
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    result sketch;
BEGIN
    SELECT coalesce(array_agg(b ORDER BY b), '{}'), coalesce(array_agg(n ORDER BY b), '{}')
    INTO result.buckets, result.counts
    FROM (SELECT sketch_bucket(v) AS b, count(*) AS n FROM unnest(measured) AS m (v) WHERE v IS NOT NULL GROUP BY 1) AS s;
    RETURN result;
END
$$;

-- Mostly what is added lies in buckets that are there already; that is found and done in a tenth of the time.
CREATE OR REPLACE FUNCTION sketch_merge(a sketch, b sketch) RETURNS sketch
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    result sketch;
    place integer;
BEGIN
    IF b IS NULL OR cardinality(b.buckets) = 0 THEN
        RETURN coalesce(a, b);
    ELSIF a IS NULL OR cardinality(a.buckets) = 0 THEN
        RETURN b;
    ELSIF a.buckets @> b.buckets THEN
        FOR n IN 1..cardinality(b.buckets) LOOP
            place := array_position(a.buckets, b.buckets[n]);
            a.counts[place] := a.counts[place] + b.counts[n];
        END LOOP;
        RETURN a;
    END IF;
    SELECT array_agg(s.bucket), array_agg(s.n)
    INTO result.buckets, result.counts
    FROM (
        SELECT u.bucket, sum(u.n)::bigint AS n
        FROM (
            SELECT * FROM unnest(a.buckets, a.counts)
            UNION ALL
            SELECT * FROM unnest(b.buckets, b.counts)
        ) AS u (bucket, n)
        GROUP BY u.bucket
        ORDER BY u.bucket
    ) AS s;
    RETURN result;
END
$$;

CREATE OR REPLACE AGGREGATE sketch_sum(sketch) (
    sfunc = sketch_merge, stype = sketch, combinefunc = sketch_merge, parallel = safe
);

-- The value at rank ceil(q * count), within 2 %; NULL for an empty sketch.
CREATE OR REPLACE FUNCTION sketch_quantile(merged sketch, q double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT CASE WHEN bucket > 0 THEN 0.98 * exp(bucket * 0.040005334613699206) ELSE 1 END
    FROM (
        SELECT bucket, sum(n) OVER (ORDER BY bucket) AS below, sum(n) OVER () AS total
        FROM unnest((merged).buckets, (merged).counts) AS u (bucket, n)
    ) AS ranked
    WHERE below >= q * total
    ORDER BY bucket
    LIMIT 1
);

-- Both lists as one, sorted, each entry once.
CREATE OR REPLACE FUNCTION text_union(a text[], b text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF a @> b THEN
        RETURN a;
    END IF;
    RETURN ARRAY(SELECT DISTINCT entry COLLATE "C" FROM unnest(a || b) AS u (entry) ORDER BY 1);
END
$$;

CREATE OR REPLACE AGGREGATE text_union(text[]) (
    sfunc = text_union, stype = text[], initcond = '{}', combinefunc = text_union, parallel = safe
);
