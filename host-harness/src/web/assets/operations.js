// The canvas: a palette of what there is, and operations to place it in.
import { ask, attempt, confirm, dependentsText, dialog, el, get, menu, modal, post, put, remove, replace, say, show, table } from "./dom.js";
import { drawForm } from "./form.js";
import { compareVersions } from "./shadow.js";

export async function operations(state) {
  const again = () => dispatchEvent(new Event("hashchange"));
  const [list, connections, files, all, predefined] = await Promise.all([
    get(`/projects/${state.project}/operations`), get(`/projects/${state.project}/connections`), get("/files"),
    get(`/variables?project=${state.project}`), get("/variables/predefined"),
  ]);
  const world = { state, list, files, again, variables: [...all, ...predefined], activities: new Map(), picked: null };
  const palette = el("aside", { class: "card palette", "aria-label": "Palette" }, el("h3", {}, "Palette"),
    el("p", { class: "hint" }, "Drag onto a source or target, or click here and then there."));
  for (const connection of connections) {
    const [types, activities] = await Promise.all([
      attempt(() => get(`/connections/${connection.id}/activity-types`)).then((found) => found ?? []),
      get(`/connections/${connection.id}/activities`),
    ]);
    activities.forEach((activity) => world.activities.set(activity.id, { ...activity, connection, types }));
    palette.append(el("h3", {}, connection.name),
      ...types.map((type) => chip(world, { kind: "new", connection, type, role: type.role }, type.title, `new ${type.role}`)),
      ...activities.map((activity) => el("div", { class: "row entry" },
        chip(world, { kind: "activity", id: activity.id, role: activity.role }, activity.name, activity.activity),
        activityMenu(world, world.activities.get(activity.id)))));
  }
  palette.append(el("h3", {}, "Files"),
    chip(world, { kind: "file" }, "File", "source or target"),
    el("h3", {}, "Runs"),
    chip(world, { kind: "rejected", role: "source" }, "Rejected records", "of the run before, as a source"));

  const page = el("div", {},
    el("h1", {}, "Operations"),
    el("p", { class: "lead" }, "An operation takes records from a source, changes them where a mapping says so, and gives them to a target."));
  if (connections.length === 0) {
    page.append(el("div", { class: "card empty" }, "There is no connection yet. ", el("a", { href: "#/connections" }, "Make one first"), ", then build an operation with it."));
  }
  page.append(el("div", { class: "canvas" }, palette, el("div", {},
    el("p", {}, el("button", { type: "button", class: "primary", id: "new-operation", onclick: async () => {
      const name = await ask("New operation", "Operation name");
      if (name !== undefined && await attempt(() => post(`/projects/${state.project}/operations`, { name }))) again();
    } }, "New operation")),
    list.length === 0 ? el("div", { class: "card empty" }, "No operation yet. Make one, then place a source and a target in it.") : null,
    list.map((operation) => card(world, operation)))));
  return page;
}

function chip(world, what, title, kind) {
  const button = el("button", {
    type: "button", class: "chip", draggable: "true", "aria-pressed": "false", "aria-label": `${title} (${kind})`,
    ondragstart: (event) => { world.picked = what; event.dataTransfer.setData("text/plain", title); event.dataTransfer.effectAllowed = "copy"; ready(what); },
    ondragend: () => ready(null),
    onclick: () => {
      const on = world.picked !== what;
      document.querySelectorAll(".chip").forEach((other) => other.setAttribute("aria-pressed", "false"));
      world.picked = on ? what : null;
      button.setAttribute("aria-pressed", String(on));
      ready(world.picked);
      if (on) say(`${title}: now choose where it goes.`);
    },
  }, title, el("small", {}, kind));
  return button;
}

/** Shows where a picked thing may go. */
function ready(what) {
  document.querySelectorAll(".slot[data-role]").forEach((slot) =>
    slot.classList.toggle("ready", Boolean(what) && fits(what, slot.dataset.role)));
}
const fits = (what, role) => what.kind === "file" || what.role === role;

