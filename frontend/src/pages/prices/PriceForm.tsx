import { useMutation } from "@tanstack/react-query";
import { Button, Form } from "react-aria-components";
import { savePrice, type Wire } from "../../api/client";
import { problemOf } from "../../api/errors";
import { Unsaved } from "../../app/Unsaved";
import { useDraft } from "../../app/useDraft";
import { useFormFocus } from "../../app/useFormFocus";
import { meanwhileOf } from "../../model/meanwhile";
import { draftFor, draftOf, MORE_RATES, NO_PRICE, type PriceDraft, priceOf } from "../../model/prices";
import controls from "../../ui/controls.module.css";
import { Field } from "../../ui/Field";
import { MeanwhileNotice } from "../../ui/MeanwhileNotice";
import styles from "./PricesPage.module.css";

type Price = Wire["PriceDetail"];

interface Props {
  /** As it is kept now; null for a new one, and for one that is gone. */
  now: Price | null;
  /** What a new one is for. */
  of: { model: string; provider: string | null } | null;
  all: readonly Price[];
  /** The id of what is said of rates. */
  told: string;
  onSaved: () => Promise<void>;
  /** It was not saved, perhaps since it is another one now. */
  onRefused: () => void;
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

/** Sets a price of one's own. Under another name it is another one. */
export function PriceForm({ now, of, all, told, onSaved, onRefused, onCancel }: Props) {
  const {
    draft: price,
    setDraft: setPrice,
    begun,
    initial,
    isChanged,
    begin,
  } = useDraft(now, (kept) => (kept ? draftOf(kept) : of ? draftFor(of.model, of.provider) : NO_PRICE));
  const name = price.name.trim();
  const before = begun?.name === name ? begun : null;
  const there = all.find((each) => each.name === name) ?? null;
  const save = useMutation({
    mutationFn: (over: Price | null) => savePrice(name, over, priceOf(price)),
    onSuccess: onSaved,
    onError: onRefused,
  });
  const write = (changes: Partial<PriceDraft>) => {
    if (save.error) save.reset();
    setPrice({ ...price, ...changes });
  };
  const form = useFormFocus(now !== null || of !== null);
  const meanwhile = save.isPending || save.isSuccess ? null : meanwhileOf(before, there);
  const missing = (["name", "model", "input", "output"] as const).some((key) => price[key].trim() === "");
  const field = (key: keyof PriceDraft, label: string, size: number, hint?: string) => (
    <Field
      key={key}
      label={label}
      value={price[key]}
      onChange={(text) => write({ [key]: text })}
      {...(label.endsWith("$") && { "aria-describedby": told })}
      problem={problemOf(save.error, key)}
      input={{ size, spellCheck: false, ...(hint && { placeholder: hint }) }}
    />
  );
  const day = (key: "from" | "to", label: string) => (
    <Field
      key={key}
      label={label}
      type={initial[key].includes("T") ? "datetime-local" : "date"}
      value={price[key]}
      onChange={(text) => write({ [key]: text })}
      problem={problemOf(save.error, key)}
      input={{ step: "any" }}
    />
  );
  return (
    <Form
      ref={form}
      className={`${controls.form} ${styles.form}`}
      aria-label="Own price"
      onSubmit={(event) => {
        event.preventDefault();
        if (!save.isPending) save.mutate(before);
      }}
    >
      <Unsaved when={isChanged} of={OWN_SEARCH} />
      {FIELDS.map(({ key, label, size, hint }) => field(key, label, size, hint))}
      <details open={[...Object.keys(MORE_RATES), "from", "to"].some((key) => initial[key as keyof PriceDraft] !== "")}>
        <summary>More rates and dates</summary>
        <div>
          {Object.entries(MORE_RATES).map(([key, label]) => field(key as keyof PriceDraft, `${label} $`, 6))}
          {day("from", "From (UTC)")}
          {day("to", "Until (UTC)")}
        </div>
      </details>
      <Button
        type="submit"
        className={controls.button}
        isDisabled={missing || meanwhile !== null}
        data-pending={save.isPending || undefined}
      >
        Save price
      </Button>
      {initial.model !== "" && (
        <Button className={controls.button} onPress={onCancel}>
          Cancel
        </Button>
      )}
      <MeanwhileNotice
        state={meanwhile}
        save={save}
        canSave={!missing}
        onShow={() => begin(there)}
        onSave={() => save.mutate(there)}
      />
    </Form>
  );
}
