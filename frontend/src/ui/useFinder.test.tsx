import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { afterEach, expect, it } from "vitest";
import { useFinder } from "./useFinder";

afterEach(cleanup);

function List({ count }: { count: number }) {
  const all = Array.from({ length: count }, (_, at) => `rule ${at}`);
  const { shown, field, rest } = useFinder(all, (name) => name, useState(""));
  return (
    <>
      {field}
      <ul>
        {shown.map((name) => (
          <li key={name}>{name}</li>
        ))}
      </ul>
      {rest}
    </>
  );
}

it("finds by a part of a text, tells how many there are, and draws more on request", async () => {
  const user = userEvent.setup();
  render(<List count={250} />);
  const shown = () => screen.getAllByRole("listitem").length;
  expect(shown()).toBe(100);
  await user.click(screen.getByRole("button", { name: "Show 100 of 150 more" }));
  await user.click(screen.getByRole("button", { name: "Show 50 of 50 more" }));
  expect(shown()).toBe(250);
  expect(screen.queryByRole("button")).toBeNull();

  await user.type(screen.getByRole("textbox", { name: "Find" }), "RULE 24");
  expect(shown()).toBe(11);
  expect(screen.getByRole("status").textContent).toBe("11 of 250");
});

it("leaves a short list alone", () => {
  render(<List count={5} />);
  expect(screen.queryByRole("textbox")).toBeNull();
});
