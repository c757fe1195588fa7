import { useNavigate, useSearch } from "@tanstack/react-router";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { SETTINGS_TABS, type SettingsTab } from "../../model/administration";
import { DEFAULT_PROJECT } from "../../model/filters";
import { Page } from "../../ui/Page";
import tabs from "../../ui/tabs.module.css";
import { ApiKeys } from "./ApiKeys";
import { Audit } from "./Audit";
import { Projects } from "./Projects";
import styles from "./settings.module.css";

/** Projects, the keys by which programs reach them, and who changed what. */
export function SettingsPage() {
  const search = useSearch({ from: "/session/settings" });
  const navigate = useNavigate({ from: "/settings" });
  const project = search.project ?? DEFAULT_PROJECT;
  return (
    <Page title="Settings" scrolls>
      <Tabs
        selectedKey={search.tab ?? "keys"}
        onSelectionChange={(tab) => navigate({ search: { ...search, tab: tab as SettingsTab } })}
      >
        <TabList aria-label="Settings" className={tabs.list}>
          {Object.entries(SETTINGS_TABS).map(([id, label]) => (
            <Tab key={id} id={id} className={tabs.tab}>
              {label}
            </Tab>
          ))}
        </TabList>
        <TabPanel id="keys" className={styles.panel}>
          <ApiKeys key={project} project={project} />
        </TabPanel>
        <TabPanel id="projects" className={styles.panel}>
          <Projects />
        </TabPanel>
        <TabPanel id="audit" className={styles.panel}>
          <Audit />
        </TabPanel>
      </Tabs>
    </Page>
  );
}
