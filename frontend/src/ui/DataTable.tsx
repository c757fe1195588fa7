import { IconArrowDown } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Button } from "react-aria-components";
import { useSought } from "../app/useSought";
import styles from "./table.module.css";
import { useFinder } from "./useFinder";

export interface DataColumn<T> {
  header: string;
  /** Numbers stand to the right. */
  number?: boolean;
  cell: (row: T) => ReactNode;
  /** Where the rows can be put in order by this column, largest first: whether they are, and how to. */
  order?: { active: boolean; choose: () => void };
  /** Of all rows, at the end of the table. */
  total?: ReactNode;
}

interface Props<T> {
  label: string;
  /** The first one names the row. */
  columns: readonly DataColumn<T>[];
  rows: readonly T[];
  getId: (row: T) => string;
  /** What stands there without rows. */
  empty: ReactNode;
}

interface FoundProps<T> extends Props<T> {
  /** What rows are found by. */
  textOf: (row: T) => string;
  /** The part of the URL that says what is looked for. */
  sought?: "find" | "findOwn";
}

/** A table of any number of rows, which are found by a part of their texts and drawn step by step. */
export function FoundTable<T>({ rows, textOf, sought = "find", ...table }: FoundProps<T>) {
  const { shown, field, rest } = useFinder(rows, textOf, useSought(sought));
  return (
    <div className={styles.found}>
      {field}
      <DataTable {...table} rows={shown} empty={rows.length > 0 ? "Nothing by that name." : table.empty} />
      {rest}
    </div>
  );
}

/** A table of a few hundred rows at most, which scrolls sideways where it is too wide. */
export function DataTable<T>({ label, columns, rows, getId, empty }: Props<T>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must reach
    <section className={styles.scroll} tabIndex={0} aria-label={label}>
      <table className={styles.table} aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ header, number, order }) => (
              <th
                key={header}
                scope="col"
                data-number={number}
                aria-sort={order && (order.active ? "descending" : "none")}
              >
                {order ? (
                  <Button className={styles.order} onPress={order.choose}>
                    {order.active && <IconArrowDown size={12} aria-hidden />}
                    {header}
                  </Button>
                ) : (
                  header
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={getId(row)}>
              {columns.map(({ header, number, cell }, place) =>
                place === 0 ? (
                  <th key={header} scope="row" data-number={number}>
                    {cell(row)}
                  </th>
                ) : (
                  <td key={header} data-number={number}>
                    {cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
          {rows.length === 0 && (
            <tr>
              <td colSpan={columns.length} className={styles.quiet}>
                {empty}
              </td>
            </tr>
          )}
        </tbody>
        {rows.length > 0 && columns.some(({ total }) => total !== undefined) && (
          <tfoot>
            <tr>
              {columns.map(({ header, number, total }, place) =>
                place === 0 ? (
                  <th key={header} scope="row" data-number={number}>
                    {total}
                  </th>
                ) : (
                  <td key={header} data-number={number}>
                    {total}
                  </td>
                ),
              )}
            </tr>
          </tfoot>
        )}
      </table>
    </section>
  );
}
