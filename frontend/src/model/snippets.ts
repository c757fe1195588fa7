import type { Wire } from "../api/client";
import { DEFAULT_PROJECT } from "./filters";

export interface Snippet {
  id: string;
  label: string;
  code: string;
}

/** Where applications reach this deployment, whose page came from `host`; a port is one of that host. */
export function sendTo({ proxy, otlp }: Wire["Addresses"], host: string): { proxy: string; otlp: string } {
  const url = (address: string) =>
    /^\d+$/.test(address)
      ? `http://${host.includes(":") ? `[${host}]` : host}:${address}`
      : address.replace(/\/+$/, "");
  return { proxy: url(proxy), otlp: url(otlp) };
}

/** What to paste to send a first trace to a project, by SDK and tool. */
export function snippets({ proxy, otlp }: { proxy: string; otlp: string }, project: string): Snippet[] {
  const named = project !== DEFAULT_PROJECT;
  const only = (text: string) => (named ? text : "");
  const pythonHeaders = only(`\n    default_headers={"X-LLMFlow-Project": "${project}"},`);
  const otlpHeaders = only(`\nexport OTEL_EXPORTER_OTLP_HEADERS=x-llmflow-project=${project}`);
  const codexHeaders = only(`, headers = { "x-llmflow-project" = "${project}" }`);
  return [
    {
      id: "python",
      label: "OpenAI, Python",
      code: `from openai import OpenAI

client = OpenAI(
    base_url="${proxy}/v1",${pythonHeaders}
)
client.chat.completions.create(
    model="gpt-4o-mini",
    messages=[{"role": "user", "content": "Hello!"}],
)`,
    },
    {
      id: "node",
      label: "OpenAI, Node",
      code: `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "${proxy}/v1",${only(`\n  defaultHeaders: { "X-LLMFlow-Project": "${project}" },`)}
});
await client.chat.completions.create({
  model: "gpt-4o-mini",
  messages: [{ role: "user", content: "Hello!" }],
});`,
    },
    {
      id: "anthropic",
      label: "Anthropic",
      code: `import anthropic

client = anthropic.Anthropic(
    base_url="${proxy}",${pythonHeaders}
)
client.messages.create(
    model="claude-haiku-4-5",
    max_tokens=200,
    messages=[{"role": "user", "content": "Hello!"}],
)`,
    },
    {
      id: "gemini",
      label: "Gemini",
      code: `from google import genai

client = genai.Client(
    http_options={"base_url": "${proxy}"${only(`, "headers": {"X-LLMFlow-Project": "${project}"}`)}},
)
client.models.generate_content(model="gemini-2.5-flash", contents="Hello!")`,
    },
    {
      id: "langchain",
      label: "LangChain",
      code: `from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    model="gpt-4o-mini",
    base_url="${proxy}/v1",${pythonHeaders}
)
model.invoke("Hello!")`,
    },
    {
      id: "curl",
      label: "curl",
      code: `curl ${proxy}/v1/chat/completions \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -H "Content-Type: application/json" \\${only(`\n  -H "X-LLMFlow-Project: ${project}" \\`)}
  -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]}'`,
    },
    {
      id: "otlp",
      label: "OpenTelemetry",
      code: `export OTEL_EXPORTER_OTLP_ENDPOINT=${otlp}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf${otlpHeaders}`,
    },
    {
      id: "claude-code",
      label: "Claude Code",
      code: `export CLAUDE_CODE_ENABLE_TELEMETRY=1 CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1
export OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=otlp OTEL_TRACES_EXPORTER=otlp
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_ENDPOINT=${otlp}${otlpHeaders}
claude`,
    },
    {
      id: "codex",
      label: "Codex CLI",
      code: `# ~/.codex/config.toml
[otel]
exporter = { otlp-http = { endpoint = "${otlp}/v1/logs", protocol = "binary"${codexHeaders} } }
metrics_exporter = { otlp-http = { endpoint = "${otlp}/v1/metrics", protocol = "binary"${codexHeaders} } }
trace_exporter = { otlp-http = { endpoint = "${otlp}/v1/traces", protocol = "binary"${codexHeaders} } }`,
    },
    {
      id: "gemini-cli",
      label: "Gemini CLI",
      code: `export GEMINI_TELEMETRY_ENABLED=true GEMINI_TELEMETRY_TARGET=local GEMINI_TELEMETRY_USE_COLLECTOR=true
export GEMINI_TELEMETRY_OTLP_PROTOCOL=http
export GEMINI_TELEMETRY_OTLP_ENDPOINT=${otlp}${otlpHeaders}
gemini`,
    },
  ];
}
