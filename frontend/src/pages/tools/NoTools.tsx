import { Link } from "@tanstack/react-router";
import type { ToolsSearch } from "../../model/codingTools";
import { inProject } from "../../model/filters";
import { CopyButton } from "../../ui/CopyButton";
import styles from "./ToolsPage.module.css";

const CLAUDE_CODE = `export CLAUDE_CODE_ENABLE_TELEMETRY=1
export OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=otlp
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_ENDPOINT=${window.location.protocol}//${window.location.hostname}:4318`;

/** What the page shows before a tool has sent anything. */
export function NoTools({ search }: { search: ToolsSearch }) {
  return (
    <section className={styles.empty} aria-label="No AI tools">
      <h2>No AI command-line tool sent anything in this time</h2>
      <p>
        Claude Code, Codex CLI and Gemini CLI tell over OpenTelemetry what they do. For Claude Code set these, and start
        it again:
      </p>
      <pre>{CLAUDE_CODE}</pre>
      <CopyButton what="settings for Claude Code" text={CLAUDE_CODE} label="Copy" />
      {search.range !== "30d" && (
        <p>
          <Link to="/tools" search={{ ...inProject(search.project), range: "30d" }}>
            Show the last 30 days
          </Link>
        </p>
      )}
    </section>
  );
}
