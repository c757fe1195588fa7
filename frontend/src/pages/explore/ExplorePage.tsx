import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { analyticsQuery } from "../../app/queries";
import { ChartCard } from "../../charts/ChartCard";
import { FilterBar, isFilterError } from "../../filter/FilterBar";
import {
  courseOfAnswer,
  EXPLORE_RANGE,
  type ExploreSearch,
  METRICS,
  MOST_GROUPS,
  periodBefore,
  questionOf,
  titleOf,
} from "../../model/explore";
import { CopyButton } from "../../ui/CopyButton";
import { Failure } from "../../ui/Failure";
import { Page } from "../../ui/Page";
import { Groups } from "./Groups";
import { QuestionBar } from "./QuestionBar";

const HEIGHT = 280;

/** Any metric by any dimension over time, drawn and as a table; the URL is the question. */
export function ExplorePage() {
  const search = useSearch({ from: "/session/explore" });
  const navigate = useNavigate({ from: "/explore" });
  const question = questionOf(search);
  const { metric, aggregation, by, interval, limit } = question;
  const measure = { metric, aggregation, ...(by.length > 0 && { groupBy: by.join(",") }) };
  const query = useQuery(analyticsQuery(search, EXPLORE_RANGE, { ...measure, interval, limit }));
  const answer = query.data?.metric === metric ? query.data : undefined;
  const earlier = useQuery({
    ...analyticsQuery(
      { ...search, range: undefined, ...(answer && periodBefore(answer)) } as ExploreSearch,
      EXPLORE_RANGE,
      by.length > 0 ? { ...measure, limit: MOST_GROUPS } : { ...measure, interval },
    ),
    enabled: question.compare && answer !== undefined,
  });
  const before = question.compare && earlier.data?.metric === metric ? earlier.data : undefined;
  const error = query.error ?? earlier.error;
  const show = (next: ExploreSearch) => navigate({ search: next });
  return (
    <Page
      title="Explore"
      scrolls
      beside={<CopyButton what="link" text={() => window.location.href} label="Copy link" />}
      bar={
        <>
          <FilterBar search={search} error={error} otherwise={EXPLORE_RANGE} onChange={show} />
          <QuestionBar search={search} question={question} onChange={show} />
        </>
      }
    >
      {error && !isFilterError(error) && <Failure error={error} onRetry={() => query.refetch()} />}
      {!query.error && (
        <ChartCard
          title={titleOf(question)}
          course={courseOfAnswer(question, answer, before)}
          search={search}
          filter={METRICS[metric].filter}
          form={question.form}
          height={HEIGHT}
          onRange={(range) => show({ ...search, range: undefined, ...range } as ExploreSearch)}
        />
      )}
      {answer && !query.error && <Groups question={question} search={search} answer={answer} before={before} />}
    </Page>
  );
}
