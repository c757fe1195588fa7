import { IconDownload } from "@tabler/icons-react";
import { useState } from "react";
import { Button, Checkbox, Dialog, DialogTrigger, Heading, Popover } from "react-aria-components";
import { toViewQuery, type ViewSearch } from "../model/filters";
import controls from "../ui/controls.module.css";
import field from "../ui/field.module.css";
import { Time } from "../ui/Time";
import styles from "./menus.module.css";

const FORMATS = { csv: "CSV", json: "JSON", jsonl: "JSON Lines" } as const;

/** Downloads all that a list shows, not only what was loaded; the browser writes the file while the API sends it. */
export function DownloadMenu({ what, search }: { what: "traces" | "spans"; search: ViewSearch }) {
  return (
    <DialogTrigger>
      <Button className={styles.button} aria-label="Download">
        <IconDownload size={16} stroke={1.6} aria-hidden />
      </Button>
      <Popover className={`${field.popover} ${styles.popover}`} placement="bottom end">
        <Dialog className={styles.dialog}>
          <Heading slot="title">Download {what}</Heading>
          <Choices what={what} search={search} />
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

function Choices({ what, search }: { what: "traces" | "spans"; search: ViewSearch }) {
  const [opened] = useState(() => new Date());
  const [content, setContent] = useState(false);
  const { project, from, filter, to = opened.toISOString() } = toViewQuery(search, opened);
  const query = { project, ...(from && { from }), to, ...(filter && { filter }) };
  return (
    <>
      <p>
        All {what} of {project} that started {from ? <Time iso={from} full /> : "at any time"} until{" "}
        <Time iso={to} full />
        {filter ? (
          <>
            {" "}
            and fulfil <code>{filter}</code>
          </>
        ) : (
          ", unfiltered"
        )}
        , newest first, however many there are.
      </p>
      {what === "spans" && (
        <Checkbox className={controls.check} isSelected={content} onChange={setContent}>
          With prompts and answers
        </Checkbox>
      )}
      <ul className={styles.formats} aria-label="Formats">
        {Object.entries(FORMATS).map(([format, label]) => (
          <li key={format}>
            <a
              className={styles.button}
              download
              href={`/api/v1/export/${what}?${new URLSearchParams({ ...query, format, ...(content && { content: "true" }) })}`}
            >
              {label}
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}
