import type { ViewQuery } from "../model/filters";

const RETRY_MS = { first: 2000, most: 30_000 };

export interface StreamHandlers {
  /** Traces that the filter lets through came or changed, or may have before anybody listened. */
  onChange: () => void;
  /** Whether the stream is there; told when that changes. */
  onConnection: (connected: boolean) => void;
}

/**
 * Watches the traces of a project until the returned function is called. After a short loss the browser goes on where
 * it was (Last-Event-ID). A new stream begins with a change, for what came just before it may be in no answer yet. A
 * hidden page does not listen: browsers share few connections among all pages of a host.
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
  const open = () => {
    close();
    const opened = new EventSource(url);
    source = opened;
    let fresh = true;
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
      timer = setTimeout(open, retry);
      retry = Math.min(2 * retry, RETRY_MS.most);
    };
  };
  const onVisibility = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", onVisibility);
  if (!document.hidden) open();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    close();
  };
}
