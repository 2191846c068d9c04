// The shell: sections, the project and environment that are chosen, the theme.
import { el, get, replace, attempt } from "./dom.js";
import { connections, connectionForm } from "./connections.js";
import { operations } from "./operations.js";
import { runs, runPage } from "./runs.js";
import { variables, agents, files, settings } from "./settings.js";

const sections = [
  ["operations", "Operations", operations],
  ["connections", "Connections", connections],
  ["variables", "Variables", variables],
  ["runs", "Runs", runs],
  ["files", "Files", files],
  ["agents", "Agents & versions", agents],
  ["settings", "Settings", settings],
];

const chosen = (name) => document.getElementById(name);
export const state = {
  get project() { return Number(chosen("project").value); },
  get environment() { return Number(chosen("environment").value); },
  projects: [],
  environments: [],
  /** Set by a page that has unsaved changes: asks, and answers whether to go. */
  leave: null,
};

export async function refresh() {
  [state.projects, state.environments] = await Promise.all([get("/projects"), get("/environments")]);
  for (const [name, list] of [["project", state.projects], ["environment", state.environments]]) {
    const select = chosen(name);
    const before = select.value || localStorage.getItem(name);
    replace(select, list.map((entry) => el("option", { value: entry.id }, entry.name)));
    if (list.some((entry) => String(entry.id) === before)) select.value = before;
  }
}

let current = location.hash;
let drawn = false;
async function route() {
  if (state.leave && location.hash !== current) {
    const go = await state.leave();
    if (!go) { history.replaceState(null, "", current); return; }
  }
  state.leave = null;
  const moved = location.hash !== current;
  current = location.hash;
  const [section, id, extra] = location.hash.replace(/^#\/?/, "").split("/");
  const name = section || "operations";
  const base = name === "connection" ? "connections" : name === "run" ? "runs" : name;
  replace(chosen("nav"), sections.map(([key, title]) =>
    el("a", { href: `#/${key}`, "aria-current": key === base ? "page" : null }, title)));
  const main = chosen("main");
  const focused = moved ? "#main" : held(main);
  const page = name === "connection" ? () => connectionForm(state, id, extra)
    : name === "run" ? () => runPage(state, id)
    : () => (sections.find(([key]) => key === name)?.[2] ?? operations)(state);
  const content = await attempt(page);
  if (!content) return;
  replace(main, content);
  if (moved) scrollTo(0, 0);
  if (focused && drawn) (main.querySelector(focused) ?? main).focus({ preventScroll: true });
  drawn = true;
}

/** What finds the focused thing again once its page was drawn anew. */
function held(main) {
  const { activeElement: at } = document;
  if (!main.contains(at) && at !== document.body) return null;
  const label = at.getAttribute("aria-label");
  return at.id ? `#${CSS.escape(at.id)}` : label ? `[aria-label="${CSS.escape(label)}"]` : "#main";
}

const themes = { dark: "light", light: "dark" };
function theme(next) {
  const saved = next ?? localStorage.getItem("theme");
  if (saved) {
    document.documentElement.dataset.theme = saved;
    localStorage.setItem("theme", saved);
  }
}

theme();
chosen("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  theme(themes[document.documentElement.dataset.theme ?? dark]);
});
chosen("logout").addEventListener("click", async () => {
  const { csrf } = await (await fetch("/session")).json();
  await fetch("/logout", { method: "POST", headers: { "x-csrf-token": csrf } });
  location.href = "/login";
});
for (const name of ["project", "environment"]) {
  chosen(name).addEventListener("change", () => {
    localStorage.setItem(name, chosen(name).value);
    route();
  });
}
addEventListener("hashchange", route);
await attempt(refresh);
await route();
