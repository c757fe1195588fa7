import { configure } from "@testing-library/dom";

// Tests wait for what comes, however busy the machine is.
configure({ asyncUtilTimeout: 30_000 });
