import { useNavigate, useSearch } from "@tanstack/react-router";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { SETTINGS_TABS, type SettingsTab } from "../../model/administration";
import { DEFAULT_PROJECT, inProject } from "../../model/filters";
import { Page } from "../../ui/Page";
import tabs from "../../ui/tabs.module.css";
import { ApiKeys } from "./ApiKeys";
import { Audit } from "./Audit";
import { Projects } from "./Projects";
import { ThisProject } from "./ThisProject";

/** Projects, the keys by which programs reach them, and who changed what. */
export function SettingsPage() {
  const search = useSearch({ from: "/session/settings" });
  const navigate = useNavigate({ from: "/settings" });
  const project = search.project ?? DEFAULT_PROJECT;
  return (
    <Page title="Settings" scrolls>
      <Tabs
        selectedKey={search.tab ?? "keys"}
        onSelectionChange={(tab) => navigate({ search: { ...inProject(search.project), tab: tab as SettingsTab } })}
      >
        <TabList aria-label="Settings" className={tabs.list}>
          {Object.entries(SETTINGS_TABS).map(([id, label]) => (
            <Tab key={id} id={id} className={tabs.tab}>
              {label}
            </Tab>
          ))}
        </TabList>
        <TabPanel id="keys" className={tabs.panel}>
          <ApiKeys key={project} project={project} />
        </TabPanel>
        <TabPanel id="project" className={tabs.panel}>
          <ThisProject key={project} project={project} />
        </TabPanel>
        <TabPanel id="projects" className={tabs.panel}>
          <Projects />
        </TabPanel>
        <TabPanel id="audit" className={tabs.panel}>
          <Audit
            project={project}
            own={search.own === "1"}
            onOwn={(own) =>
              navigate({ search: { ...inProject(search.project), tab: "audit", ...(own && { own: "1" as const }) } })
            }
          />
        </TabPanel>
      </Tabs>
    </Page>
  );
}
