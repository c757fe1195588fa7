// Runs before the first paint, so that a chosen theme never flashes the other one; src/app/theme.ts owns the value.
const theme = localStorage.getItem("llmflow.theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
