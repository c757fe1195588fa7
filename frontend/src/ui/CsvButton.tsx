import { IconDownload } from "@tabler/icons-react";
import { Button } from "react-aria-components";
import { toCsv } from "../model/csv";
import styles from "./CopyButton.module.css";

interface Props {
  /** The file's name without its ending. */
  name: string;
  rows: () => Parameters<typeof toCsv>[0];
}

/** Saves the rows of a table that is on show as a file. */
export function CsvButton({ name, rows }: Props) {
  const save = () => {
    const url = URL.createObjectURL(new Blob([toCsv(rows())], { type: "text/csv" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = `${name}.csv`;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <Button className={styles.copy} aria-label="Download the table as CSV" onPress={save}>
      <IconDownload size={14} stroke={1.6} aria-hidden />
      <span>CSV</span>
    </Button>
  );
}
