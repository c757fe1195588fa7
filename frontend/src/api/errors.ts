/** The API answered with an error; `status` and `detail` are those of its RFC 9457 problem. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly title: string;

  constructor(status: number, title: string, detail: string) {
    super(detail);
    this.status = status;
    this.title = title;
  }
}

/** Nothing usable answered: the network, the API or what it depends on is away. The same call may succeed later. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

const AWAY = new Set([502, 503, 504]);

/** The typed error for a response that is not a success. */
export function errorOf(status: number, body: unknown): ApiError | Unreachable {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const title = typeof problem.title === "string" ? problem.title : `HTTP ${status}`;
  const detail = typeof problem.detail === "string" && problem.detail !== "" ? problem.detail : title;
  return AWAY.has(status) ? new Unreachable(detail) : new ApiError(status, title, detail);
}
