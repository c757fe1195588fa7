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

/** Says what went wrong in place of what should be here. An outage is the banner's business, and says nothing here. */
export function Failure({ error, onRetry, page = false, children }: Props) {
  if (error instanceof Unreachable) return null;
  const title = error instanceof ApiError ? error.title : "Something went wrong on this page";
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
