import { cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it } from "vitest";
import { toConversation } from "../../model/conversation";
import { aConversation, aMessage } from "../../model/testing";
import { Conversation } from "./Conversation";

afterEach(cleanup);

function show(given: Parameters<typeof aConversation>[0]) {
  return render(<Conversation conversation={toConversation(aConversation(given))} />);
}

it("shows messages by role, calls with their results, reasoning folded", () => {
  show({
    input: [
      aMessage("user", { type: "text", text: "Rain in Oslo?" }),
      aMessage("assistant", { type: "tool_call", id: "c1", name: "get_weather", arguments: { city: "Oslo" } }),
      aMessage("tool", { type: "tool_call_response", id: "c1", result: '{"rain": 0.7}' }),
    ],
    output: [aMessage("assistant", { type: "reasoning", text: "Seventy percent." }, { type: "text", text: "Yes." })],
  });
  const input = within(screen.getByRole("list", { name: "Input messages" }));
  expect(input.getByRole("listitem", { name: "User message" }).textContent).toContain("Rain in Oslo?");
  const call = input.getByRole("listitem", { name: "Assistant message" }).textContent;
  expect(call).toContain("Calls get_weather");
  expect(call).toMatch(/Result of get_weather.*rain: ?0.7/);
  expect(input.queryByRole("listitem", { name: "Tool message" })).toBeNull();
  expect(screen.getByText("Reasoning, 16 characters").closest("details")?.open).toBe(false);
  expect(screen.getByRole("list", { name: "Output messages" }).textContent).toContain("Yes.");
});

it("shows the beginning of a long message and the rest on request", async () => {
  const text = `${"word ".repeat(600)}end`;
  show({ input: [aMessage("user", { type: "text", text })] });
  const message = screen.getByRole("listitem", { name: "User message" });
  expect(message.textContent).not.toContain("end");
  await userEvent.click(screen.getByRole("button", { name: /Show .* more characters/ }));
  expect(message.textContent).toContain("end");
});

it("shows Markdown, or the text as it is, as the user likes it, and HTML as text", async () => {
  const text = "It is **late**.\n\n<b>Very</b> ![cat](https://elsewhere.example/cat.png)";
  const { container } = show({ output: [aMessage("assistant", { type: "text", text })] });
  const message = screen.getByRole("listitem", { name: "Assistant message" });
  await waitFor(() => expect(message.querySelector("strong")?.textContent).toBe("late"));
  expect(message.textContent).toContain("<b>Very</b>");
  expect(container.querySelector("img")).toBeNull();
  expect(screen.getByRole("link", { name: "cat" }).getAttribute("rel")).toContain("noreferrer");
  await userEvent.click(screen.getByRole("button", { name: "Markdown" }));
  expect(message.textContent).toContain("**late**");
  await userEvent.click(screen.getByRole("button", { name: "Markdown" }));
});

it("asks no other host for an image", () => {
  const part = { type: "image", uri: "https://elsewhere.example/cat.png" } as const;
  const { container } = show({ input: [aMessage("user", part)] });
  expect(container.querySelector("img")).toBeNull();
  expect(screen.getByRole("link", { name: part.uri }).getAttribute("rel")).toContain("noreferrer");
});
