import { formatBucket, formatDateTime, formatTime, formatUtc } from "../model/format";

/** A local time that tells the UTC one when pointed at. */
export function Time({ iso, full = false }: { iso: string; full?: boolean }) {
  return (
    <time dateTime={iso} title={formatUtc(iso)}>
      {full ? formatDateTime(iso) : formatTime(iso)}
    </time>
  );
}

/** The hour or the day in which something was that was counted `within` a range. */
export function Bucket({ iso, within }: { iso: string; within: { from?: string; to?: string } }) {
  return (
    <time dateTime={iso} title={`from ${formatUtc(iso)}`}>
      {formatBucket(iso, within)}
    </time>
  );
}
