-- Destinations that were added over the API, as llmflow_core.destinations.entry has them, their secrets sealed. The row
-- of one that was removed stays, without a definition, where its epoch must not be forgotten.
CREATE TABLE destinations (
    name text COLLATE "C" PRIMARY KEY,
    definition jsonb,
    epoch integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- What each running exporter last said of all its destinations.
CREATE TABLE exporter_reports (
    exporter text COLLATE "C" PRIMARY KEY,
    reported_at timestamptz NOT NULL DEFAULT now(),
    destinations jsonb NOT NULL
);

-- What all exporters together have done for a destination, those that are gone included.
CREATE TABLE destination_totals (
    destination text COLLATE "C" PRIMARY KEY,
    sent bigint NOT NULL DEFAULT 0,
    sent_bytes bigint NOT NULL DEFAULT 0,
    filtered bigint NOT NULL DEFAULT 0,
    dead_letters bigint NOT NULL DEFAULT 0,
    rejected_spans bigint NOT NULL DEFAULT 0
);

-- What an exporter is asked to do for a destination: send a test span, or stored spans once more. Whoever does it has
-- leased it, and somebody else goes on at its position once the lease has run out.
CREATE TABLE destination_jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    destination text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    project text COLLATE "C",
    from_time timestamptz,
    to_time timestamptz,
    state text COLLATE "C" NOT NULL DEFAULT 'waiting',
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    finished_at timestamptz,
    exporter text COLLATE "C",
    leased_until timestamptz,
    position jsonb,
    sent bigint NOT NULL DEFAULT 0,
    total bigint,
    message text NOT NULL DEFAULT ''
);
CREATE INDEX destination_jobs_newest ON destination_jobs (destination, id);
CREATE INDEX destination_jobs_unfinished ON destination_jobs (id) WHERE finished_at IS NULL;
