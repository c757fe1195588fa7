import { cleanup, render, screen, waitFor } from "@testing-library/react";
import { type ReactNode, useEffect, useRef } from "react";
import { afterEach, expect, it } from "vitest";
import { keepFocus } from "./keepFocus";
import { useFormFocus } from "./useFormFocus";

afterEach(cleanup);

function Page({ children }: { children: ReactNode }) {
  const main = useRef<HTMLElement>(null);
  useEffect(() => (main.current ? keepFocus(main.current) : undefined), []);
  return (
    <main ref={main} tabIndex={-1}>
      <div>{children}</div>
    </main>
  );
}

function OpenedForm() {
  return (
    <form ref={useFormFocus()} aria-label="Rule">
      <input aria-label="Name" />
      <button type="button">Cancel</button>
    </form>
  );
}

const focused = () => document.activeElement;
const focusOn = (name: string) => screen.getByRole("button", { name }).focus();
const show = (children: ReactNode) => render(<Page>{children}</Page>);

it("goes on with the button or the form that is in the place of another", async () => {
  const { rerender } = show(<button type="button">New</button>);
  focusOn("New");
  rerender(
    <Page>
      <OpenedForm />
    </Page>,
  );
  await waitFor(() => expect(focused()).toBe(screen.getByLabelText("Name")));
  focusOn("Cancel");
  rerender(
    <Page>
      <button type="button">New</button>
    </Page>,
  );
  await waitFor(() => expect(focused()).toBe(screen.getByRole("button", { name: "New" })));
});

it("gives the focus back to what opened a form and is still there", async () => {
  const page = (isOpen: boolean) => (
    <Page>
      {isOpen ? <OpenedForm /> : <p>None</p>}
      <button type="button">Edit</button>
    </Page>
  );
  const { rerender } = render(page(false));
  focusOn("Edit");
  rerender(page(true));
  expect(focused()).toBe(screen.getByLabelText("Name"));
  rerender(page(false));
  await waitFor(() => expect(focused()).toBe(screen.getByRole("button", { name: "Edit" })));
});

it("goes to what is around a row that is gone, or to the page", async () => {
  const list = (names: readonly string[]) => (
    <Page>
      <section key="list" tabIndex={-1} aria-label="Keys">
        {names.map((name) => (
          <p key={name}>
            <button type="button">{name}</button>
          </p>
        ))}
      </section>
    </Page>
  );
  const { rerender } = render(list(["a", "b"]));
  focusOn("a");
  rerender(list(["b"]));
  await waitFor(() => expect(focused()).toBe(screen.getByLabelText("Keys")));
  focusOn("b");
  rerender(<Page>Another page</Page>);
  await waitFor(() => expect(focused()).toBe(screen.getByRole("main")));
});

it("goes to the first field of a form whose button is switched off", async () => {
  const page = (isOff: boolean) => (
    <Page>
      <form>
        <input aria-label="Name" />
        <button type="button" disabled={isOff}>
          Create
        </button>
      </form>
    </Page>
  );
  const { rerender } = render(page(false));
  focusOn("Create");
  rerender(page(true));
  await waitFor(() => expect(focused()).toBe(screen.getByLabelText("Name")));
});

it("leaves the focus where somebody else has put it", async () => {
  const page = (isThere: boolean) => (
    <Page>
      {isThere && <button type="button">Old</button>}
      <button type="button">Other</button>
    </Page>
  );
  const { rerender } = render(page(true));
  focusOn("Old");
  rerender(page(false));
  focusOn("Other");
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  expect(focused()).toBe(screen.getByRole("button", { name: "Other" }));
});
