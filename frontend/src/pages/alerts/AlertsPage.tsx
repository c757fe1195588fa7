import { useNavigate, useSearch } from "@tanstack/react-router";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { ALERT_TABS, type AlertSearch, type AlertTab } from "../../model/alerts";
import { DEFAULT_PROJECT, inProject } from "../../model/filters";
import { Page } from "../../ui/Page";
import tabs from "../../ui/tabs.module.css";
import { Budgets } from "./Budgets";
import { Channels } from "./Channels";
import { History } from "./History";
import { Rules } from "./Rules";

/** What a part of the page is given: the project, what is written now, and how to write something else, or no more. */
export interface PartProps {
  project: string;
  edit: string | undefined;
  onEdit: (id: string | undefined) => void;
}

/** Rules and budgets of a project, what they have told, and who is told. */
export function AlertsPage() {
  const search = useSearch({ from: "/session/alerts" });
  const navigate = useNavigate({ from: "/alerts" });
  const project = search.project ?? DEFAULT_PROJECT;
  const tab = search.tab ?? "rules";
  const show = (next: AlertSearch, ignoreBlocker = false) =>
    navigate({ search: { ...inProject(search.project), ...next }, ignoreBlocker });
  const part: PartProps = {
    project,
    edit: search.edit,
    onEdit: (edit) =>
      show({ tab, ...(edit && { edit }), ...(search.find && { find: search.find }) }, edit === undefined),
  };
  return (
    <Page title="Alerts" scrolls>
      <Tabs selectedKey={tab} onSelectionChange={(key) => show({ tab: key as AlertTab })}>
        <TabList aria-label="Alerts" className={tabs.list}>
          {Object.entries(ALERT_TABS).map(([id, label]) => (
            <Tab key={id} id={id} className={tabs.tab}>
              {label}
            </Tab>
          ))}
        </TabList>
        <TabPanel id="rules" className={tabs.panel}>
          <Rules key={project} {...part} />
        </TabPanel>
        <TabPanel id="budgets" className={tabs.panel}>
          <Budgets key={project} {...part} />
        </TabPanel>
        <TabPanel id="history" className={tabs.panel}>
          <History key={project} project={project} />
        </TabPanel>
        <TabPanel id="channels" className={tabs.panel}>
          <Channels {...part} />
        </TabPanel>
      </Tabs>
    </Page>
  );
}
