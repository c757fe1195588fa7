-- Where notices go. The address and the signing secret are in `sealed`, which only the query API can open.
CREATE TABLE alert_channels (
    name text COLLATE "C" PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    host text NOT NULL,
    sealed text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- Rules and budgets, each with what its last evaluation found; no project stands for every project, each by itself.
-- `claim` counts who has taken it up and who has changed it, so that what was found before is not written any more.
CREATE TABLE alerts (
    id text COLLATE "C" PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    project text COLLATE "C" REFERENCES projects (name) ON DELETE CASCADE,
    name text NOT NULL,
    definition jsonb NOT NULL,
    channels text[] NOT NULL,
    enabled boolean NOT NULL,
    silenced_until timestamptz,
    states jsonb NOT NULL DEFAULT '{}',
    error text,
    evaluated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    claim bigint NOT NULL DEFAULT 0,
    due_at timestamptz DEFAULT now()
);
CREATE INDEX alerts_project ON alerts (project);

-- Every change of a state, written in one transaction with the state and the notices of it.
CREATE TABLE alert_events (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    at timestamptz NOT NULL,
    alert_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    project text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    silenced boolean NOT NULL,
    body jsonb NOT NULL
);
CREATE INDEX alert_events_project ON alert_events (project, number);

CREATE TABLE alert_notices (
    event bigint REFERENCES alert_events (number) ON DELETE CASCADE,
    channel text COLLATE "C" REFERENCES alert_channels (name) ON DELETE CASCADE,
    alert_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL DEFAULT 'pending',
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    error text,
    http_status integer,
    settled_at timestamptz,
    PRIMARY KEY (event, channel)
);
CREATE INDEX alert_notices_pending ON alert_notices (channel, alert_id, event) WHERE status = 'pending';
