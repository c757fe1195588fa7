import { expect, it } from "vitest";
import type { Wire } from "../api/client";
import { lineOf, parseLogSearch, severityOf } from "./logs";

function aLog(given: Partial<Wire["LogEntry"]>): Wire["LogEntry"] {
  return {
    id: "00",
    time: "2026-05-04T12:00:00Z",
    observed_time: null,
    severity_number: 0,
    severity_text: "",
    event_name: "",
    body: null,
    service: "app",
    scope: "",
    scope_version: "",
    attributes: {},
    resource_attributes: {},
    trace_id: null,
    span_id: null,
    session_id: null,
    user_id: null,
    coding: null,
    ...given,
  };
}

it("keeps of a URL what it knows", () => {
  const known = { range: "7d", severity: "warn", tool: "codex", session_id: "s-1", text: "disk", log: "ab" };
  expect(parseLogSearch({ ...known, filter: "model:x", trace_id: "", other: "1" })).toEqual(known);
  expect(parseLogSearch({ severity: "loud", tool: "vi" })).toEqual({});
});

it.each([
  [1, "Trace"],
  [8, "Debug"],
  [9, "Info"],
  [16, "Warning"],
  [17, "Error"],
  [24, "Fatal"],
])("calls the severity %d %s", (number, label) => {
  expect(severityOf(aLog({ severity_number: number })).label).toBe(label);
});

it("takes a record's own word for a severity without a number", () => {
  expect(severityOf(aLog({ severity_text: "NOTICE" }))).toEqual({ name: null, label: "NOTICE" });
  expect(severityOf(aLog({})).label).toBe("–");
});

it("says in a line what a record is about", () => {
  expect(lineOf(aLog({ body: "disk full" }))).toBe("disk full");
  expect(lineOf(aLog({ body: { a: 1 } }))).toBe('{"a":1}');
  expect(lineOf(aLog({ event_name: "x.started", body: "x.started" }))).toBe("");
  const coding = { kind: "tool_decision", tool_name: "Bash", decision: "reject" } as Wire["CodingEventDetail"];
  expect(lineOf(aLog({ coding, body: "claude_code.tool_decision" }))).toBe("Bash · reject");
});
