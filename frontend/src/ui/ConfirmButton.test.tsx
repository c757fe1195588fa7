import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { ConfirmButton } from "./ConfirmButton";

afterEach(cleanup);

function show() {
  const onConfirm = vi.fn();
  render(<ConfirmButton label="Delete" what="the key" onConfirm={onConfirm} />);
  return { onConfirm, user: userEvent.setup() };
}

it("does its work at a second press, by keyboard too", async () => {
  const { onConfirm, user } = show();
  await user.tab();
  await user.keyboard("{Enter}");
  expect(screen.getByRole("button", { name: "Really delete the key?" })).toBeTruthy();
  expect(onConfirm).not.toHaveBeenCalled();
  await user.keyboard("{Enter}");
  expect(onConfirm).toHaveBeenCalledTimes(1);
});

it("takes a double click for one press", async () => {
  const { onConfirm, user } = show();
  await user.dblClick(screen.getByRole("button", { name: "Delete the key" }));
  expect(onConfirm).not.toHaveBeenCalled();
  await user.click(screen.getByRole("button", { name: "Really delete the key?" }));
  expect(onConfirm).toHaveBeenCalledTimes(1);
});
