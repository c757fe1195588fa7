import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button, FieldError, Form, Input, TextField } from "react-aria-components";
import { spans } from "../../api/client";
import { type Place, placeIn } from "../../model/compare";
import { DEFAULT_PROJECT } from "../../model/filters";
import { condition } from "../../model/filterText";
import { formatDuration } from "../../model/format";
import { toSpanPage } from "../../model/span";
import { Cost } from "../../ui/Cost";
import controls from "../../ui/controls.module.css";
import { type DataColumn, DataTable } from "../../ui/DataTable";
import { Label } from "../../ui/Label";
import { Time } from "../../ui/Time";
import { whenEmpty } from "../../ui/whenEmpty";
import styles from "./ComparePage.module.css";

const MOST = 20;

interface Props {
  project: string | undefined;
  /** What the other one is compared with: spans of the same name are offered. */
  like: { name: string; spanId: string | null; traceId: string } | null;
  onChoose: (place: Place) => void;
}

/** Asks what to compare with: an id or an address, or one of the newest spans of the same name. */
export function Chooser({ project = DEFAULT_PROJECT, like, onChoose }: Props) {
  const [text, setText] = useState("");
  const [refused, setRefused] = useState(false);
  const write = (written: string) => {
    setText(written);
    setRefused(false);
  };
  const filter = like && (like.spanId ? condition("name", like.name) : `${condition("name", like.name)} root:true`);
  const query = useQuery({
    queryKey: ["spans-to-compare", project, filter],
    queryFn: async ({ signal }) =>
      toSpanPage(await spans({ project, limit: MOST, filter: filter ?? "" }, signal), project),
    enabled: filter !== null,
  });
  const found = (query.data?.rows ?? []).filter((span) =>
    like?.spanId ? span.id !== like.spanId || span.traceId !== like.traceId : span.traceId !== like?.traceId,
  );
  const columns: DataColumn<(typeof found)[number]>[] = [
    {
      header: "Input",
      cell: (span) => (
        <Button
          className={styles.candidate}
          onPress={() => onChoose({ traceId: span.traceId, spanId: like?.spanId ? span.id : null })}
        >
          {span.inputPreview ?? span.name}
        </Button>
      ),
    },
    { header: "Time", cell: (span) => <Time iso={span.startTime} /> },
    { header: "Model", cell: (span) => span.responseModel ?? span.model },
    { header: "Status", cell: (span) => (span.status === "error" ? "error" : "ok") },
    { header: "Duration", number: true, cell: (span) => formatDuration(span.durationNs) },
    { header: "Cost", number: true, cell: (span) => <Cost usd={span.cost} /> },
  ];
  return (
    <div className={styles.chooser}>
      <Form
        className={styles.form}
        validationBehavior="aria"
        onSubmit={(event) => {
          event.preventDefault();
          const place = placeIn(text);
          setRefused(place === null);
          if (place) onChoose(place);
        }}
      >
        <TextField value={text} onChange={write} isInvalid={refused} className={styles.field}>
          <Label>Compare with</Label>
          <Input placeholder="ID or address of a trace or a span of it" spellCheck={false} />
          <FieldError>That names no trace: give its ID of 32 digits, or the address of its page.</FieldError>
        </TextField>
        <Button type="submit" className={controls.button}>
          Compare
        </Button>
      </Form>
      {like && (
        <>
          <h2>or with one of the newest named {like.name}</h2>
          <DataTable
            label={`The newest named ${like.name}`}
            columns={columns}
            rows={found}
            getId={(span) => `${span.traceId}/${span.id}`}
            empty={whenEmpty(query, "spans", "There is no other one.")}
          />
        </>
      )}
    </div>
  );
}
