import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useId, useState } from "react";
import { Button, FieldError, Form, Input, TextField } from "react-aria-components";
import { login } from "../../api/client";
import { ApiError } from "../../api/errors";
import { sessionQuery } from "../../app/queries";
import { Label } from "../../ui/Label";
import { Logo } from "../../ui/Logo";
import { Outage } from "../../ui/Outage";
import styles from "./LoginPage.module.css";

export function LoginPage() {
  const { redirect = "/" } = useSearch({ from: "/login" });
  const session = useQuery({ ...sessionQuery, enabled: false });
  const router = useRouter();
  const loggedIn = Boolean(session.data);
  useEffect(() => {
    if (loggedIn) router.history.replace(redirect);
  }, [loggedIn, redirect, router]);
  return <LoginForm />;
}

/** Asks who it is; given a `username`, after the session of that user has ended. */
export function LoginForm({ username: before }: { username?: string }) {
  const client = useQueryClient();
  // Who comes back to it may have logged in meanwhile, in another tab.
  useQuery({ ...sessionQuery, refetchOnWindowFocus: "always" });
  const [username, setUsername] = useState(before ?? "");
  const [password, setPassword] = useState("");
  const enter = useMutation({
    mutationFn: () => login(username, password),
    onSuccess: (user) => client.setQueryData(sessionQuery.queryKey, user),
  });
  const problem = useId();
  const told = enter.error ? { "aria-describedby": problem } : {};
  const isWrong = enter.error instanceof ApiError && enter.error.status === 401;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!enter.isPending) enter.mutate();
  };
  return (
    <main className={styles.page}>
      <title>Log in · LLMFlow</title>
      <Form className={styles.form} onSubmit={submit}>
        <div className={styles.brand}>
          <Logo />
          <h1>Log in to LLMFlow</h1>
        </div>
        {before && <p>Your session has ended. The page is kept as you left it.</p>}
        <Outage />
        <TextField name="username" value={username} onChange={setUsername} autoFocus={!before} isRequired {...told}>
          <Label>User name</Label>
          <Input
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            {...(isWrong && { "aria-invalid": true })}
          />
          <FieldError className={styles.error} />
        </TextField>
        <TextField
          name="password"
          type="password"
          value={password}
          onChange={setPassword}
          autoFocus={Boolean(before)}
          isRequired
          {...told}
        >
          <Label>Password</Label>
          <Input autoComplete="current-password" {...(isWrong && { "aria-invalid": true })} />
          <FieldError className={styles.error} />
        </TextField>
        {enter.error && (
          <p role="alert" id={problem} className={styles.error}>
            {reason(enter.error)}
          </p>
        )}
        <Button type="submit" className={styles.submit} data-pending={enter.isPending || undefined}>
          Log in
        </Button>
      </Form>
    </main>
  );
}

function reason(error: Error): string {
  if (error instanceof ApiError && error.status === 401) return "Wrong user name or password.";
  if (error instanceof ApiError && error.status === 429) return "Too many attempts. Wait a little, then try again.";
  return error.message;
}
