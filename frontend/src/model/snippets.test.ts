import { expect, it } from "vitest";
import { sendTo, snippets } from "./snippets";

const PORTS = { proxy: "8080", otlp: "4318" };
const code = (host: string, project: string) =>
  Object.fromEntries(snippets(sendTo(PORTS, host), project).map((snippet) => [snippet.id, snippet.code]));

it("takes ports for those of the page's host, and URLs as they are", () => {
  expect(sendTo(PORTS, "llm.example")).toEqual({ proxy: "http://llm.example:8080", otlp: "http://llm.example:4318" });
  expect(sendTo(PORTS, "::1").proxy).toBe("http://[::1]:8080");
  expect(sendTo({ proxy: "https://llm.example/", otlp: "9" }, "h")).toEqual({
    proxy: "https://llm.example",
    otlp: "http://h:9",
  });
});

it("points at the host that the page came from", () => {
  const found = code("localhost", "default");
  expect(found.python).toContain('base_url="http://localhost:8080/v1"');
  expect(found.node).toContain('baseURL: "http://localhost:8080/v1"');
  expect(found.curl).toContain("curl http://localhost:8080/v1/chat/completions");
  expect(found.otlp).toContain("OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318");
  expect(JSON.stringify(found).toLowerCase()).not.toContain("x-llmflow-project");
});

it("names a project that is not the default one in every snippet", () => {
  for (const text of Object.values(code("llm.example", "demo"))) {
    expect(text.toLowerCase()).toMatch(/x-llmflow-project.*demo/);
  }
});
