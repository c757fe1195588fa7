import { useQuery } from "@tanstack/react-query";
import { useNavigate, useRouter, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import {
  Autocomplete,
  Dialog,
  Header,
  Input,
  Menu,
  MenuItem,
  MenuSection,
  Modal,
  ModalOverlay,
  TextField,
} from "react-aria-components";
import { DEFAULT_PROJECT, inProject } from "../model/filters";
import { firstOf } from "../model/find";
import { formatCount } from "../model/format";
import { writeClipboard } from "../ui/CopyButton";
import field from "../ui/field.module.css";
import { useCommands } from "./Commands";
import styles from "./Commands.module.css";
import { useLeave } from "./leave";
import { PAGES, pageAt } from "./navigation";
import { useProjectChange, useProjectChoices } from "./ProjectSwitch";
import { setTheme, THEMES } from "./theme";
import { useOpeningSearch, viewsQuery } from "./views";

interface Command {
  id: string;
  label: string;
  /** Beside the label. */
  hint?: string;
  run: () => unknown;
}

/** Everything one can go to or do, found by typing. */
export default function CommandPalette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const all = useGroups().map(({ name, commands }) => {
    const { found, more } = firstOf(commands, ({ label }) => `${label} ${name}`, text, MOST);
    return { name, commands: found, more };
  });
  // Any text can be looked for, so what is of that name comes first.
  const groups = [...all, ...useTyped(text.trim())].filter(({ commands }) => commands.length > 0);
  const commands = new Map(groups.flatMap((group) => group.commands).map((command) => [command.id, command]));
  return (
    <ModalOverlay className={styles.overlay} isOpen onOpenChange={onClose} isDismissable>
      <Modal className={styles.palette}>
        <Dialog className={styles.dialog} aria-label="Commands">
          <Autocomplete inputValue={text} onInputChange={setText}>
            <TextField className={styles.field} aria-label="Search commands" autoFocus>
              <Input className={styles.input} placeholder="Go to a page, a project, a view, a trace id…" />
            </TextField>
            <Menu
              className={styles.commands}
              aria-label="Commands"
              onAction={(id) => {
                onClose();
                commands.get(String(id))?.run();
              }}
              renderEmptyState={() => <p className={styles.nothing}>Nothing by that name.</p>}
            >
              {groups.map(({ name, commands, more }) => (
                <MenuSection key={name}>
                  <Header className={styles.group}>
                    {name}
                    {more > 0 && `: ${formatCount(more)} more by typing`}
                  </Header>
                  {commands.map(({ id, label, hint }) => (
                    <MenuItem key={id} id={id} className={`${field.option} ${styles.command}`} textValue={label}>
                      <span>{label}</span>
                      {hint && <span className={styles.hint}>{hint}</span>}
                    </MenuItem>
                  ))}
                </MenuSection>
              ))}
            </Menu>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

/** Of more commands of a kind the first are shown. */
const MOST = 20;

interface Group {
  name: string;
  commands: readonly Command[];
}

/** What can be made of the typed text, whatever it is. */
function useTyped(text: string): (Group & { more: number })[] {
  const navigate = useNavigate();
  const project = inProject(useSearch({ strict: false }).project);
  if (text === "") return [];
  const quoted = `"${text.replace(/["\\]/g, "\\$&")}"`;
  return [
    {
      name: "Search",
      more: 0,
      commands: [
        ...(/^\S{6,}$/.test(text)
          ? [
              {
                id: "open-trace",
                label: `Open the trace ${text}`,
                run: () => navigate({ to: "/traces/$traceId", params: { traceId: text }, search: project }),
              },
            ]
          : []),
        {
          id: "search-traces",
          label: `Find traces with ${quoted}`,
          run: () => navigate({ to: "/traces", search: { ...project, filter: quoted } }),
        },
      ],
    },
  ];
}

function useGroups(): Group[] {
  const navigate = useNavigate();
  const router = useRouter();
  const leave = useLeave();
  const show = useCommands();
  const { project = DEFAULT_PROJECT } = useSearch({ strict: false });
  const openingSearch = useOpeningSearch(project);
  const changeProject = useProjectChange();
  const { data: views = [] } = useQuery(viewsQuery(project));
  const projects = useProjectChoices(project).filter(({ id }) => id !== project);
  return [
    {
      name: "Go to",
      commands: [
        ...PAGES.map(({ to, label, keys }) => ({
          id: `page ${to}`,
          label,
          hint: keys,
          run: () => navigate({ to, search: openingSearch(to) as never }),
        })),
        { id: "page /start", label: "Send data", run: () => navigate({ to: "/start", search: inProject(project) }) },
      ],
    },
    {
      name: "Views",
      commands: views.flatMap((view) => {
        const to = pageAt(`/${view.page}`);
        if (!to) return [];
        const run = () => navigate({ to, search: { ...inProject(project), ...view.search } as never });
        return [{ id: `view ${view.id}`, label: view.name, hint: view.page, run }];
      }),
    },
    {
      name: "Projects",
      commands: projects.map(({ id, label }) => ({ id: `project ${id}`, label, run: () => changeProject(id) })),
    },
    {
      name: "Do",
      commands: [
        {
          id: "copy-link",
          label: "Copy a link to this page",
          run: () => writeClipboard(window.location.origin + router.latestLocation.href),
        },
        ...THEMES.map((theme) => ({ id: `theme ${theme}`, label: `Theme: ${theme}`, run: () => setTheme(theme) })),
        { id: "help", label: "Show the keyboard shortcuts", hint: "?", run: () => show("help") },
        { id: "log-out", label: "Log out", run: leave },
      ],
    },
  ];
}
