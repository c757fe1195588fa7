/** Whether a value, such as one from a URL, is one of a table's own keys: `in` would find `toString` in every table. */
export function isKeyOf<T extends object>(table: T, value: unknown): value is keyof T & string {
  return typeof value === "string" && Object.hasOwn(table, value);
}
