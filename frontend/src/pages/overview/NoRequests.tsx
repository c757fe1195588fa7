import { Link } from "@tanstack/react-router";
import { inProject, isFiltered, type ViewSearch } from "../../model/filters";
import styles from "./OverviewPage.module.css";

/** What an overview without requests shows: where to go on. */
export function NoRequests({ search }: { search: ViewSearch }) {
  return (
    <section className={styles.empty} aria-label="No requests">
      <h2>No requests to a model in this time</h2>
      <p>
        {isFiltered(search) ? (
          <Link to="/overview" search={{ ...inProject(search.project), range: "30d" }}>
            Show the last 30 days without a filter
          </Link>
        ) : (
          <>
            Choose a longer time above, or{" "}
            <Link to="/start" search={inProject(search.project)}>
              send a first trace
            </Link>
            .
          </>
        )}
      </p>
    </section>
  );
}
