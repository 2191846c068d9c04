// A shadow run: one activity through two versions of its connector, compared.
import { attempt, el, get, modal, post, replace, table } from "./dom.js";

/** How often a comparison under way is looked at, in ms. */
const LOOKED_EVERY = 500;

export async function compareVersions(world, activity) {
  const connectors = await attempt(() => get("/connectors"));
  const versions = connectors?.find((entry) => entry.name === activity.connection.connector)?.versions;
  if (!versions) return;
  const choose = (id, wanted) => {
    const select = el("select", { id }, versions.map((version) => el("option", { value: version }, version)));
    select.value = wanted;
    return select;
  };
  const pinned = versions.includes(activity.connection.version) ? activity.connection.version : versions[1] ?? versions[0];
  const [older, newer] = [choose("shadow-old", pinned), choose("shadow-new", versions[0])];
  const ignore = el("input", { id: "shadow-ignore", "aria-describedby": "shadow-ignore-hint" });
  const problem = el("p", { class: "problem", role: "alert" });
  const results = el("div", { "aria-live": "polite" });
  let running;
  let closed = false;
  const { open, close } = modal("Compare versions", () => {
    closed = true;
    if (running) post(`/shadow-runs/${running}/cancel`).catch(() => {});
  });
  const begin = el("button", { type: "button", class: "primary", id: "compare", onclick: async () => {
    problem.textContent = "";
    replace(results);
    begin.disabled = true;
    let run = await attempt(() => post("/shadow-runs", {
      activity: activity.id, environment: world.state.environment, old: older.value, new: newer.value,
      ignore: ignore.value.split(/\s+/).filter(Boolean),
    }), problem);
    running = run?.id;
    while (run?.state === "running" && !closed) {
      replace(results, el("p", { class: "quiet" }, `${run["old-records"]} and ${run["new-records"]} records read…`));
      await new Promise((resolve) => setTimeout(resolve, LOOKED_EVERY));
      run = await attempt(() => get(`/shadow-runs/${run.id}`), problem);
    }
    running = undefined;
    begin.disabled = false;
    if (run && !closed) replace(results, outcome(run));
  } }, "Compare");
  open(el("h3", {}, `Compare versions of ${activity.connection.connector}`),
    el("p", { class: "hint" }, `Reads “${activity.name}” through both, and writes nothing. It ends with this dialog.`),
    el("div", { class: "field" }, el("label", { for: "shadow-old" }, "The old version"), older),
    el("div", { class: "field" }, el("label", { for: "shadow-new" }, "The new version"), newer),
    el("div", { class: "field" }, el("label", { for: "shadow-ignore" }, "Fields that may differ"), ignore,
      el("p", { class: "hint", id: "shadow-ignore-hint" }, "Separated by spaces; outer.inner for one within another.")),
    problem,
    el("div", { class: "row" }, begin, el("span", { class: "spacer" }), el("button", { type: "button", onclick: () => close() }, "Close")),
    results);
}

function outcome(run) {
  const found = run.difference;
  if (!found) return el("p", { class: "bad" }, run.error);
  const value = (it) => (it === null ? "nothing" : JSON.stringify(it));
  const keys = (what, count, first) => (count === 0 ? null
    : el("p", {}, `${what}: ${first.join(", ")}${count > first.length ? ", …" : ""}`));
  const fields = Object.entries(found.fields);
  const same = found.changed === 0 && found["only-old"] === 0 && found["only-new"] === 0;
  return el("div", {},
    el("p", { class: same ? "good" : "wait" }, same ? "No difference." : "Different."),
    el("p", {}, `${found["old-records"]} and ${found["new-records"]} records: ${found.same} the same, ${found.changed} changed, ${found["only-old"]} only old, ${found["only-new"]} only new`),
    keys("Only old", found["only-old"], found["only-old-keys"]),
    keys("Only new", found["only-new"], found["only-new-keys"]),
    fields.length === 0 ? null : table("Fields that changed", ["Field", "Records", "For example"], fields.map(([field, changed]) => [
      el("code", {}, field), String(changed.count),
      el("ul", {}, changed.examples.map((example) => el("li", {}, `${example.key}: ${value(example.old)} → ${value(example.new)}`))),
    ])));
}
