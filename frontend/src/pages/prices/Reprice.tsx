import { useState } from "react";
import { DEFAULT_PROJECT } from "../../model/filters";
import { CopyButton } from "../../ui/CopyButton";
import controls from "../../ui/controls.module.css";
import { Select } from "../../ui/Select";
import styles from "./PricesPage.module.css";

const SINCE = ["24h", "7d", "30d", "90d"] as const;

/** The command by which stored calls get the prices of now. */
export function Reprice({ project = DEFAULT_PROJECT }: { project: string | undefined }) {
  const [since, setSince] = useState<(typeof SINCE)[number]>("7d");
  const command = `llmflow prices reprice --since ${since} --project ${project}`;
  return (
    <section aria-label="Price stored calls again">
      <h2>Price stored calls again</h2>
      <p>
        A price is for calls that are recorded from then on. This command corrects those stored, and all sums of them;
        costs that came with a call stay.
      </p>
      <div className={controls.form}>
        <Select
          label="Of the last"
          value={since}
          options={SINCE.map((id) => ({ id, label: id }))}
          onChange={setSince}
        />
        <code className={styles.command}>{command}</code>
        <CopyButton what="command" text={command} label="Copy" />
      </div>
    </section>
  );
}
