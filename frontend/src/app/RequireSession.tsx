import { useQuery } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import { Activity, Suspense, useEffect, useState } from "react";
import { Failure } from "../ui/Failure";
import { lazyPart } from "../ui/lazyPart";
import { Outage } from "../ui/Outage";
import { useToLogin } from "./leave";
import { PAGE_CODE } from "./pageCode";
import { sessionQuery } from "./queries";
import { Shell } from "./Shell";
import styles from "./Shell.module.css";

const LoginForm = lazyPart(async () => ({ default: (await PAGE_CODE["/login"]()).LoginForm }));

/**
 * Shows its pages to a logged-in user; anyone else goes to the login page, which leads back here. Where a session ends
 * the login takes the place of the page, which then is as it was left, with what was written in it.
 */
export function RequireSession() {
  const session = useQuery(sessionQuery);
  const toLogin = useToLogin();
  const [user, setUser] = useState(session.data?.username);
  if (session.data && session.data.username !== user) setUser(session.data.username);
  const isStranger = session.data === null && user === undefined;
  useEffect(() => {
    if (isStranger) toLogin();
  }, [isStranger, toLogin]);

  if (user !== undefined) {
    return (
      <>
        <Activity key={user} mode={session.data ? "visible" : "hidden"}>
          <Shell username={user}>
            <Outlet />
          </Shell>
        </Activity>
        <Suspense>{session.data === null && <LoginForm username={user} />}</Suspense>
      </>
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
