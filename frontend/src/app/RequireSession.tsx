import { useQuery } from "@tanstack/react-query";
import { Outlet, useRouter } from "@tanstack/react-router";
import { useEffect } from "react";
import { Failure } from "../ui/Failure";
import { Outage } from "../ui/Outage";
import { sessionQuery } from "./queries";
import { Shell } from "./Shell";
import styles from "./Shell.module.css";

/** Shows its pages to a logged-in user; anyone else goes to the login page, which leads back here. */
export function RequireSession() {
  const session = useQuery(sessionQuery);
  const router = useRouter();
  const loggedOut = session.data === null;
  useEffect(() => {
    if (!loggedOut) return;
    const { href } = router.latestLocation;
    router.navigate({ to: "/login", search: href === "/" ? {} : { redirect: href }, replace: true });
  }, [loggedOut, router]);

  if (session.data) {
    return (
      <Shell username={session.data.username}>
        <Outlet />
      </Shell>
    );
  }
  return (
    <main>
      <Outage />
      {session.isPending && <p className={styles.connecting}>Connecting to LLMFlow…</p>}
      {session.error && <Failure error={session.error} onRetry={() => session.refetch()} />}
    </main>
  );
}
