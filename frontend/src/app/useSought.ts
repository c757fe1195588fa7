import { useNavigate, useRouter } from "@tanstack/react-router";
import { useEffect, useState } from "react";

/**
 * What is looked for in a list, and how to look for something else: the URL says so under this name. While somebody
 * writes, what is written leads, since the URL follows later.
 */
export function useSought(name: "find" | "findOwn"): [string, (text: string) => void] {
  const { history } = useRouter();
  const navigate = useNavigate();
  const [text, setText] = useState(() => soughtAt(history.location, name));
  useEffect(
    () =>
      history.subscribe(({ location, action }) => {
        if (action.type !== "REPLACE") setText(soughtAt(location, name));
      }),
    [history, name],
  );
  const write = (written: string) => {
    setText(written);
    navigate({
      to: ".",
      search: ((before: object) => ({ ...before, [name]: written })) as never,
      replace: true,
      // It takes nothing away of what is written elsewhere on the page.
      ignoreBlocker: true,
    });
  };
  return [text, write];
}

function soughtAt({ search }: { search: string }, name: string): string {
  return new URLSearchParams(search).get(name) ?? "";
}
