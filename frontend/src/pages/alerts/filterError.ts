import { ApiError } from "../../api/errors";

/** What the API has against a filter, if it is the filter that it refuses. */
export function filterError(error: Error | null): ApiError | null {
  return error instanceof ApiError && error.position !== null ? error : null;
}
