import { type ReactNode, useCallback } from "react";
import { Label as AriaLabel, LabelContext, useSlottedContext } from "react-aria-components";

interface Props {
  className?: string | undefined;
  children: ReactNode;
}

/**
 * What names the field around it. React takes the refs out of a hidden page; React Aria takes that for a label that is
 * gone, so the field would lose its name: it is not told.
 */
export function Label({ className, children }: Props) {
  const { ref, ...context } = useSlottedContext(LabelContext) ?? {};
  const attach = useCallback(
    (element: HTMLLabelElement | null) => {
      if (element && typeof ref === "function") ref(element);
    },
    [ref],
  );
  return (
    <LabelContext.Provider value={{ ...context, ref: attach }}>
      <AriaLabel {...(className && { className })}>{children}</AriaLabel>
    </LabelContext.Provider>
  );
}
