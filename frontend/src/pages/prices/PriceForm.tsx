import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Form, Input, Label, TextField } from "react-aria-components";
import { savePrice } from "../../api/client";
import { differs, Unsaved } from "../../app/Unsaved";
import { MORE_RATES, type PriceDraft, priceOf } from "../../model/prices";
import controls from "../../ui/controls.module.css";
import { Failure } from "../../ui/Failure";
import styles from "./PricesPage.module.css";

interface Props {
  /** What is written to begin with. */
  draft: PriceDraft;
  onSaved: () => void;
  onCancel: () => void;
}

/** What of the URL says which price is written. */
const OWN_SEARCH = ["model", "provider", "change"];

const FIELDS: { key: keyof PriceDraft; label: string; hint?: string; size: number }[] = [
  { key: "name", label: "Name", hint: "house-models", size: 16 },
  { key: "model", label: "Model (regular expression)", hint: "house-model-.*", size: 20 },
  { key: "provider", label: "Provider (the same)", hint: "any", size: 12 },
  { key: "input", label: "Input $", hint: "2.50", size: 6 },
  { key: "output", label: "Output $", hint: "10", size: 6 },
];

/** Sets a price of one's own; one of the same name is replaced. */
export function PriceForm({ draft, onSaved, onCancel }: Props) {
  const [begun] = useState(draft);
  const [price, setPrice] = useState(begun);
  const save = useMutation({ mutationFn: () => savePrice(price.name.trim(), priceOf(price)), onSuccess: onSaved });
  const missing = (["name", "model", "input", "output"] as const).some((key) => price[key].trim() === "");
  const field = (key: keyof PriceDraft, label: string, size: number, hint?: string) => (
    <TextField key={key} value={price[key]} onChange={(text) => setPrice({ ...price, [key]: text })}>
      <Label>{label}</Label>
      <Input size={size} spellCheck={false} {...(hint && { placeholder: hint })} />
    </TextField>
  );
  const day = (key: "from" | "to", label: string) => (
    <TextField
      key={key}
      type={draft[key].includes("T") ? "datetime-local" : "date"}
      value={price[key]}
      onChange={(text) => setPrice({ ...price, [key]: text })}
    >
      <Label>{label}</Label>
      <Input step="any" />
    </TextField>
  );
  return (
    <Form
      className={`${controls.form} ${styles.form}`}
      aria-label="Own price"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Unsaved when={differs(price, begun)} of={OWN_SEARCH} />
      {FIELDS.map(({ key, label, size, hint }) => field(key, label, size, hint))}
      <details open={[...Object.keys(MORE_RATES), "from", "to"].some((key) => draft[key as keyof PriceDraft] !== "")}>
        <summary>More rates and dates</summary>
        <div>
          {Object.entries(MORE_RATES).map(([key, label]) => field(key as keyof PriceDraft, `${label} $`, 6))}
          {day("from", "From (UTC)")}
          {day("to", "Until (UTC)")}
        </div>
      </details>
      <Button type="submit" className={controls.button} isDisabled={missing || save.isPending}>
        Save price
      </Button>
      {draft.model !== "" && (
        <Button className={controls.button} onPress={onCancel}>
          Cancel
        </Button>
      )}
      {save.error && <Failure error={save.error} />}
    </Form>
  );
}
