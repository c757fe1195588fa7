import { formatDateTime, formatTime, formatUtc } from "../model/format";

/** A local time that tells the UTC one when pointed at. */
export function Time({ iso, full = false }: { iso: string; full?: boolean }) {
  return (
    <time dateTime={iso} title={formatUtc(iso)}>
      {full ? formatDateTime(iso) : formatTime(iso)}
    </time>
  );
}
