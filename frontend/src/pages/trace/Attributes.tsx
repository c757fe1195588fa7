import { useState } from "react";
import { Input, SearchField } from "react-aria-components";
import type { SpanDetail, Attributes as Values } from "../../model/span";
import { CopyButton } from "../../ui/CopyButton";
import { Json } from "../../ui/Json";
import { Label } from "../../ui/Label";
import styles from "./Attributes.module.css";

/** The attributes as they came, less the content, which has its own place. */
export function Attributes({ detail }: { detail: SpanDetail }) {
  const [needle, setNeedle] = useState("");
  return (
    <div className={styles.groups}>
      <SearchField className={styles.search} value={needle} onChange={setNeedle}>
        <Label>Find</Label>
        <Input placeholder="name or value" spellCheck={false} />
      </SearchField>
      <Group title="Span attributes" values={detail.attributes} needle={needle} />
      <Group title="Resource attributes" values={detail.resourceAttributes} needle={needle} />
      {detail.scope && (
        <p className={styles.scope}>
          Instrumentation: <code>{detail.scope}</code>
        </p>
      )}
    </div>
  );
}

function Group({ title, values, needle }: { title: string; values: Values; needle: string }) {
  const all = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
  const found = all.filter((entry) => matches(entry, needle));
  return (
    <section aria-label={title}>
      <div className={styles.head}>
        <h3>{title}</h3>
        {all.length > 0 && (
          <CopyButton
            what={`${title.toLowerCase()} as JSON`}
            text={() => JSON.stringify(values, null, 2)}
            label="JSON"
          />
        )}
      </div>
      {found.length === 0 ? (
        <p className={styles.none}>{all.length === 0 ? "None" : "None that matches"}</p>
      ) : (
        <dl className={styles.list}>
          {found.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <Json value={value} label={name} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

function matches([name, value]: [string, unknown], needle: string): boolean {
  const text = needle.trim().toLowerCase();
  return text === "" || `${name} ${JSON.stringify(value)}`.toLowerCase().includes(text);
}
