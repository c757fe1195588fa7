import { cleanup, render } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { Json } from "./Json";

afterEach(cleanup);

it.each([
  ["alone", (text: string) => text],
  ["within a tree", (text: string) => ({ messages: [{ content: text }] })],
])("lays out no more than the beginning of a text of 5 MB %s", (_, wrap) => {
  const { container } = render(<Json value={wrap("word ".repeat(1_000_000))} label="Content" />);
  expect(container.textContent).toMatch(/word word/);
  expect(container.textContent).toMatch(/more characters/);
  expect(container.textContent?.length).toBeLessThan(25_000);
});
