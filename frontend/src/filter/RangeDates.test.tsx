import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { RangeDates } from "./RangeDates";

afterEach(cleanup);

function show() {
  const onChange = vi.fn();
  const from = new Date("2026-11-20T10:00").toISOString();
  render(<RangeDates from={from} to={undefined} onChange={onChange} />);
  const field = screen.getByLabelText<HTMLInputElement>("From");
  return { field, onChange, write: (value: string) => fireEvent.change(field, { target: { value } }) };
}

it("takes a time when it is whole, not after each of its digits", () => {
  const { field, onChange, write } = show();
  write("0002-11-20T10:00");
  write("2025-11-20T10:00");
  expect(onChange).not.toHaveBeenCalled();
  fireEvent.keyDown(field, { key: "Enter" });
  expect(onChange.mock.calls).toEqual([[{ from: new Date("2025-11-20T10:00").toISOString() }]]);
});

it("takes a time, or that there is none, when the field is left", () => {
  const { field, onChange, write } = show();
  fireEvent.blur(field);
  expect(onChange).not.toHaveBeenCalled();
  write("");
  fireEvent.blur(field);
  expect(onChange.mock.calls).toEqual([[{ from: undefined }]]);
});

it("keeps the time that was there when a half-written one is left", () => {
  const { field, onChange, write } = show();
  Object.defineProperty(field, "validity", { value: { badInput: true } });
  write("");
  fireEvent.blur(field);
  expect(onChange).not.toHaveBeenCalled();
  expect(field.value).toBe("2026-11-20T10:00");
});
