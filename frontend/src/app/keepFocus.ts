/** What Tab leads to and something is done with. */
const CONTROL = ":is(a[href], button, input, select, textarea, summary):not(:disabled, [tabindex='-1'])";

/** Where something was that is gone. */
interface Place {
  parent: Node;
  before: Node | null;
  after: Node | null;
}

/**
 * Where what has the focus goes away, or is switched off, the focus goes to the button or form that is in its place,
 * else to the nearest thing around it that can have it: a form's first field, a list, a dialog, `main` at last. Left to
 * the browser it would be nowhere, and the keyboard would begin anew at the top of the page. Gives back what ends this.
 */
export function keepFocus(main: HTMLElement): () => void {
  const { body } = document;
  let held: HTMLElement | null = null;
  let around: HTMLElement[] = [];
  let byKeyboard = false;
  let place: Place | null = null;
  let frame = 0;

  const settle = () => {
    frame = 0;
    if (!held || (document.activeElement !== body && document.activeElement !== held)) return;
    const next = isLost(held) ? ((place && inPlace(place)) ?? nearest(around, byKeyboard) ?? main) : held;
    // What is around something is on show, and would jump to its top.
    next.focus({ preventScroll: !next.matches(CONTROL) });
  };
  const observer = new MutationObserver((records) => {
    if (!held || (document.activeElement === held && !isLost(held))) return;
    const removal = records.find(({ removedNodes }) => [...removedNodes].some((node) => node.contains(held)));
    if (removal) place = { parent: removal.target, before: removal.previousSibling, after: removal.nextSibling };
    // What a dialog does itself with the focus as it closes, it does before.
    if ((removal || isLost(held)) && frame === 0) frame = requestAnimationFrame(settle);
  });
  const noteIn = ({ target }: FocusEvent) => {
    held = target instanceof HTMLElement ? target : null;
    around = held ? ancestors(held) : [];
    byKeyboard = held?.matches(":focus-visible") === true;
    place = null;
  };
  const noteOut = () => {
    // Who clicks beside everything wants the focus nowhere.
    setTimeout(() => {
      if (held && frame === 0 && document.activeElement === body && !isLost(held)) held = null;
    });
  };
  document.addEventListener("focusin", noteIn);
  document.addEventListener("focusout", noteOut);
  observer.observe(body, { childList: true, subtree: true, attributeFilter: ["disabled"] });
  return () => {
    cancelAnimationFrame(frame);
    observer.disconnect();
    document.removeEventListener("focusin", noteIn);
    document.removeEventListener("focusout", noteOut);
  };
}

/** The first field or button in it. */
export function firstField(form: Element): HTMLElement | null {
  return form.querySelector<HTMLElement>(CONTROL);
}

function isLost(element: Element): boolean {
  return !element.isConnected || element.matches(":disabled");
}

function ancestors(element: HTMLElement): HTMLElement[] {
  const all: HTMLElement[] = [];
  for (let each = element.parentElement; each && each !== document.body; each = each.parentElement) all.push(each);
  return all;
}

function inPlace({ parent, before, after }: Place): HTMLElement | null {
  if (!parent.isConnected || (before && before.parentNode !== parent)) return null;
  for (let node = before ? before.nextSibling : parent.firstChild; node && node !== after; node = node.nextSibling) {
    if (!(node instanceof HTMLElement)) continue;
    if (node.matches(CONTROL)) return node;
    if (node.matches("form")) return firstField(node);
  }
  return null;
}

/** A field only for who has no other way to it: on a phone it would bring up the keys over what there is to read. */
function nearest(around: readonly HTMLElement[], byKeyboard: boolean): HTMLElement | null {
  for (const each of around) {
    if (!each.isConnected) continue;
    const found = byKeyboard && each.matches("form") ? firstField(each) : each.matches("[tabindex]") ? each : null;
    if (found) return found;
  }
  return null;
}
