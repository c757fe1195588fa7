import { type DirectorySearch, inOrder, ORDERS, type Order } from "../../model/directory";
import { optionsOf, Select } from "../../ui/Select";

interface Props<S> {
  search: S;
  onChange: (search: S) => void;
}

/** What a list of users or models is in order by. */
export function OrderSelect<S extends DirectorySearch>({ search, onChange }: Props<S>) {
  return (
    <Select
      label="By"
      value={search.order ?? "cost"}
      options={optionsOf(ORDERS)}
      onChange={(order) => onChange(inOrder(search, order))}
    />
  );
}

/** How a column's header puts a list in order. */
export function orderBy<S extends DirectorySearch>(order: Order, search: S, onChange: (search: S) => void) {
  return { active: (search.order ?? "cost") === order, choose: () => onChange(inOrder(search, order)) };
}
