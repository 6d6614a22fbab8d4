/** Dark or light: what the system says, unless the reader chose. */

import {byId} from "./dom.js";
import {remember, recall} from "./storage.js";

const DARK = matchMedia("(prefers-color-scheme: dark)");

/** Set up the switch. */
export function startTheme() {
  const button = byId("theme");
  const apply = () => {
    const chosen = recall("theme");
    const isDark = chosen ? chosen === "dark" : DARK.matches;
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
    button.setAttribute("aria-pressed", String(isDark));
  };
  button.addEventListener("click", () => {
    remember("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    apply();
  });
  DARK.addEventListener("change", apply);
  apply();
}
