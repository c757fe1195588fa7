import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { useCallback } from "react";
import * as api from "../api/client";
import { sessionQuery } from "./queries";

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

/** Log out: here at once, so that nothing more is asked for with a session that ends, then at the API. */
export function useLeave(): () => Promise<void> {
  const client = useQueryClient();
  const toLogin = useToLogin();
  return async () => {
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
