import { type Course, formatValue } from "./analytics";
import { formatDateTime } from "./format";

/** What a chart shows, in sentences: its time, and of each line the lowest, the highest and the last value. */
export function chartText({ from, to, unit, series }: Course): string {
  const lines = series.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    if (known.length === 0) return `${label}: no value.`;
    const [lowest, highest, last] = [Math.min(...known), Math.max(...known), known.at(-1)].map((value) =>
      formatValue(value, unit),
    );
    return `${label}: ${lowest === highest ? `always ${last}` : `from ${lowest} to ${highest}, at last ${last}`}.`;
  });
  return [`${formatDateTime(from)} to ${formatDateTime(to)}.`, ...lines].join(" ");
}
