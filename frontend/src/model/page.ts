/** Some rows of a list, and what to ask with for those that follow; null at the end. */
export interface Page<T> {
  rows: T[];
  nextCursor: string | null;
}
