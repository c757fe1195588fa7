import { useLayoutEffect, useRef, useState } from "react";
import { firstField } from "./keepFocus";

/**
 * For a form that was opened: it takes the focus to its first field, and gives it back to what opened it when it closes.
 * A form that is there from the beginning is not `opened`.
 */
export function useFormFocus(opened = true) {
  const form = useRef<HTMLFormElement>(null);
  const [opener] = useState(() => document.activeElement);
  useLayoutEffect(() => {
    const element = form.current;
    if (!opened || !element) return;
    firstField(element)?.focus();
    return () => {
      const hadFocus = element.contains(document.activeElement);
      requestAnimationFrame(() => {
        if (hadFocus && document.activeElement === document.body && opener instanceof HTMLElement) opener.focus();
      });
    };
  }, [opened, opener]);
  return form;
}
