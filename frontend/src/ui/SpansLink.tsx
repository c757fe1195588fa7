import { Link } from "@tanstack/react-router";
import { Fragment, type ReactNode } from "react";
import type { ViewSearch } from "../model/filters";
import { allOf, condition } from "../model/filterText";

interface Props {
  /** The view that a number is of, with its range. */
  view: ViewSearch;
  /** What the spans, or traces, fulfil beyond the view's filter. */
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

/** A number that leads to the traces that it is summed over. */
export function TracesLink({ view, filters = [], children }: Props) {
  return (
    <Link to="/traces" search={narrowed(view, filters)}>
      {children}
    </Link>
  );
}

interface ValuesProps extends Pick<Props, "view"> {
  /** The field of the filter language that the values are of. */
  field: string;
  values: readonly string[];
}

/** Values in a line, each of which leads to the view's traces that have it. */
export function ValueLinks({ view, field, values }: ValuesProps) {
  return values.map((value, place) => (
    <Fragment key={value}>
      {place > 0 && ", "}
      <TracesLink view={view} filters={[condition(field, value)]}>
        {value}
      </TracesLink>
    </Fragment>
  ));
}

/** The search of what of a view fulfils more conditions. */
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
