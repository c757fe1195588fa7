import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { afterEach, expect, it } from "vitest";
import { Select } from "./Select";

afterEach(cleanup);

function Projects({ count }: { count: number }) {
  const [project, setProject] = useState(`team-${count - 1}`);
  const options = Array.from({ length: count }, (_, at) => ({ id: `team-${at}`, label: `Team ${at}` }));
  return <Select label="Project" value={project} options={options} onChange={setProject} />;
}

it("finds one of many by typing, and keeps the chosen one among the first", async () => {
  const user = userEvent.setup();
  render(<Projects count={1000} />);
  await user.tab();
  expect(document.activeElement?.textContent).toContain("Team 999");
  await user.keyboard("{Enter}");
  const options = () => screen.getAllByRole("option").map(({ textContent }) => textContent);
  expect([options().length, options().at(-1)]).toEqual([100, "Team 999"]);
  expect(screen.getByRole("status").textContent).toBe("and 900 more");

  const search = screen.getByRole("textbox", { name: "Search Project" });
  await user.type(search, "team 73");
  expect(options()).toEqual(["Team 73", ...Array.from({ length: 10 }, (_, at) => `Team 73${at}`)]);
  await user.type(search, "4{Enter}");
  expect(screen.queryByRole("listbox")).toBeNull();
  expect(screen.getByRole("button").textContent).toContain("Team 734");
});

it("shows few as they are", async () => {
  const user = userEvent.setup();
  render(<Projects count={3} />);
  await user.click(screen.getByRole("button"));
  expect(screen.getAllByRole("option")).toHaveLength(3);
  expect(screen.queryByRole("textbox")).toBeNull();
});
