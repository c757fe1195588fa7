import { IconX } from "@tabler/icons-react";
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import controls from "../ui/controls.module.css";
import styles from "./Commands.module.css";
import { SHORTCUTS } from "./shortcuts";

/** All shortcuts, by where they work. */
export default function ShortcutHelp({ onClose }: { onClose: () => void }) {
  return (
    <ModalOverlay className={styles.overlay} isOpen onOpenChange={onClose} isDismissable>
      <Modal className={styles.help}>
        <Dialog className={styles.dialog}>
          <div className={styles.head}>
            <Heading slot="title">Keyboard shortcuts</Heading>
            <Button className={controls.icon} aria-label="Close" onPress={onClose}>
              <IconX size={16} stroke={1.8} aria-hidden />
            </Button>
          </div>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must reach */}
          <section className={styles.groups} tabIndex={0} aria-label="All shortcuts">
            {SHORTCUTS.map(({ where, shortcuts }) => (
              <section key={where} className={styles.shortcuts}>
                <h3>{where}</h3>
                <dl>
                  {shortcuts.map(({ keys, does }) => (
                    <div key={does}>
                      <dt>{does}</dt>
                      <dd>
                        {keys.map((key) => (
                          <kbd key={key}>{key}</kbd>
                        ))}
                      </dd>
                    </div>
                  ))}
                </dl>
              </section>
            ))}
          </section>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
