import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { spanQuery, traceQuery } from "../../app/queries";
import { type Message, paired } from "../../model/conversation";
import type { Span } from "../../model/span";
import type { Trace } from "../../model/trace";
import { firstFailure } from "../../model/tree";
import { newInput, speakersOf, type ToolUse, toolsOf } from "../../model/turns";

/** What is known of a turn beyond its trace's summary. */
interface TurnContent {
  asked: Message[];
  answered: Message[];
  tools: ToolUse[];
  failure: Span | undefined;
  /** What is asked or answered is still on its way. */
  isLoading: boolean;
  error: Error | null;
  retry: () => void;
}

/** Loads a turn's whole content: of its root, and what that does not say, of its first and last generation. */
export function useTurn(trace: Trace): TurnContent {
  const outline = useQuery(traceQuery(trace.project, trace.id));
  const spans = outline.data?.spans;
  const { lead, asked, answered } = useMemo(() => speakersOf(spans ?? []), [spans]);
  const root = useContent(trace, lead);
  const said = root.data?.conversation;
  const first = useContent(trace, said?.input.length === 0 ? asked : undefined);
  const last = useContent(trace, said?.output.length === 0 ? answered : undefined);
  const question = first.data?.conversation ?? said;
  const answer = last.data?.conversation ?? said;
  const failed = [outline, root, first, last].find(({ error }) => error);
  return {
    asked: useMemo(() => paired(question ? newInput(question) : []), [question]),
    answered: useMemo(() => paired(answer?.output ?? []), [answer]),
    tools: useMemo(() => toolsOf(spans ?? []), [spans]),
    failure: useMemo(() => firstFailure(spans ?? []), [spans]),
    isLoading: !failed && (outline.isPending || [root, first, last].some(({ isLoading }) => isLoading)),
    error: failed?.error ?? null,
    retry: () => failed?.refetch(),
  };
}

function useContent(trace: Trace, span: Span | undefined) {
  return useQuery({ ...spanQuery(trace.project, trace.id, span?.id ?? ""), enabled: span !== undefined });
}
