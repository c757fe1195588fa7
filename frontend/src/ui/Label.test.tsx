import { cleanup, render, screen } from "@testing-library/react";
import { Activity } from "react";
import { Input, TextField } from "react-aria-components";
import { afterEach, expect, it, vi } from "vitest";
import { Label } from "./Label";

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

it("names its field while the page is hidden, too", () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  const page = (mode: "hidden" | "visible") => (
    <Activity mode={mode}>
      <TextField>
        <Label>Project</Label>
        <Input />
      </TextField>
    </Activity>
  );
  const { rerender } = render(page("visible"));
  const field = screen.getByLabelText("Project");
  rerender(page("hidden"));
  expect(field.getAttribute("aria-labelledby")).toBe(screen.getByText("Project").id);
  rerender(page("visible"));
  expect(screen.getByLabelText("Project")).toBe(field);
  expect(warned).not.toHaveBeenCalled();
});
