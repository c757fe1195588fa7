import { IconArrowLeft, IconArrowsDiff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";
import { Button, Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import type { Wire } from "../../api/client";
import { useShortcuts } from "../../app/hooks";
import { addressesQuery, spanQuery } from "../../app/queries";
import { sideOf } from "../../model/compare";
import { isEmpty } from "../../model/conversation";
import { inProject, type SpanTab } from "../../model/filters";
import { replayOf } from "../../model/replay";
import { sendTo } from "../../model/snippets";
import type { SpanDetail } from "../../model/span";
import type { Trace } from "../../model/trace";
import type { SpanNode, SpanTree } from "../../model/tree";
import { CopyButton } from "../../ui/CopyButton";
import { Failure } from "../../ui/Failure";
import { Json } from "../../ui/Json";
import { TypeMark } from "../../ui/TypeMark";
import tabs from "../../ui/tabs.module.css";
import { Attributes } from "./Attributes";
import { Conversation } from "./Conversation";
import { Events } from "./Events";
import { Scores } from "./Scores";
import { SpanErrors } from "./SpanErrors";
import { SpanFacts } from "./SpanFacts";
import styles from "./SpanPanel.module.css";
import { Timing } from "./Timing";

interface Props {
  trace: Trace;
  tree: SpanTree;
  node: SpanNode;
  scores: readonly Wire["Score"][];
  tab: SpanTab | undefined;
  onTab: (tab: SpanTab) => void;
  /** Given when the panel hides the tree. */
  onClose: (() => void) | undefined;
}

/** Everything about one span: its facts at once, its content as soon as it is loaded. */
export function SpanPanel({ trace, tree, node, scores, tab, onTab, onClose }: Props) {
  const { span } = node;
  const navigate = useNavigate();
  const compared = { ...inProject(trace.project), a: sideOf({ traceId: trace.id, spanId: span.id }) };
  useShortcuts({ c: () => navigate({ to: "/compare", search: compared }) });
  const query = useQuery(spanQuery(trace.project, trace.id, span.id));
  const { data: addresses } = useQuery(addressesQuery);
  const replay = useMemo(() => {
    if (!query.data || !addresses) return null;
    return replayOf(span, query.data, sendTo(addresses, window.location.hostname).proxy, trace.project);
  }, [span, query.data, addresses, trace.project]);
  return (
    <section className={styles.panel} aria-label="Span details">
      <div className={styles.head}>
        {onClose && (
          <Button className={styles.back} onPress={onClose}>
            <IconArrowLeft size={16} stroke={1.8} aria-hidden />
            All spans
          </Button>
        )}
        <div className={styles.title}>
          <TypeMark type={span.type} />
          <h2 title={span.name}>{span.name}</h2>
          <span className={styles.copies}>
            <CopyButton what="span ID" text={span.id} label="ID" />
            {query.data && (
              <CopyButton what="span as JSON" text={() => JSON.stringify(query.data.json, null, 2)} label="JSON" />
            )}
            {replay && <CopyButton what="call as cURL" text={replay.curl} label="cURL" />}
            {replay && <CopyButton what="call as Python" text={replay.python} label="Python" />}
            <Link to="/compare" search={compared} className={styles.compare}>
              <IconArrowsDiff size={14} stroke={1.6} aria-hidden />
              Compare
            </Link>
          </span>
        </div>
      </div>
      <SpanErrors span={span} detail={query.data} />
      <SpanFacts trace={trace} span={span} detail={query.data} />
      {query.isPending && !query.error && <p className={styles.loading}>Loading the content…</p>}
      {query.error && <Failure error={query.error} onRetry={() => query.refetch()} />}
      {query.data && (
        <Content
          detail={query.data}
          judged={scores.filter((score) => score.span_id === null || score.span_id === span.id).length}
          scores={<Scores key={span.id} trace={trace} span={span} scores={scores} />}
          timing={<Timing tree={tree} index={tree.indexOf.get(node.key) ?? 0} span={span} detail={query.data} />}
          tab={tab}
          onTab={onTab}
        />
      )}
    </section>
  );
}

interface ContentProps {
  detail: SpanDetail;
  judged: number;
  scores: ReactNode;
  timing: ReactNode;
  tab: SpanTab | undefined;
  onTab: (tab: SpanTab) => void;
}

function Content({ detail, judged, scores, timing, tab, onTab }: ContentProps) {
  const silent = isEmpty(detail.conversation);
  const happened = detail.events.length + detail.links.length;
  return (
    <Tabs selectedKey={tab ?? (silent ? "attributes" : "messages")} onSelectionChange={(key) => onTab(key as SpanTab)}>
      <TabList aria-label="Parts of the span" className={`${tabs.list} ${styles.tabList}`}>
        <Tab id="messages" className={tabs.tab}>
          Messages
        </Tab>
        <Tab id="timing" className={tabs.tab}>
          Timing
        </Tab>
        <Tab id="attributes" className={tabs.tab}>
          Attributes
        </Tab>
        <Tab id="events" className={tabs.tab}>
          Events{happened > 0 && <span className={tabs.count}>{happened}</span>}
        </Tab>
        <Tab id="scores" className={tabs.tab}>
          Scores{judged > 0 && <span className={tabs.count}>{judged}</span>}
        </Tab>
        <Tab id="raw" className={tabs.tab}>
          Raw
        </Tab>
      </TabList>
      <TabPanel id="messages" className={styles.content}>
        {silent ? (
          <p className={styles.none}>This span has no recorded content.</p>
        ) : (
          <Conversation conversation={detail.conversation} />
        )}
      </TabPanel>
      <TabPanel id="timing" className={styles.content}>
        {timing}
      </TabPanel>
      <TabPanel id="attributes" className={styles.content}>
        <Attributes detail={detail} />
      </TabPanel>
      <TabPanel id="events" className={styles.content}>
        <Events detail={detail} />
      </TabPanel>
      <TabPanel id="scores" className={styles.content}>
        {scores}
      </TabPanel>
      <TabPanel id="raw" className={styles.content}>
        <p className={styles.none}>The content as it was received, by attribute.</p>
        {Object.entries(detail.rawContent).map(([name, value]) => (
          <section key={name} className={styles.raw} aria-label={name}>
            <h3>{name}</h3>
            <Json value={value} label={name} />
          </section>
        ))}
      </TabPanel>
    </Tabs>
  );
}
