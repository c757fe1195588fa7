import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { ViewSearch } from "../model/filters";
import { allOf } from "../model/filterText";

interface Props {
  /** The view that a number is of, with its range. */
  view: ViewSearch;
  /** What the spans fulfil beyond the view's filter. */
  filters?: readonly string[];
  children: ReactNode;
}

/** A number that leads to the spans that it is made of. */
export function SpansLink({ view, filters = [], children }: Props) {
  return (
    <Link to="/spans" search={narrowed(view, filters)}>
      {children}
    </Link>
  );
}

/** The search of the spans of a view that fulfil more conditions. */
export function narrowed({ project, range, from, to, filter }: ViewSearch, filters: readonly string[]): ViewSearch {
  const all = allOf(filter, ...filters);
  return {
    ...(project && { project }),
    ...(range && { range }),
    ...(from && { from }),
    ...(to && { to }),
    ...(all && { filter: all }),
  };
}
