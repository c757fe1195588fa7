import { Button } from "react-aria-components";
import type { Wire } from "../../api/client";
import { NO_SUMS, UNPRICED } from "../../model/analytics";
import type { ViewSearch } from "../../model/filters";
import { condition } from "../../model/filterText";
import { formatCount } from "../../model/format";
import { rateOf } from "../../model/prices";
import { dollars } from "../../model/trace";
import { Cost } from "../../ui/Cost";
import controls from "../../ui/controls.module.css";
import { type DataColumn, FoundTable } from "../../ui/DataTable";
import { SpansLink } from "../../ui/SpansLink";
import tables from "../../ui/table.module.css";

type Row = Wire["ModelUsage"];

interface Props {
  /** The view whose spans the models are counted from. */
  view: ViewSearch;
  /** One may be there twice. */
  models: readonly Row[];
  /** What stands there without them. */
  empty: string;
  onPrice: (row: Row) => void;
}

function idOf({ model, provider }: Row): string {
  return `${provider}/${model}`;
}

/** What each model that was used costs now; those with calls without a price come first. */
export function ModelPrices({ view, models, empty, onPrice }: Props) {
  const of = ({ model, provider }: Row) => [condition("model", model), provider ? condition("provider", provider) : ""];
  const rates: DataColumn<Row>[] = (["input", "output", "cached"] as const).map((kind) => ({
    header: { input: "Input", output: "Output", cached: "Cached input" }[kind],
    number: true,
    cell: ({ price }) => rateOf(price, kind),
  }));
  const columns: DataColumn<Row>[] = [
    {
      header: "Model",
      cell: (row) => (
        <SpansLink view={view} filters={of(row)}>
          {row.model}
        </SpansLink>
      ),
    },
    { header: "Provider", cell: ({ provider }) => <span className={tables.quiet}>{provider ?? "–"}</span> },
    ...rates,
    {
      header: "Price of",
      cell: ({ price }) =>
        price ? (
          <span
            title={Object.entries(price.rates)
              .map(([name, rate]) => `${name}: ${rate}`)
              .join("\n")}
          >
            {price.source}
          </span>
        ) : (
          <span className={tables.bad}>nobody</span>
        ),
    },
    {
      header: "Cost",
      number: true,
      cell: (row) => (
        <SpansLink view={view} filters={[...of(row), "cost:>0", NO_SUMS]}>
          <Cost usd={dollars(row.usage.cost)} unpriced={row.usage.unpriced_count} />
        </SpansLink>
      ),
    },
    {
      header: "Without a price",
      number: true,
      cell: (row) =>
        row.usage.unpriced_count === 0 ? (
          <span className={tables.quiet}>–</span>
        ) : (
          <SpansLink view={view} filters={[...of(row), UNPRICED]}>
            {formatCount(row.usage.unpriced_count)}
          </SpansLink>
        ),
    },
    {
      header: "Own price",
      cell: (row) => (
        <Button className={controls.action} aria-label={`Set a price of ${row.model}`} onPress={() => onPrice(row)}>
          Set
        </Button>
      ),
    },
  ];
  const byName = new Map(models.map((row) => [idOf(row), row]));
  const rows = [...byName.values()].sort((a, b) => b.usage.unpriced_count - a.usage.unpriced_count);
  return (
    <section aria-label="Models">
      <h2>Models in use</h2>
      <p>What a million tokens cost now. A call that no price is known of is counted as unpriced, never as free.</p>
      <FoundTable
        label="Models and their prices"
        columns={columns}
        rows={rows}
        getId={idOf}
        textOf={({ model, provider }) => `${provider ?? ""} ${model}`}
        empty={empty}
      />
    </section>
  );
}
