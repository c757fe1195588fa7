/**
 * The API answered with an error; `status` and `detail` are those of its RFC 9457 problem. `field` names the parameter
 * that is wrong, `position` where in it, counted in characters from 0.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly title: string;
  readonly field: string | null;
  readonly position: number | null;

  constructor(status: number, title: string, detail: string, field: string | null, position: number | null) {
    super(detail);
    this.status = status;
    this.title = title;
    this.field = field;
    this.position = position;
  }
}

/**
 * Nothing usable answered: the network, the API or what it depends on is away. The same call may succeed later. Not so
 * when the API itself says that the question takes too long: asked again and again it would keep the database busy.
 */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** What the API has against this field of what was sent; it may have something against several. */
export function problemOf(error: Error | null, field: string): string | undefined {
  if (!(error instanceof ApiError) || error.field === null) return undefined;
  const name = `${field}: `;
  const said = error.message.split("; ").find((part) => part.startsWith(name));
  return said?.slice(name.length);
}

const AWAY = new Set([502, 503, 504]);

/** The typed error for a response that is not a success. */
export function errorOf(status: number, body: unknown): ApiError | Unreachable {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const title = typeof problem.title === "string" ? problem.title : `HTTP ${status}`;
  const detail = typeof problem.detail === "string" && problem.detail !== "" ? problem.detail : title;
  const field = typeof problem.field === "string" ? problem.field : null;
  const position = typeof problem.position === "number" ? problem.position : null;
  const tooLong = status === 504 && detail !== title;
  return AWAY.has(status) && !tooLong ? new Unreachable(detail) : new ApiError(status, title, detail, field, position);
}
