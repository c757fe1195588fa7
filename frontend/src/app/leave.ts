import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { useCallback } from "react";
import * as api from "../api/client";
import { sessionQuery } from "./queries";

const unsaved = new Set<() => Promise<boolean>>();

/** Lets something that is not saved be asked for before somebody logs out; gives back what ends that. */
export function whenLeaving(ask: () => Promise<boolean>): () => void {
  unsaved.add(ask);
  return () => {
    unsaved.delete(ask);
  };
}

/** Asks for each of them; whether all may go. */
export async function mayLeave(): Promise<boolean> {
  for (const ask of unsaved) {
    if (!(await ask())) return false;
  }
  return true;
}

/** Goes to the login page, which leads back here. */
export function useToLogin(): () => void {
  const router = useRouter();
  return useCallback(() => {
    const { href } = router.latestLocation;
    router.navigate({
      to: "/login",
      search: href === "/" ? {} : { redirect: href },
      replace: true,
      ignoreBlocker: true,
    });
  }, [router]);
}

/**
 * Log out, unless somebody stays for what is not saved: here at once, so that nothing more is asked for with a session
 * that ends, then at the API.
 */
export function useLeave(): () => Promise<void> {
  const client = useQueryClient();
  const toLogin = useToLogin();
  return async () => {
    if (!(await mayLeave())) return;
    client.setQueryData(sessionQuery.queryKey, null);
    toLogin();
    try {
      await api.logout();
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== sessionQuery.queryKey[0] });
    } catch {
      await client.invalidateQueries({ queryKey: sessionQuery.queryKey });
    }
  };
}
