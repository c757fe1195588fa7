-- Views of the page's lists that people keep under a name for everybody in a project. `search` is the view's part of
-- the page's URL. Of each list at most one view is what it opens with.
CREATE TABLE saved_views (
    project text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    page text COLLATE "C" NOT NULL,
    name text NOT NULL,
    search jsonb NOT NULL,
    is_default boolean NOT NULL,
    author text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project, id),
    UNIQUE (project, page, name)
);
