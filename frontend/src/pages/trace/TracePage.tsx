import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { ApiError } from "../../api/errors";
import { NARROW, useMedia } from "../../app/hooks";
import { traceQuery } from "../../app/queries";
import { criticalPath, found, nextOf } from "../../model/emphasis";
import { DEFAULT_PROJECT, inProject } from "../../model/filters";
import { reveal, type TreeState } from "../../model/rows";
import type { TraceDetail } from "../../model/span";
import { buildTree, firstFailure } from "../../model/tree";
import { Failure } from "../../ui/Failure";
import { SpanFinder } from "./SpanFinder";
import { SpanPanel } from "./SpanPanel";
import { SpanTreeGrid } from "./SpanTreeGrid";
import { TraceHeader } from "./TraceHeader";
import styles from "./TracePage.module.css";

const NOTHING_COLLAPSED: ReadonlySet<string> = new Set();

export function TracePage() {
  const { traceId } = useParams({ from: "/session/traces/$traceId" });
  const search = useSearch({ from: "/session/traces/$traceId" });
  const project = search.project ?? DEFAULT_PROJECT;
  const query = useQuery(traceQuery(project, traceId));
  return (
    <div className={styles.page}>
      <title>{`${query.data?.trace.name ?? "Trace"} · LLMFlow`}</title>
      {query.data && <TraceView key={`${project}/${traceId}`} detail={query.data} />}
      {query.isPending && !query.error && <p className={styles.loading}>Loading the trace…</p>}
      {query.error && !query.data && (
        <Failure error={query.error} onRetry={() => query.refetch()} page>
          {query.error instanceof ApiError && query.error.status === 404 && (
            <p>
              Its spans may not have arrived yet, or their retention is over.{" "}
              <Link to="/traces" search={inProject(project)}>
                All traces
              </Link>
            </p>
          )}
        </Failure>
      )}
    </div>
  );
}

function TraceView({ detail: { trace, spans, scores } }: { detail: TraceDetail }) {
  const search = useSearch({ from: "/session/traces/$traceId" });
  const navigate = useNavigate({ from: "/traces/$traceId" });
  const narrow = useMedia(NARROW);
  const tree = useMemo(() => buildTree(spans), [spans]);
  const [collapsed, setCollapsed] = useState(NOTHING_COLLAPSED);
  const wanted = search.span && tree.indexOf.has(search.span) ? search.span : null;
  const selected = wanted ?? (narrow ? null : (tree.nodes[0]?.key ?? null));
  const state: TreeState = { selected, collapsed };

  const setState = (next: TreeState) => {
    if (next.collapsed !== collapsed) setCollapsed(next.collapsed);
    if (next.selected === null || next.selected === selected) return;
    navigate({ search: { ...search, span: next.selected }, replace: !narrow });
  };
  const node = tree.nodes[tree.indexOf.get(selected ?? "") ?? -1];
  const matches = useMemo(() => found(tree, search.find), [tree, search.find]);
  const path = useMemo(() => (search.critical ? criticalPath(tree) : null), [tree, search.critical]);
  const failure = useMemo(() => firstFailure(spans), [spans]);
  const select = (key: string) => setState(reveal(tree, state, key));
  const toNext = () => {
    const next = matches && nextOf(tree, matches, selected);
    if (next) select(next);
  };
  const onePane = narrow && node !== undefined;
  return (
    <>
      <TraceHeader
        trace={trace}
        brief={onePane}
        failure={failure}
        onFailure={() => failure && setCollapsed(reveal(tree, state, failure.id).collapsed)}
      />
      <div className={styles.panes}>
        {!onePane && (
          <SpanTreeGrid
            tree={tree}
            state={state}
            emphasis={matches ?? path}
            finder={
              <SpanFinder
                text={search.find ?? ""}
                count={matches?.size ?? null}
                critical={Boolean(search.critical)}
                onText={(find) => navigate({ search: { ...search, find }, replace: true })}
                onNext={toNext}
                onCritical={(on) => navigate({ search: { ...search, critical: on ? "1" : undefined }, replace: true })}
              />
            }
            onChange={setState}
            onSelect={select}
          />
        )}
        {node && (
          <SpanPanel
            key={node.key}
            trace={trace}
            tree={tree}
            node={node}
            scores={scores}
            tab={search.tab}
            onTab={(tab) => navigate({ search: { ...search, tab }, replace: true })}
            onClose={onePane ? () => navigate({ search: { ...search, span: undefined }, replace: true }) : undefined}
          />
        )}
      </div>
    </>
  );
}