function card(world, operation) {
  const { state, again } = world;
  const findings = el("div", { "aria-live": "polite" });
  const draft = (change = {}) => ({
    name: operation.name, source: operation.source, mapping: operation.mapping, target: operation.target,
    "on-success": operation["on-success"], "on-failure": operation["on-failure"],
    "only-changed": operation["only-changed"], ...change,
  });
  const save = async (change) => {
    if (await attempt(() => put(`/operations/${operation.id}`, { revision: operation.revision, draft: draft(change) }))) again();
  };
  const next = (field, label) => {
    const select = el("select", { "aria-label": `${label} of ${operation.name}`, onchange: () => save({ [field]: select.value ? Number(select.value) : null }) },
      el("option", { value: "" }, "nothing"),
      world.list.filter((other) => other.id !== operation.id).map((other) => el("option", { value: other.id }, other.name)));
    select.value = operation[field] ?? "";
    return el("label", { class: "inline" }, label, select);
  };
  return el("article", { class: "card", "aria-label": `Operation ${operation.name}`, "data-operation": operation.name },
    el("div", { class: "row" }, el("h3", {}, operation.name), el("span", { class: "spacer" }),
      el("button", { type: "button", "aria-label": `Check ${operation.name}`, onclick: async () => {
        const found = await attempt(() => post(`/operations/${operation.id}/validate`, { environment: state.environment }));
        if (found) replace(findings, findingsList(found.findings, found.ok));
      } }, "Check"),
      el("button", { type: "button", class: "primary", "aria-label": `Run ${operation.name}`, onclick: async () => {
        const started = await attempt(() => post(`/operations/${operation.id}/run`, { environment: state.environment }));
        if (started) location.hash = `#/run/${started.run}`;
      } }, "Run"),
      menu(`Menu of ${operation.name}`, [
        ["Rename", async () => {
          const name = await ask("Rename the operation", "Operation name", operation.name);
          if (name !== undefined && await attempt(() => post(`/operations/${operation.id}/rename`, { revision: operation.revision, name }))) again();
        }],
        ["Duplicate", async () => { if (await attempt(() => post(`/operations/${operation.id}/duplicate`))) again(); }],
        ["View dependencies", async () => {
          const found = await attempt(() => get(`/operations/${operation.id}/dependents`));
          if (found) await show(`What runs “${operation.name}”`, dependentsText(found));
        }],
        ["Delete", async () => {
          if (await confirm(`Delete “${operation.name}”?`, "It will be gone for good; its runs stay.", "Delete")
            && await attempt(() => remove(`/operations/${operation.id}`))) again();
        }, "danger"],
      ])),
    el("div", { class: "flow" },
      slot(world, operation, "source", save), el("span", { class: "arrow", "aria-hidden": "true" }, "→"),
      el("div", { class: `slot ${operation.mapping ? "filled" : ""}` },
        el("span", { class: "what" }, "Mapping"),
        operation.mapping ? el("pre", {}, operation.mapping) : el("span", { class: "quiet" }, "Records stay as they are."),
        el("button", { type: "button", onclick: () => editMapping(world, operation, draft, save) }, operation.mapping ? "Edit mapping" : "Add a mapping")),
      el("span", { class: "arrow", "aria-hidden": "true" }, "→"), slot(world, operation, "target", save)),
    el("div", { class: "row" }, next("on-success", "On success run"), next("on-failure", "On failure run"),
      el("label", { class: "inline" }, el("input", {
        type: "checkbox", checked: operation["only-changed"], "aria-label": `Only what changed in ${operation.name}`,
        onchange: (event) => save({ "only-changed": event.target.checked }),
      }), "Only what changed")),
    findings);
}

