/** Some rows of a list, and what to ask with for those that follow; null at the end. */
export interface Page<T> {
  rows: T[];
  nextCursor: string | null;
}

/** The rows of pages, each once: what turns out to have begun earlier while a list is read comes again on a later page. */
export function rowsOf<T>(pages: readonly Page<T>[], getId: (row: T) => string): T[] {
  return [...new Map(pages.flatMap(({ rows }) => rows.map((row) => [getId(row), row]))).values()];
}
