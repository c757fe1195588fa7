import { askAhead } from "./api/ahead";
import { codeOf } from "./app/pageCode";

// Everything that the address needs is asked for at once: data, the application, and the page's own code.
askAhead(window.location);
import("./app/start");
codeOf(window.location.pathname)?.();
