import type { components } from "./schema";

/** What the page says when it asks: a 401 then must not open the browser's own password dialog. */
export const HEADERS = { "X-Requested-With": "XMLHttpRequest" };

const answers = new Map<string, Promise<Response>>();

/** Asks for what the page at this address needs first, before the code that shows it is there. */
export function askAhead({ pathname, search }: Pick<Location, "pathname" | "search">): void {
  if (pathname === "/login") return;
  const session = keep("/api/v1/session", ask("/api/v1/session"));
  const traceId = /^\/traces\/([^/]+)$/.exec(pathname)?.[1];
  if (!traceId) return;
  const project = new URLSearchParams(search).get("project") ?? "default";
  const path = `/api/v1/traces/${traceId}?${new URLSearchParams({ project })}`;
  keep(
    path,
    session.then(loggedIn).then(() => ask(path)),
  );
}

function ask(path: string): Promise<Response> {
  return fetch(path, { headers: HEADERS });
}

function keep(path: string, answer: Promise<Response>): Promise<Response> {
  answers.set(new URL(path, window.location.origin).href, answer);
  // Who asks for it learns what went wrong.
  answer.catch(() => undefined);
  return answer;
}

async function loggedIn(answer: Response): Promise<void> {
  const { username }: components["schemas"]["Session"] = await answer.clone().json();
  if (username === null) throw new Error("nobody is logged in");
}

/** `fetch`, or the good answer to what was asked ahead, which serves once. */
export async function fetchOnce(request: Request): Promise<Response> {
  const ahead = request.method === "GET" ? answers.get(request.url) : undefined;
  if (ahead) {
    answers.delete(request.url);
    const answer = await ahead.catch(() => undefined);
    request.signal.throwIfAborted();
    if (answer?.ok) return answer;
  }
  return globalThis.fetch(request);
}
