import { IconArrowsLeftRight } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Suspense, useMemo } from "react";
import { Button } from "react-aria-components";
import { spanQuery, traceQuery } from "../../app/queries";
import {
  compareFacts,
  compareSteps,
  differingAttributes,
  type Place,
  placeOf,
  type Side,
  sideOf,
  transcript,
} from "../../model/compare";
import { DEFAULT_PROJECT, inProject } from "../../model/filters";
import { formatDuration } from "../../model/format";
import { buildTree } from "../../model/tree";
import controls from "../../ui/controls.module.css";
import { DataTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { lazyPart } from "../../ui/lazyPart";
import { Loading, Page } from "../../ui/Page";
import { Chooser } from "./Chooser";
import styles from "./ComparePage.module.css";

const TextDiff = lazyPart(() => import("./TextDiff"));
const MOST_STEPS = 100;

/** Two traces, or two spans, side by side. */
export function ComparePage() {
  const search = useSearch({ from: "/session/compare" });
  const navigate = useNavigate({ from: "/compare" });
  const [a, b] = [placeOf(search.a), placeOf(search.b)];
  const [left, right] = [useSide(search.project, a), useSide(search.project, b)];
  const choose = (side: "a" | "b", place: Place) => navigate({ search: { ...search, [side]: sideOf(place) } });
  const error = left.error ?? right.error;
  const one = left.side;
  return (
    <Page
      title="Compare"
      scrolls
      beside={
        a &&
        b && (
          <Button
            className={controls.button}
            onPress={() => navigate({ search: { ...search, a: search.b, b: search.a }, replace: true })}
          >
            <IconArrowsLeftRight size={15} stroke={1.6} aria-hidden /> Swap
          </Button>
        )
      }
    >
      {error && <Failure error={error} />}
      {!error && ((a && !left.side) || (b && !right.side)) && <Loading what="both sides" />}
      {left.side && right.side && <Comparison a={left.side} b={right.side} />}
      {(!a || !b) && (
        <Chooser
          key={a ? "b" : "a"}
          project={search.project}
          like={
            one && a
              ? { name: one.span?.name ?? rootOf(one).name, spanId: one.span?.id ?? null, traceId: one.trace.id }
              : null
          }
          onChoose={(place) => choose(a ? "b" : "a", place)}
        />
      )}
    </Page>
  );
}

function rootOf({ tree, trace }: Side): { name: string } {
  return tree.nodes[0]?.span ?? trace;
}

/** One side, loaded; a trace as a whole comes with its root's content. */
function useSide(project = DEFAULT_PROJECT, place: Place | null): { side: Side | null; error: Error | null } {
  const trace = useQuery({ ...traceQuery(project, place?.traceId ?? ""), enabled: place !== null });
  const tree = useMemo(() => (trace.data ? buildTree(trace.data.spans) : null), [trace.data]);
  const spanId = place?.spanId ?? tree?.nodes[0]?.span.id;
  const detail = useQuery({
    ...spanQuery(project, place?.traceId ?? "", spanId ?? ""),
    enabled: place !== null && spanId !== undefined,
  });
  const side = useMemo(() => {
    if (!place || !trace.data || !tree || !detail.data) return null;
    const span = place.spanId === null ? null : tree.nodes[tree.indexOf.get(place.spanId) ?? -1]?.span;
    return span === undefined ? null : { trace: trace.data.trace, tree, span, detail: detail.data };
  }, [place, trace.data, tree, detail.data]);
  return { side, error: trace.error ?? detail.error };
}

function Comparison({ a, b }: { a: Side; b: Side }) {
  const attributes = useMemo(() => differingAttributes(a.detail, b.detail), [a, b]);
  return (
    <div className={styles.comparison}>
      <DataTable
        label="Facts"
        columns={[
          { header: "Fact", cell: (fact) => fact.name },
          { header: "A", cell: (fact) => (fact.name === "Name" ? <SideLink side={a} /> : fact.a) },
          { header: "B", cell: (fact) => (fact.name === "Name" ? <SideLink side={b} /> : fact.b) },
          { header: "Change", cell: (fact) => fact.change },
        ]}
        rows={compareFacts(a, b)}
        getId={(fact) => fact.name}
        empty=""
      />
      {(["input", "output"] as const).map((part) => (
        <section key={part} aria-labelledby={part}>
          <h2 id={part}>{part === "input" ? "Input" : "Output"}</h2>
          <Suspense fallback={<Loading what="the texts" />}>
            <TextDiff
              what={part}
              a={transcript(a.detail.conversation[part])}
              b={transcript(b.detail.conversation[part])}
            />
          </Suspense>
        </section>
      ))}
      {!a.span && !b.span && (
        <div>
          <h2>Steps, by difference in time</h2>
          <DataTable
            label="Steps"
            columns={[
              { header: "Step", cell: (step) => step.name },
              { header: "A", number: true, cell: (step) => step.a.count },
              { header: "B", number: true, cell: (step) => step.b.count },
              { header: "Time in A", number: true, cell: (step) => formatDuration(step.a.durationNs) },
              { header: "Time in B", number: true, cell: (step) => formatDuration(step.b.durationNs) },
            ]}
            rows={compareSteps(a.tree, b.tree).slice(0, MOST_STEPS)}
            getId={(step) => step.name}
            empty=""
          />
        </div>
      )}
      <div>
        <h2>Attributes that differ</h2>
        <DataTable
          label="Attributes that differ"
          columns={[
            { header: "Attribute", cell: ({ name }) => <code>{name}</code> },
            { header: "A", cell: (attribute) => <span className={styles.value}>{attribute.a ?? "–"}</span> },
            { header: "B", cell: (attribute) => <span className={styles.value}>{attribute.b ?? "–"}</span> },
          ]}
          rows={attributes}
          getId={({ name }) => name}
          empty="None."
        />
      </div>
    </div>
  );
}

function SideLink({ side: { trace, span } }: { side: Side }) {
  return (
    <Link
      to="/traces/$traceId"
      params={{ traceId: trace.id }}
      search={{ ...inProject(trace.project), ...(span && { span: span.id }) }}
    >
      {span?.name ?? trace.name}
    </Link>
  );
}