function findingsList(findings, ok) {
  if (findings.length === 0) return el("p", { class: "good" }, "It can run.");
  return el("div", {}, ok ? el("p", { class: "wait" }, "It can run, but look at this:") : el("p", { class: "bad" }, "It cannot run yet:"),
    el("ul", {}, findings.map((finding) => el("li", { class: finding.severity === "error" ? "bad" : "wait" }, `${finding.place}: ${finding.message}`))));
}

function slot(world, operation, role, save) {
  const end = operation[role];
  const accept = async (event) => {
    event?.preventDefault();
    const what = world.picked;
    if (!what) { if (event) say("Choose from the palette first."); return; }
    if (!fits(what, role)) { say(`That is a ${what.role}; it cannot stand as the ${role}.`); return; }
    world.picked = null;
    ready(null);
    await place(world, operation, role, what, save);
  };
  const over = (event) => { if (world.picked && fits(world.picked, role)) { event.preventDefault(); node.classList.add("over"); } };
  const node = el("div", {
    class: `slot ${end ? "filled" : ""}`, "data-role": role, role: "group",
    "aria-label": `${role} of ${operation.name}`,
    ondragenter: over,
    ondragover: over,
    ondragleave: () => node.classList.remove("over"),
    ondrop: accept,
    onclick: (event) => { if (event.target === node || !event.target.closest("button, a, summary")) accept(); },
  }, el("span", { class: "what" }, role));
  if (!end) {
    node.append(el("span", { class: "quiet" }, `Place a ${role} here.`));
  } else if (end.kind === "file") {
    node.append(el("strong", {}, end.path), el("span", { class: "quiet" }, `file, ${end.format}`));
  } else if (end.kind === "rejected") {
    node.append(el("strong", {}, "Rejected records"), el("span", { class: "quiet" }, "of the run that starts this operation"));
  } else {
    const activity = world.activities.get(end.activity);
    node.append(el("strong", {}, activity?.name ?? "?"), el("span", { class: "quiet" }, activity ? `${activity.activity} ${activity.object} · ${activity.connection.name}` : ""));
    if (activity) node.append(activityMenu(world, activity, () => save({ [role]: null })));
  }
  // The way in for who has no mouse to drag with.
  node.append(el("button", { type: "button", "aria-label": `Place here as the ${role} of ${operation.name}`, onclick: accept }, end ? "Replace" : "Place here"));
  if (end && end.kind !== "activity") {
    node.append(el("button", { type: "button", class: "plain", "aria-label": `Remove the ${role} from ${operation.name}`, onclick: () => save({ [role]: null }) }, "Remove from operation"));
  }
  return node;
}

function activityMenu(world, activity, takeOut) {
  return menu(`Menu of activity ${activity.name}`, [
    ["View / edit", async () => { if (await editActivity(world, activity.connection, activity.types.find((t) => t.name === activity.activity), activity)) world.again(); }],
    ["Rename", async () => {
      const name = await ask("Rename the activity", "Activity name", activity.name);
      if (name !== undefined && await attempt(() => post(`/activities/${activity.id}/rename`, { revision: activity.revision, name }))) world.again();
    }],
    ["Duplicate", async () => { if (await attempt(() => post(`/activities/${activity.id}/duplicate`))) world.again(); }],
    takeOut ? ["Remove from operation", takeOut] : null,
    activity.role === "source" ? ["Compare versions", () => compareVersions(world, activity)] : null,
    ["View dependencies", async () => {
      const found = await attempt(() => get(`/activities/${activity.id}/dependents`));
      if (found) await show(`What uses “${activity.name}”`, dependentsText(found));
    }],
    ["Delete", async () => {
      if (await confirm(`Delete “${activity.name}”?`, "It will be gone for good.", "Delete") && await attempt(() => remove(`/activities/${activity.id}`))) world.again();
    }, "danger"],
  ]);
}

