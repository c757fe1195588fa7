import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { Select } from "../ui/Select";
import { useShortcuts } from "./hooks";

afterEach(cleanup);

function Page({ onGo }: { onGo: () => void }) {
  useShortcuts({ "g o": onGo });
  return <Select label="Project" value="demo" options={[{ id: "demo", label: "Demo" }]} onChange={() => undefined} />;
}

it("leaves to a closed list the keys that choose in it", async () => {
  const onGo = vi.fn();
  const user = userEvent.setup();
  render(<Page onGo={onGo} />);
  screen.getByRole("button", { name: /Project/ }).focus();
  await user.keyboard("go");
  expect(onGo).not.toHaveBeenCalled();
  (document.activeElement as HTMLElement).blur();
  await user.keyboard("go");
  expect(onGo).toHaveBeenCalledTimes(1);
});
