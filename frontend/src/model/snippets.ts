import { DEFAULT_PROJECT } from "./filters";

export interface Snippet {
  id: string;
  label: string;
  code: string;
}

/** What to paste to send a first trace to this deployment, whose services listen on `host` at their usual ports. */
export function snippets(host: string, project: string): Snippet[] {
  const proxy = `http://${host}:8080/v1`;
  const named = project !== DEFAULT_PROJECT;
  return [
    {
      id: "python",
      label: "Python",
      code: `from openai import OpenAI

client = OpenAI(
    base_url="${proxy}",${named ? `\n    default_headers={"X-LLMFlow-Project": "${project}"},` : ""}
)
client.chat.completions.create(
    model="gpt-4o-mini",
    messages=[{"role": "user", "content": "Hello!"}],
)`,
    },
    {
      id: "node",
      label: "Node",
      code: `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "${proxy}",${named ? `\n  defaultHeaders: { "X-LLMFlow-Project": "${project}" },` : ""}
});
await client.chat.completions.create({
  model: "gpt-4o-mini",
  messages: [{ role: "user", content: "Hello!" }],
});`,
    },
    {
      id: "curl",
      label: "curl",
      code: `curl ${proxy}/chat/completions \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -H "Content-Type: application/json" \\${named ? `\n  -H "X-LLMFlow-Project: ${project}" \\` : ""}
  -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]}'`,
    },
    {
      id: "otlp",
      label: "OpenTelemetry",
      code: `export OTEL_EXPORTER_OTLP_ENDPOINT=http://${host}:4318
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf${
        named ? `\nexport OTEL_EXPORTER_OTLP_HEADERS=x-llmflow-project=${project}` : ""
      }`,
    },
  ];
}
