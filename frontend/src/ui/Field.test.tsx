import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { ApiError, problemOf } from "../api/errors";
import { Field } from "./Field";

afterEach(cleanup);

const toldWith = (field: HTMLElement) =>
  (field.getAttribute("aria-describedby") ?? "")
    .split(" ")
    .map((id) => document.getElementById(id)?.textContent)
    .join(" | ");

it("tells with a field what belongs to it and what the API has against it", () => {
  const detail = "name: must be given; limit: must be more than nothing";
  const error = new ApiError(400, "Bad Request", detail, "name", null);
  const show = (problem: string | undefined) => (
    <>
      <p id="about">Of the project</p>
      <Field label="Limit" hint="US dollars" problem={problem} aria-describedby="about" />
    </>
  );
  const { rerender } = render(show(problemOf(error, "limit")));
  const field = screen.getByLabelText("Limit");
  expect(toldWith(field)).toBe("Of the project | US dollars | must be more than nothing");
  expect(field.getAttribute("aria-invalid")).toBe("true");
  rerender(show(problemOf(error, "period")));
  expect(toldWith(field)).toBe("Of the project | US dollars");
  expect(field.getAttribute("aria-invalid")).toBeNull();
});
