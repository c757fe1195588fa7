-- Which traces a transaction has written, kept for some minutes, so that who watches can ask what has changed since.
CREATE TABLE trace_changes (
    project text COLLATE "C" NOT NULL,
    written_by xid8 NOT NULL DEFAULT pg_current_xact_id(),
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    trace_ids bytea[] NOT NULL
);
CREATE INDEX trace_changes_order ON trace_changes (written_by);

-- Prices of an installation's own, which come before those of the price data.
CREATE TABLE own_prices (
    name text COLLATE "C" PRIMARY KEY,
    definition jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- Whose price made the cost; NULL for a cost that came with the span, and where there is none.
ALTER TABLE spans ADD COLUMN price_source text COLLATE "C";
