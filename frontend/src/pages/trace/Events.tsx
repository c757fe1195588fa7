import { Link } from "@tanstack/react-router";
import type { SpanDetail } from "../../model/span";
import { CopyButton } from "../../ui/CopyButton";
import { Json } from "../../ui/Json";
import { Time } from "../../ui/Time";
import styles from "./Events.module.css";

/** What happened within the span, and the other spans that it points to. */
export function Events({ detail: { events, links } }: { detail: SpanDetail }) {
  if (events.length + links.length === 0) return <p className={styles.none}>No events and no links.</p>;
  return (
    <div className={styles.groups}>
      {events.length > 0 && (
        <ol className={styles.list} aria-label="Events">
          {events.map((event, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: events have no identity but their order
            <li key={index}>
              <div className={styles.head}>
                <strong>{event.name}</strong>
                {event.time && <Time iso={event.time} />}
              </div>
              <Json value={event.attributes} label={`Attributes of ${event.name}`} />
            </li>
          ))}
        </ol>
      )}
      {links.length > 0 && (
        <ol className={styles.list} aria-label="Links">
          {links.map((link, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: one span may be pointed at twice
            <li key={index}>
              <div className={styles.head}>
                <Link
                  to="/traces/$traceId"
                  params={{ traceId: link.traceId }}
                  search={({ project }) => ({ project, span: link.spanId })}
                >
                  Linked span {link.spanId}
                </Link>
                <CopyButton what="linked trace ID" text={link.traceId} />
              </div>
              {Object.keys(link.attributes).length > 0 && (
                <Json value={link.attributes} label="Attributes of the link" />
              )}
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}
