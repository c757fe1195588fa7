import type { ViewQuery } from "../model/filters";

const RETRY_MS = { first: 2000, most: 30_000 };

export interface StreamHandlers {
  /** Traces that the filter lets through came or changed, or may have while nobody was listening. */
  onChange: () => void;
  /** Whether the stream is there; told when that changes. */
  onConnection: (connected: boolean) => void;
}

/**
 * Watches the traces of a project until the returned function is called. After a short loss the browser goes on where
 * it was (Last-Event-ID); where it gives up, a new stream begins with a change. A hidden page does not listen: browsers
 * share few connections among all pages of a host.
 */
export function watchTraces({ project, filter }: ViewQuery, { onChange, onConnection }: StreamHandlers): () => void {
  const url = `/api/v1/stream?${new URLSearchParams({ project, ...(filter && { filter }) })}`;
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let retry = RETRY_MS.first;

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const open = (again: boolean) => {
    close();
    const opened = new EventSource(url);
    source = opened;
    let fresh = again;
    opened.addEventListener("ready", () => {
      retry = RETRY_MS.first;
      onConnection(true);
      if (fresh) onChange();
      fresh = false;
    });
    opened.addEventListener("traces", onChange);
    opened.addEventListener("resync", onChange);
    opened.onerror = () => {
      onConnection(false);
      if (opened.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(() => open(true), retry);
      retry = Math.min(2 * retry, RETRY_MS.most);
    };
  };
  const onVisibility = () => (document.hidden ? close() : open(true));
  document.addEventListener("visibilitychange", onVisibility);
  if (!document.hidden) open(false);
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    close();
  };
}
