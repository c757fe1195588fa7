import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Button } from "react-aria-components";
import { ApiError, Unreachable } from "../api/errors";
import styles from "./notice.module.css";

interface Props {
  error: Error;
  onRetry?: () => void;
  /** Whether this is all that the page shows, so that its title is the page's. */
  page?: boolean;
  children?: ReactNode;
}

/** Says what went wrong in place of what should be here, or of what was to be changed. */
export function Failure({ error, onRetry, page = false, children }: Props) {
  const title = titleOf(error);
  const Title = page ? "h1" : "h2";
  return (
    <div role="alert" className={styles.failure}>
      <IconAlertTriangle size={20} stroke={1.6} aria-hidden />
      <div>
        <Title>{title}</Title>
        <p>{error.message}</p>
        {children}
        {onRetry && (
          <Button className={styles.button} onPress={onRetry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

function titleOf(error: Error): string {
  if (error instanceof ApiError) return error.status === 412 ? "Changed by someone else meanwhile" : error.title;
  // A question is asked again until it is answered, what the banner says; a change is not.
  return error instanceof Unreachable ? "LLMFlow’s API does not answer" : "Something went wrong on this page";
}