const formats = [
  ["", "as its name says"], ["ndjson", "NDJSON"], ["json", "JSON"], ["csv", "CSV"], ["csv-comma", "CSV with commas"],
  ["csv-semicolon", "CSV with semicolons"], ["csv-tab", "CSV with tabs"], ["csv-pipe", "CSV with |"],
];

const formatOf = (path) =>
  ({ csv: "csv", tsv: "csv-tab", tab: "csv-tab", json: "json" })[path.split(".").pop().toLowerCase()] ?? "ndjson";

/** Asks for a file and how records lie in it. */
function askFile(role, name) {
  const path = el("input", { id: "asked", value: name });
  const format = el("select", { id: "asked-format" }, formats.map(([value, text]) => el("option", { value }, text)));
  return dialog(`File as the ${role}`, [
    el("div", { class: "field" }, el("label", { for: "asked" }, "File name, such as orders.csv"), path),
    el("div", { class: "field" }, el("label", { for: "asked-format" }, "Format"), format,
      role === "source" ? el("p", { class: "hint" }, "What separates the columns of CSV is recognised; say it where that fails.") : null),
  ], [
    ["Cancel", undefined, ""],
    ["OK", () => ({ path: path.value, format: format.value }), "primary"],
  ]);
}

async function place(world, operation, role, what, save) {
  if (what.kind === "rejected") return save({ [role]: { kind: "rejected" } });
  if (what.kind === "activity") return save({ [role]: { kind: "activity", activity: what.id } });
  if (what.kind === "new") {
    const made = await editActivity(world, what.connection, what.type, null);
    if (made) return save({ [role]: { kind: "activity", activity: made.id } });
    return undefined;
  }
  const file = await askFile(role, role === "source" ? world.files[0]?.name ?? "" : "records.ndjson");
  if (!file?.path) return undefined;
  const { path } = file;
  const format = file.format || formatOf(path);
  return save({ [role]: { kind: "file", path, format } });
}

/** The editor of an activity; answers it when it was saved. */
function editActivity(world, connection, type, saved) {
  return new Promise((resolve) => {
    const problem = el("p", { class: "problem", role: "alert" });
    const name = el("input", { id: "activity-name", value: saved?.name ?? `${type.title} ` });
    const object = el("input", { id: "activity-object", value: saved?.object ?? "", placeholder: "Search the objects", oninput: () => search() });
    const found = el("div", { role: "group", "aria-label": "Objects" });
    const shape = el("div", {});
    let drawn = drawForm(type.options, saved?.options ?? [], [], world.variables, () => {});
    const options = el("div", {}, drawn.node);
    let timer;
    // Answers may overtake each other: only one to the last question is shown.
    let questions = 0;
    let reviews = 0;
    const search = (now) => {
      clearTimeout(timer);
      const question = ++questions;
      timer = setTimeout(async () => {
        const list = await attempt(() => get(`/connections/${connection.id}/objects?environment=${world.state.environment}&search=${encodeURIComponent(object.value)}`), problem);
        if (question !== questions) return;
        const fit = (list ?? []).filter((entry) => entry.activities.includes(type.name)).slice(0, 12);
        replace(found, fit.map((entry) => el("button", {
          type: "button", class: "chip", "data-object": entry.name,
          onclick: () => { questions += 1; object.value = entry.name; replace(found); object.focus(); review(); },
        }, entry.title, el("small", {}, entry.name))));
      }, now ? 0 : 250);
    };
    const review = async (refresh = false) => {
      const question = ++reviews;
      const shapes = await attempt(() => get(`/connections/${connection.id}/shape?environment=${world.state.environment}&activity=${type.name}&object=${encodeURIComponent(object.value)}&refresh=${refresh}`), problem);
      if (!shapes || question !== reviews) return;
      problem.textContent = "";
      // An object may have choices of its own, as its actions are.
      drawn = drawForm(shapes.options, drawn.settings(), [], world.variables, () => {});
      replace(options, drawn.node);
      replace(shape, ["request", "response"].filter((key) => shapes[key]).map((key) =>
        el("details", {}, el("summary", {}, `Review the ${key}`), tree(shapes[key]))));
    };
    const { open, close } = modal(`${type.title} activity`, resolve);
    open(el("h3", {}, `${type.title} — ${connection.name}`), el("p", { class: "hint" }, type.description),
      el("div", { class: "field" }, el("label", { for: "activity-name" }, "Activity name *"), name),
      el("div", { class: "field" }, el("label", { for: "activity-object" }, "Object *"), object,
        el("button", { type: "button", onclick: () => { search(true); if (object.value) review(true); } }, "Refresh the objects"), found),
      shape, options, problem,
      el("div", { class: "row end" },
        el("button", { type: "button", onclick: () => close(undefined) }, "Cancel"),
        el("button", { type: "button", class: "primary", id: "save-activity", onclick: async () => {
          const draft = { name: name.value, activity: type.name, object: object.value, options: drawn.settings() };
          try {
            close(saved
              ? await put(`/activities/${saved.id}`, { revision: saved.revision, draft })
              : await post(`/connections/${connection.id}/activities`, draft));
          } catch (error) {
            const rest = error.findings ? drawn.show(error.findings) : [error.message];
            problem.textContent = rest.join("\n");
          }
        } }, "Save activity")));
    if (saved) review(); else search(true);
  });
}

