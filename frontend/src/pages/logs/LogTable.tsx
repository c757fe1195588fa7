import { IconChevronRight } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { Fragment } from "react";
import { Button } from "react-aria-components";
import type { Wire } from "../../api/client";
import { inProject } from "../../model/filters";
import { formatCost, formatCount, formatDuration } from "../../model/format";
import { type LogSearch, lineOf, severityOf, toolLabel } from "../../model/logs";
import { dollars } from "../../model/trace";
import { CopyButton } from "../../ui/CopyButton";
import { Fact, Facts } from "../../ui/Facts";
import { Json } from "../../ui/Json";
import { Time } from "../../ui/Time";
import tables from "../../ui/table.module.css";
import styles from "./LogsPage.module.css";

interface Props {
  rows: readonly Wire["LogEntry"][];
  search: LogSearch;
  onChange: (search: LogSearch) => void;
  empty: string;
}

const COLUMNS = ["Time", "Severity", "Event", "What it says", "Service", "Session", "Trace"];

/** Records in rows of one line; one at a time is open. */
export function LogTable({ rows, search, onChange, empty }: Props) {
  const project = inProject(search.project);
  const { log: open, ...list } = search;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must reach
    <section className={tables.scroll} tabIndex={0} aria-label="Log records, newest first">
      <table className={`${tables.table} ${styles.table}`}>
        <thead>
          <tr>
            {COLUMNS.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const severity = severityOf(row);
            const isOpen = row.id === open;
            return (
              <Fragment key={row.id}>
                <tr>
                  <th scope="row">
                    <Button
                      className={styles.open}
                      aria-expanded={isOpen}
                      onPress={() => onChange(isOpen ? list : { ...list, log: row.id })}
                    >
                      <IconChevronRight size={14} stroke={1.8} aria-hidden />
                      <Time iso={row.time} />
                    </Button>
                  </th>
                  <td data-severity={severity.name}>{severity.label}</td>
                  <td>{row.event_name}</td>
                  <td className={styles.line}>{lineOf(row)}</td>
                  <td>{row.service}</td>
                  <td className={styles.id}>
                    {row.session_id && (
                      <Link to="/logs" search={{ ...list, session_id: row.session_id }} title={row.session_id}>
                        {row.session_id.slice(0, 8)}
                      </Link>
                    )}
                  </td>
                  <td className={styles.id}>
                    {row.trace_id && (
                      <Link
                        to="/traces/$traceId"
                        params={{ traceId: row.trace_id }}
                        search={{ ...project, ...(row.span_id && { span: row.span_id }) }}
                      >
                        {row.trace_id.slice(0, 8)}
                      </Link>
                    )}
                  </td>
                </tr>
                {isOpen && (
                  <tr className={styles.details}>
                    <td colSpan={COLUMNS.length}>
                      <Details row={row} project={search.project} />
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
          {rows.length === 0 && (
            <tr>
              <td colSpan={COLUMNS.length} className={tables.quiet}>
                {empty}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </section>
  );
}

/** A record whole. */
function Details({ row, project }: { row: Wire["LogEntry"]; project: string | undefined }) {
  const { coding, session_id, user_id } = row;
  const cost = coding ? dollars(coding.cost) : null;
  return (
    <div className={styles.whole}>
      <Facts label="Record">
        <Fact name="Time">
          <Time iso={row.time} full />
        </Fact>
        {coding && <Fact name="Tool">{toolLabel(coding.tool)}</Fact>}
        {coding?.model && <Fact name="Model">{coding.model}</Fact>}
        {coding?.input_tokens != null && <Fact name="Input tokens">{formatCount(coding.input_tokens)}</Fact>}
        {coding?.output_tokens != null && <Fact name="Output tokens">{formatCount(coding.output_tokens)}</Fact>}
        {cost !== null && <Fact name="Cost">{formatCost(cost)}</Fact>}
        {coding?.duration_ns != null && <Fact name="Took">{formatDuration(coding.duration_ns)}</Fact>}
        {coding?.tool_name && <Fact name="Tool call">{coding.tool_name}</Fact>}
        {coding?.decision && <Fact name="Decision">{`${coding.decision} (${coding.decision_source ?? "?"})`}</Fact>}
        {coding?.error && <Fact name="Error">{coding.error}</Fact>}
        {user_id && <Fact name="User">{user_id}</Fact>}
        {session_id && (
          <Fact name="Session">
            <Link to="/sessions/$sessionId" params={{ sessionId: session_id }} search={inProject(project)}>
              {session_id}
            </Link>
          </Fact>
        )}
        <Fact name="Scope">{`${row.scope || "–"} ${row.scope_version}`}</Fact>
      </Facts>
      {row.body !== null && row.body !== row.event_name && <Part name="Body" value={row.body} />}
      <Part name="Attributes" value={row.attributes} />
      <Part name="Resource" value={row.resource_attributes} />
      <CopyButton what="record as JSON" text={() => JSON.stringify(row, null, 2)} label="JSON" />
    </div>
  );
}

function Part({ name, value }: { name: string; value: unknown }) {
  return (
    <section aria-label={name}>
      <h2>{name}</h2>
      <Json value={value} label={name} />
    </section>
  );
}
