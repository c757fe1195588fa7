import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Wire } from "../../api/client";
import { usersQuery } from "../../app/queries";
import { REQUESTS } from "../../model/analytics";
import { type DirectorySearch, inOrder, type Order, totalTokens } from "../../model/directory";
import { condition } from "../../model/filterText";
import { formatCount } from "../../model/format";
import { dollars } from "../../model/trace";
import { Cost } from "../../ui/Cost";
import { type DataColumn, DataTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Page } from "../../ui/Page";
import { narrowed, SpansLink } from "../../ui/SpansLink";
import { Bucket } from "../../ui/Time";
import { DirectoryBar } from "./DirectoryBar";

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
    <Page title="Users" scrolls bar={<DirectoryBar search={search} onChange={change} />}>
      {query.error && !query.data ? (
        <Failure error={query.error} onRetry={() => query.refetch()} />
      ) : (
        <DataTable
          label="Users and their usage"
          columns={columns}
          rows={users}
          getId={({ user_id }) => user_id}
          empty={
            query.isPending
              ? "Loading users…"
              : "No call in this time names its user. Send the header X-Trace-User-Id, or the span attribute user.id."
          }
        />
      )}
    </Page>
  );
}

/** How a column's header puts a list in order. */
export function orderBy(order: Order, search: DirectorySearch, onChange: (search: DirectorySearch) => void) {
  return { active: (search.order ?? "cost") === order, choose: () => onChange(inOrder(search, order)) };
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
