import { expect, test } from "vitest";
import { definitionOf, draftOf, type Preset, parseDestinationSearch, STORED, UNSAID } from "./destinations";

const PHOENIX: Preset = {
  name: "phoenix",
  endpoint: "http://localhost:6006",
  protocol: "otlp-http",
  dialect: "openinference",
  options: [
    { name: "api_key", needed: false, secret: true, default: null },
    { name: "project", needed: false, secret: false, default: null },
  ],
};

const NAMELESS = { id: "new", name: " ", value: "x" };

test("a draft becomes what the API takes, without what is not said", () => {
  const draft = { ...draftOf(undefined, "phoenix"), options: { api_key: " k ", project: "", space: "x" } };
  const definition = definitionOf({ ...draft, projects: "shop, ,demo", sampling: "0.5" }, [PHOENIX]);
  expect(definition).toMatchObject({
    name: "phoenix",
    preset: "phoenix",
    endpoint: null,
    options: { api_key: "k" },
    protocol: null,
    auth: null,
    filter: { projects: ["shop", "demo"], services: [], llm_only: false },
    sampling: 0.5,
  });
});

test("what a form does not show stays as it is", () => {
  const before = definitionOf({ ...draftOf(), name: "a", auth: "basic", user: "ada", key: "[secret]" }, []);
  const kept = { ...before, concurrency: 4, headers: { "x-key": "[secret]" } };
  const draft = draftOf(kept);
  expect([draft.auth, draft.user, draft.key, draft.preset]).toEqual(["basic", "ada", "[secret]", UNSAID]);
  expect(definitionOf(draft, [])).toEqual(kept);
});

test("headers, TLS files and keys are taken, and forgotten when they are emptied", () => {
  const draft = draftOf({
    ...definitionOf({ ...draftOf(), name: "a" }, []),
    headers: { "x-team": STORED, gone: STORED },
  });
  const changed = {
    ...draft,
    auth: "bearer" as const,
    headers: [...draft.headers.map((header) => (header.name === "gone" ? { ...header, value: "" } : header)), NAMELESS],
    caFile: " /ca.pem ",
  };
  expect(definitionOf(changed, [])).toMatchObject({
    headers: { "x-team": STORED },
    auth: null,
    tls: { ca_file: "/ca.pem", cert_file: null, key_file: null, insecure: false },
  });
  expect(definitionOf({ ...changed, caFile: "" }, []).tls).toBeNull();
});

test("the URL holds what is added, changed or replayed to", () => {
  expect(parseDestinationSearch({ add: "1", preset: "phoenix", change: "", replay: 3 })).toEqual({
    add: "1",
    preset: "phoenix",
  });
});

test("sends all where no share is written, as the form's hint says", () => {
  expect(definitionOf({ ...draftOf(), sampling: " " }, []).sampling).toBe(1);
  expect(definitionOf({ ...draftOf(), sampling: "0" }, []).sampling).toBe(0);
});
