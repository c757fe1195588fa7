-- What people call a project; its name is what data and clients carry and never changes.
ALTER TABLE projects ADD COLUMN title text NOT NULL DEFAULT '';
INSERT INTO projects (name) VALUES ('default') ON CONFLICT DO NOTHING;

-- Of a key only its SHA-256 digest is kept; id is public.
CREATE TABLE api_keys (
    id text COLLATE "C" PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    project text COLLATE "C" NOT NULL REFERENCES projects (name) ON DELETE CASCADE,
    name text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_keys_project ON api_keys (project);

-- One row an administrative action, written in the action's own transaction.
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    address text NOT NULL,
    action text COLLATE "C" NOT NULL,
    project text COLLATE "C",
    subject text,
    detail jsonb NOT NULL
);
CREATE INDEX audit_log_project ON audit_log (project, id);
