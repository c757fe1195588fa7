import { Link } from "@tanstack/react-router";
import styles from "../../list/VirtualTable.module.css";
import { inProject } from "../../model/filters";
import type { Trace } from "../../model/trace";

/** A trace's name as the link that covers its whole row, and the beginning of its input. */
export function TraceLink({ trace }: { trace: Trace }) {
  return (
    <>
      <Link
        to="/traces/$traceId"
        params={{ traceId: trace.id }}
        search={inProject(trace.project)}
        className={styles.link}
      >
        {trace.name}
      </Link>
      {!trace.hasRoot && (
        <span className={styles.note} title="The span that the others hang on has not arrived">
          no root
        </span>
      )}
      <span className={styles.preview}>{trace.inputPreview}</span>
    </>
  );
}
