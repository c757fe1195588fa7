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

-- Mostly what is added lies in buckets that are there already, or few new ones: to put it there takes a fraction of the
-- time that a statement takes, which comes after `room` new buckets.
CREATE OR REPLACE FUNCTION sketch_merge(a sketch, b sketch) RETURNS sketch
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    result sketch;
    added CONSTANT integer := coalesce(cardinality(b.buckets), 0);
    room integer := 6;
    merged smallint[];
    counts bigint[];
    bucket smallint;
    place integer;
BEGIN
    IF added = 0 THEN
        RETURN coalesce(a, b);
    ELSIF a IS NULL OR cardinality(a.buckets) = 0 THEN
        RETURN b;
    END IF;
    merged := a.buckets;
    counts := a.counts;
    FOR n IN 1..added LOOP
        bucket := b.buckets[n];
        place := width_bucket(bucket, merged);
        IF place > 0 AND merged[place] = bucket THEN
            counts[place] := counts[place] + b.counts[n];
        ELSE
            EXIT WHEN room = 0;
            room := room - 1;
            merged := merged[:place] || bucket || merged[place + 1:];
            counts := counts[:place] || b.counts[n] || counts[place + 1:];
        END IF;
        IF n = added THEN
            result.buckets := merged;
            result.counts := counts;
            RETURN result;
        END IF;
    END LOOP;
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
