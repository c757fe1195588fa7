import { expect, it } from "vitest";
import { countedView, parseModelSearch, parseUserSearch } from "./directory";

it("keeps what the lists of users and models know and drops the rest", () => {
  const search = { order: "tokens", unpriced: "1", range: "1h", filter: "x", by: "y", top: "500" };
  const known = { order: "tokens", range: "1h", top: "500" };
  expect(parseModelSearch(search)).toEqual({ ...known, unpriced: "1" });
  expect(parseUserSearch(search)).toEqual({ ...known, filter: "x" });
  expect(parseModelSearch({ order: "luck", unpriced: "yes", top: "1000000" })).toEqual({});
});

it("counts and links to the spans of whole hours for users and of whole minutes for models", () => {
  const now = new Date("2026-05-04T12:34:56.789Z");
  expect(countedView({ project: "demo", filter: "model:a", order: "tokens", range: "1h" }, "users", now)).toEqual({
    project: "demo",
    filter: "model:a",
    from: "2026-05-04T11:00:00.000Z",
    to: "2026-05-04T13:00:00.000Z",
  });
  expect(countedView({ range: "1h" }, "models", now)).toEqual({
    from: "2026-05-04T11:34:00.000Z",
    to: "2026-05-04T12:35:00.000Z",
  });
  expect(countedView({}, "users", now).from).toBe("2026-04-27T12:00:00.000Z");
});

it("ends now or begins a day before its end where a range has one end alone, as the API does", () => {
  const now = new Date("2026-05-04T12:34:56Z");
  expect(countedView({ from: "2026-05-04T09:15:00+02:00" }, "users", now)).toEqual({
    from: "2026-05-04T07:00:00.000Z",
    to: "2026-05-04T13:00:00.000Z",
  });
  expect(countedView({ to: "2026-05-04T10:00:00Z" }, "users", now)).toEqual({
    from: "2026-05-03T10:00:00.000Z",
    to: "2026-05-04T10:00:00.000Z",
  });
});

it("leaves a range that ends before it begins for the API to refuse", () => {
  const range = { from: "2026-05-04T10:20:00.000Z", to: "2026-05-04T10:10:00.000Z" };
  expect(countedView(range, "users", new Date("2026-05-04T12:00:00Z"))).toEqual(range);
});
