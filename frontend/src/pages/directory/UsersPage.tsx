import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Wire } from "../../api/client";
import { usersQuery } from "../../app/queries";
import { FilterBar, isFilterError } from "../../filter/FilterBar";
import { REQUESTS } from "../../model/analytics";
import { DIRECTORY_RANGE, type DirectorySearch, totalTokens } from "../../model/directory";
import { condition } from "../../model/filterText";
import { formatCount } from "../../model/format";
import { dollars } from "../../model/trace";
import { Cost } from "../../ui/Cost";
import { type DataColumn, DataTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Page } from "../../ui/Page";
import { narrowed, SpansLink } from "../../ui/SpansLink";
import { Bucket } from "../../ui/Time";
import { OrderSelect, orderBy } from "./Order";
import { Rest } from "./Rest";

/** Who used models, how much and at what cost. */
export function UsersPage() {
  const search = useSearch({ from: "/session/users" });
  const navigate = useNavigate({ from: "/users" });
  const query = useQuery(usersQuery(search));
  const { view = {}, users = [] } = query.data ?? {};
  const change = (next: DirectorySearch) => navigate({ search: next });
  const columns: DataColumn<Wire["UserUsage"]>[] = [
    {
      header: "User",
      cell: ({ user_id }) => (
        <Link to="/traces" search={narrowed(view, [condition("user", user_id)])}>
          {user_id}
        </Link>
      ),
    },
    ...USAGE.map(({ order, header, filter, cell }) => ({
      header,
      number: true,
      order: orderBy(order, search, change),
      cell: ({ user_id, usage }: Wire["UserUsage"]) => (
        <SpansLink view={view} filters={[condition("user", user_id), filter]}>
          {cell(usage)}
        </SpansLink>
      ),
    })),
    { header: "Last seen", cell: ({ usage }) => <Bucket iso={usage.last_time} within={view} /> },
  ];
  return (
    <Page
      title="Users"
      scrolls
      bar={
        <FilterBar search={search} error={query.error} otherwise={DIRECTORY_RANGE} onChange={change}>
          <OrderSelect search={search} onChange={change} />
        </FilterBar>
      }
    >
      {query.error && !isFilterError(query.error) && !query.data && (
        <Failure error={query.error} onRetry={() => query.refetch()} />
      )}
      {(!query.error || query.data) && (
        <>
          <DataTable
            label="Users and their usage"
            columns={columns}
            rows={users}
            getId={({ user_id }) => user_id}
            empty={query.isPending ? "Loading users…" : nothing(search.filter !== undefined)}
          />
          <Rest
            noun="users"
            count={users.length}
            hint="A filter leads to the others, such as user:a*."
            search={search}
            onChange={change}
          />
        </>
      )}
    </Page>
  );
}

function nothing(filtered: boolean): string {
  if (filtered) return "No user matches this filter in this time.";
  return "No call in this time names its user. Send the header X-Trace-User-Id, or the span attribute user.id.";
}

/** The usage that a list shows, what it can be put in order by, and the spans that each number is of. */
export const USAGE = [
  {
    order: "requests",
    header: "Requests",
    filter: REQUESTS,
    cell: (usage: Wire["Usage"]) => formatCount(usage.request_count),
  },
  {
    order: "errors",
    header: "Errors",
    filter: "status:error",
    cell: (usage: Wire["Usage"]) => formatCount(usage.error_count),
  },
  {
    order: "tokens",
    header: "Tokens",
    filter: "tokens:>0",
    cell: (usage: Wire["Usage"]) => formatCount(totalTokens(usage)),
  },
  {
    order: "cost",
    header: "Cost",
    filter: REQUESTS,
    cell: (usage: Wire["Usage"]) => <Cost usd={dollars(usage.cost)} unpriced={usage.unpriced_count} />,
  },
] as const;
