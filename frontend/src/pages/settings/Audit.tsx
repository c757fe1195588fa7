import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, ToggleButton } from "react-aria-components";
import type { Wire } from "../../api/client";
import { auditQuery } from "../../app/queries";
import bar from "../../filter/FilterBar.module.css";
import controls from "../../ui/controls.module.css";
import { DataTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Time } from "../../ui/Time";
import { whenEmpty } from "../../ui/whenEmpty";
import styles from "./settings.module.css";

interface Props {
  project: string;
  /** Whether only what was done to the project is shown. */
  own: boolean;
  onOwn: (own: boolean) => void;
}

/** Who changed what, newest first. */
export function Audit({ project, own, onOwn }: Props) {
  const query = useInfiniteQuery(auditQuery(own ? project : undefined));
  return (
    <>
      <ToggleButton className={bar.button} isSelected={own} onChange={onOwn}>
        Only of {project}
      </ToggleButton>
      {query.error && <Failure error={query.error} onRetry={() => query.refetch()} />}
      <DataTable
        label="Changes, newest first"
        columns={[
          { header: "Time", cell: ({ at }: Wire["AuditEntry"]) => <Time iso={at} full /> },
          { header: "Who", cell: ({ actor }) => actor },
          { header: "From", cell: ({ address }) => address },
          { header: "What", cell: ({ action }) => action },
          { header: "Project", cell: ({ project }) => project },
          { header: "Of", cell: ({ subject }) => subject },
          {
            header: "Detail",
            cell: ({ detail }) => (
              <div className={styles.detail} title={JSON.stringify(detail)}>
                {Object.keys(detail).length > 0 && JSON.stringify(detail)}
              </div>
            ),
          },
        ]}
        rows={query.data?.pages.flatMap((page) => page.entries) ?? []}
        getId={({ id }) => String(id)}
        empty={whenEmpty(query, "changes", "Nothing was changed yet.")}
      />
      {query.hasNextPage && (
        <Button className={controls.button} isDisabled={query.isFetching} onPress={() => query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </>
  );
}
