import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { addressesQuery, projectDetailsQuery } from "../../app/queries";
import { DEFAULT_PROJECT, inProject } from "../../model/filters";
import { sendTo, snippets } from "../../model/snippets";
import { CopyButton } from "../../ui/CopyButton";
import styles from "../../ui/empty.module.css";
import tabs from "../../ui/tabs.module.css";

/** What a project without traces shows: how to send the first one. */
export function FirstRun({ project }: { project: string }) {
  const { data: projects = [] } = useQuery(projectDetailsQuery);
  const others = projects.map(({ name }) => name).filter((name) => name !== project && name !== DEFAULT_PROJECT);
  return (
    <section className={styles.empty} aria-label="Send a first trace">
      <h2>
        {project === DEFAULT_PROJECT ? "No traces yet" : `No traces in ${project} yet`}
        <span className={styles.waiting}>waiting for the first one…</span>
      </h2>
      {others.length > 0 && (
        <p className={styles.others}>
          Other projects:{" "}
          {others.map((name, index) => (
            <span key={name}>
              {index > 0 && ", "}
              <Link to="/traces" search={inProject(name)}>
                {name}
              </Link>
            </span>
          ))}
          .
        </p>
      )}
      <HowToSend project={project} />
    </section>
  );
}

/** What to paste where, with the addresses of this deployment. */
export function HowToSend({ project }: { project: string }) {
  const { data: addresses } = useQuery(addressesQuery);
  if (!addresses) return null;
  const to = sendTo(addresses, window.location.hostname);
  const choices = snippets(to, project);
  return (
    <>
      <p>
        Point an application’s base URL at the LLMFlow proxy, <code>{to.proxy}</code>, or send OpenTelemetry to{" "}
        <code>{to.otlp}</code>. The trace shows up here as soon as it arrives.
      </p>
      <Tabs className={styles.tabs}>
        <TabList aria-label="Ways to send a trace" className={`${tabs.list} ${styles.ways}`}>
          {choices.map(({ id, label }) => (
            <Tab key={id} id={id} className={tabs.tab}>
              {label}
            </Tab>
          ))}
        </TabList>
        {choices.map(({ id, label, code }) => (
          <TabPanel key={id} id={id} className={styles.panel}>
            <pre>{code}</pre>
            <div className={styles.copy}>
              <CopyButton what={`${label} snippet`} text={code} label="Copy" />
            </div>
          </TabPanel>
        ))}
      </Tabs>
      <p className={styles.hint}>
        No application at hand? <code>llmflow demo</code> sends sample traffic. Where the proxy or the receiver asks for
        an API key,{" "}
        <Link to="/settings" search={inProject(project)}>
          make one
        </Link>{" "}
        and send it along.
      </p>
    </>
  );
}
