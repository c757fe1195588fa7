import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useId, useState } from "react";
import { Button } from "react-aria-components";
import { deletePrice, type Wire } from "../../api/client";
import { modelsQuery, pricesQuery } from "../../app/queries";
import { TimeRange } from "../../filter/FilterBar";
import bar from "../../filter/FilterBar.module.css";
import { DIRECTORY_RANGE } from "../../model/directory";
import { type Changes, withChanges } from "../../model/filters";
import { MORE_RATES, type PriceSearch } from "../../model/prices";
import { ConfirmButton } from "../../ui/ConfirmButton";
import controls from "../../ui/controls.module.css";
import { FoundTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Loading, Page } from "../../ui/Page";
import { Time } from "../../ui/Time";
import { whenEmpty } from "../../ui/whenEmpty";
import { ModelPrices } from "./ModelPrices";
import { PriceForm } from "./PriceForm";
import styles from "./PricesPage.module.css";
import { Reprice } from "./Reprice";

/** What the models that were used cost, which have no price, and the prices of one's own. */
export function PricesPage() {
  const search = useSearch({ from: "/session/prices" });
  const navigate = useNavigate({ from: "/prices" });
  const client = useQueryClient();
  const { model, provider, change, find: _, findOwn: __, ...view } = search;
  const models = useQuery(modelsQuery(view));
  // By cost they would come last, and of many models not at all.
  const unpriced = useQuery(modelsQuery({ ...view, unpriced: "1", order: "requests" }));
  const own = useQuery(pricesQuery);
  const [saved, setSaved] = useState(0);
  const refresh = () => {
    client.invalidateQueries({ queryKey: ["models"] });
    return client.invalidateQueries({ queryKey: pricesQuery.queryKey });
  };
  const remove = useMutation({ mutationFn: deletePrice, onSettled: refresh });
  const set = (changes: Changes<PriceSearch>, ignoreBlocker = false) =>
    navigate({ search: withChanges(search, changes), ignoreBlocker });
  const aboutRates = useId();
  const edited = own.data?.find(({ name }) => name === change);
  const close = () => set({ model: undefined, provider: undefined, change: undefined }, true);
  return (
    <Page
      title="Prices"
      scrolls
      bar={
        <section className={bar.bar} aria-label="Filters">
          <TimeRange search={view} otherwise={DIRECTORY_RANGE} onChange={set} />
        </section>
      }
    >
      {remove.error && <Failure error={remove.error} />}
      {models.error && <Failure error={models.error} onRetry={() => models.refetch()} />}
      {own.error && <Failure error={own.error} onRetry={() => own.refetch()} />}
      <div className={styles.parts}>
        <ModelPrices
          view={models.data?.view ?? {}}
          models={[...(unpriced.data?.models ?? []), ...(models.data?.models ?? [])]}
          empty={whenEmpty(models, "models", "No call in this time names its model.")}
          onPrice={(row) => set({ model: row.model, provider: row.provider ?? undefined, change: undefined })}
        />
        <section aria-label="Own prices">
          <h2>Own prices</h2>
          <p id={aboutRates}>
            In US dollars a million tokens, for models that the price data does not know and for negotiated rates.
          </p>
          {own.isPending ? (
            <Loading what="prices" />
          ) : (
            <PriceForm
              key={`${saved} ${change} ${model} ${provider}`}
              now={edited ?? null}
              of={model ? { model, provider: provider ?? null } : null}
              all={own.data ?? []}
              told={aboutRates}
              onSaved={async () => {
                await refresh();
                setSaved(saved + 1);
                close();
              }}
              onRefused={refresh}
              onCancel={close}
            />
          )}
          <FoundTable
            label="Own prices, in the order in which they are tried"
            columns={[
              { header: "Name", cell: ({ name }: Wire["PriceDetail"]) => name },
              { header: "Model", cell: ({ price }) => <code>{price.model}</code> },
              { header: "Provider", cell: ({ price }) => (price.provider ? <code>{price.provider}</code> : "any") },
              { header: "Input", number: true, cell: ({ price }) => `$${price.input}` },
              { header: "Output", number: true, cell: ({ price }) => `$${price.output}` },
              { header: "Others", cell: ({ price }) => others(price) },
              { header: "From", cell: ({ price }) => (price.from ? <Time iso={price.from} full /> : "–") },
              { header: "Until", cell: ({ price }) => (price.to ? <Time iso={price.to} full /> : "–") },
              {
                header: "Change",
                cell: (row) =>
                  row.origin === "file" ? (
                    "in the writer's file"
                  ) : (
                    <>
                      <Button
                        className={controls.action}
                        aria-label={`Change the price ${row.name}`}
                        onPress={() => set({ model: undefined, provider: undefined, change: row.name })}
                      >
                        Change
                      </Button>
                      <ConfirmButton
                        label="Delete"
                        what={`the price ${row.name}`}
                        onConfirm={() => remove.mutate(row)}
                      />
                    </>
                  ),
              },
            ]}
            rows={own.data ?? []}
            getId={({ origin, name }) => `${origin} ${name}`}
            textOf={({ name, price }) => `${name} ${price.model}`}
            sought="findOwn"
            empty={whenEmpty(own, "prices", "No price of your own: all come from the price data.")}
          />
        </section>
        <Reprice project={search.project} />
      </div>
    </Page>
  );
}

function others(price: Wire["NewPrice"]): string {
  return Object.entries(MORE_RATES)
    .flatMap(([key, label]) => {
      const rate = price[key as keyof typeof MORE_RATES];
      return rate ? [`${label.toLowerCase()} $${rate}`] : [];
    })
    .join(", ");
}
