/** How often a server that is away is asked whether it is back, in ms. */
const RETRY_MS = 2000;

/**
 * Code that is loaded when it is needed. Where that fails it is tried once more, as soon as the server answers: it fails
 * again where an upgrade has put other files in the place of those that this page knows.
 */
export async function load<T>(code: () => Promise<T>): Promise<T> {
  try {
    return await code();
  } catch {
    while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    return code();
  }
}

async function answers(): Promise<boolean> {
  try {
    return (await fetch("/", { method: "HEAD", cache: "no-store" })).status < 500;
  } catch {
    return false;
  }
}
