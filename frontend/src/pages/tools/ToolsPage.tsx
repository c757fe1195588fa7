import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Button } from "react-aria-components";
import { codingSessionsQuery, codingToolsQuery, metricsQuery } from "../../app/signalQueries";
import { MetricChart } from "../../charts/MetricChart";
import { TimeRange } from "../../filter/FilterBar";
import bar from "../../filter/FilterBar.module.css";
import { TOOL_CHARTS, TOOLS_RANGE, type ToolsSearch } from "../../model/codingTools";
import { type Changes, withChanges } from "../../model/filters";
import { TOOLS, type Tool, toolLabel } from "../../model/logs";
import { usualFunction } from "../../model/metrics";
import controls from "../../ui/controls.module.css";
import { Failure } from "../../ui/Failure";
import { Loading, Page } from "../../ui/Page";
import { optionsOf, Select } from "../../ui/Select";
import { NoTools } from "./NoTools";
import { SessionTable } from "./SessionTable";
import styles from "./ToolsPage.module.css";
import { ToolTable } from "./ToolTable";

/** What was done with AI command-line tools: their sums, what their own metrics show, and their sessions. */
export function ToolsPage() {
  const search = useSearch({ from: "/session/tools" });
  const navigate = useNavigate({ from: "/tools" });
  const tools = useQuery(codingToolsQuery(search));
  const sessions = useInfiniteQuery(codingSessionsQuery(search));
  const { data: metrics = [] } = useQuery(metricsQuery(search, TOOLS_RANGE));
  const set = (changes: Changes<ToolsSearch>) => navigate({ search: withChanges(search, changes) });
  const used = tools.data ?? [];
  const charts = (search.tool ? [search.tool] : used.map(({ tool }) => tool as Tool)).flatMap((tool) =>
    (TOOL_CHARTS[tool] ?? []).flatMap((chart) => {
      const metric = metrics.find(({ name }) => name === chart.name);
      return metric ? [{ ...chart, tool, metric }] : [];
    }),
  );
  const error = tools.error ?? sessions.error;
  const any = { id: "" as const, label: "All" };
  return (
    <Page
      title="AI tools"
      scrolls
      bar={
        <section className={bar.bar} aria-label="Filters">
          <TimeRange search={search} otherwise={TOOLS_RANGE} onChange={set} />
          <Select<Tool | "">
            label="Tool"
            value={search.tool ?? ""}
            options={[any, ...optionsOf(TOOLS)]}
            onChange={(tool) => set({ tool: tool || undefined })}
          />
        </section>
      }
    >
      {error && <Failure error={error} onRetry={() => tools.refetch()} />}
      {tools.isPending && <Loading what="AI tools" />}
      {tools.data?.length === 0 && <NoTools search={search} />}
      {used.length > 0 && (
        <>
          <ToolTable search={search} tools={used.filter(({ tool }) => !search.tool || tool === search.tool)} />
          {charts.length > 0 && (
            <div className={styles.charts}>
              {charts.map(({ tool, title, metric, by, overlaps }) => (
                <MetricChart
                  key={`${metric.name} ${by}`}
                  title={search.tool ? title : `${toolLabel(tool)}: ${title.toLowerCase()}`}
                  metric={metric}
                  asked={{ function: metric.type === "gauge" ? usualFunction(metric.type) : "sum", by }}
                  form={overlaps ? "lines" : "bars"}
                  search={search}
                  otherwise={TOOLS_RANGE}
                  onRange={(range) => set({ range: undefined, ...range })}
                />
              ))}
            </div>
          )}
          <SessionTable search={search} sessions={sessions.data?.pages.flatMap((page) => page.sessions)} />
          {sessions.hasNextPage && (
            <Button
              className={`${controls.button} ${controls.more}`}
              isDisabled={sessions.isFetching}
              onPress={() => sessions.fetchNextPage()}
            >
              Show more
            </Button>
          )}
        </>
      )}
    </Page>
  );
}
