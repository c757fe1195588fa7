import { Button } from "react-aria-components";
import { type DirectorySearch, MOST, SHOWN } from "../../model/directory";
import { formatCount } from "../../model/format";
import controls from "../../ui/controls.module.css";

interface Props<S> {
  /** What is listed. */
  noun: string;
  /** How many are shown. */
  count: number;
  /** How to come to others, where no more can be shown. */
  hint: string;
  search: S;
  onChange: (search: S) => void;
}

/** Below a list that shows the largest: more of them, or that there may be others. */
export function Rest<S extends DirectorySearch>({ noun, count, hint, search, onChange }: Props<S>) {
  if (count < Number(search.top ?? SHOWN)) return null;
  if (search.top) return <p className={controls.more}>{`The ${MOST} ${noun} with the most are shown. ${hint}`}</p>;
  return (
    <Button className={`${controls.button} ${controls.more}`} onPress={() => onChange({ ...search, top: MOST })}>
      {`Show more than ${formatCount(SHOWN)}`}
    </Button>
  );
}