/** A schema as a tree of names and types. */
function tree(schema) {
  const required = new Set(schema.required ?? []);
  return el("ul", {}, Object.entries(schema.properties ?? {}).map(([name, inner]) => {
    const items = inner.items ?? inner;
    const type = [inner.type ?? (inner.enum ? "one of" : "")].flat().filter((t) => t !== "null").join(" or ");
    const note = [type, inner.enum?.join(", "), required.has(name) ? "required" : "", inner.readOnly ? "read-only" : ""].filter(Boolean).join(" · ");
    const label = el("span", {}, el("code", {}, name), " ", el("small", { class: "quiet" }, note));
    return el("li", {}, items.properties && Object.keys(items.properties).length
      ? el("details", {}, el("summary", {}, label), tree(items)) : label);
  }));
}

function editMapping(world, operation, draft, save) {
  const problem = el("p", { class: "problem", role: "alert" });
  const text = el("textarea", { id: "mapping", value: operation.mapping ?? "", spellcheck: "false", "aria-describedby": "mapping-hint" });
  const rows = el("div", { "aria-live": "polite" });
  const { open, close } = modal("Mapping");
  open(el("h3", {}, `Mapping of ${operation.name}`),
    el("div", { class: "field" }, el("label", { for: "mapping" }, "jq filter"), text,
      el("p", { class: "hint", id: "mapping-hint" }, "Makes one record, several or none of each. For example: {name, number: .code} — or select(.status == \"active\").")),
    problem,
    el("div", { class: "row" },
      el("button", { type: "button", id: "preview", onclick: async () => {
        problem.textContent = "";
        const made = await attempt(() => post(`/operations/${operation.id}/preview`, { environment: world.state.environment, draft: draft({ mapping: text.value }), count: 5 }), problem);
        if (made) replace(rows,
          made.findings.length ? findingsList(made.findings, true) : null,
          table("The first records of the source", ["Record", "Becomes"], made.rows.map((row) => [
            el("pre", {}, pretty(row.input)),
            row.error ? el("span", { class: "bad" }, row.error) : row.outputs.length ? row.outputs.map((output) => el("pre", {}, pretty(output))) : "nothing",
          ])));
      } }, "Preview"),
      el("span", { class: "spacer" }),
      el("button", { type: "button", onclick: () => close() }, "Cancel"),
      el("button", { type: "button", class: "primary", id: "save-mapping", onclick: async () => { close(); await save({ mapping: text.value }); } }, "Save mapping")),
    rows);
}

export function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 1); } catch { return text; }
}
