// Connections, their form, and testing them.
import { ask, attempt, confirm, dependentsText, el, get, menu, post, put, remove, replace, say, show, table } from "./dom.js";
import { drawForm } from "./form.js";

export async function connections(state) {
  const [list, connectors] = await Promise.all([get(`/projects/${state.project}/connections`), get("/connectors")]);
  const again = () => dispatchEvent(new Event("hashchange"));
  const page = el("div", {},
    el("h1", {}, "Connections"),
    el("p", { class: "lead" }, "A connection says where a remote system is and how to sign in. Its activities read from there and write to there."));
  if (connectors.length === 0) {
    page.append(el("div", { class: "card empty" }, "There is no connector yet. ", el("a", { href: "#/agents" }, "Publish one first"), "."));
    return page;
  }
  page.append(el("p", { class: "row" }, connectors.map((connector) =>
    el("a", { class: "button primary", href: `#/connection/new/${connector.name}` }, `New ${connector.name} connection`))));
  if (list.length === 0) {
    page.append(el("div", { class: "card empty" }, "No connection yet. Make the first one."));
    return page;
  }
  page.append(table("Connections of this project", ["Name", "Connector", "Version", ""], list.map((connection) => [
    el("a", { href: `#/connection/${connection.id}` }, connection.name),
    connection.connector,
    connection.version,
    connectionMenu(connection, again),
  ])));
  return page;
}

function connectionMenu(connection, again) {
  return menu(`Menu of ${connection.name}`, [
    ["View / edit", () => (location.hash = `#/connection/${connection.id}`)],
    ["Rename", async () => {
      const name = await ask("Rename the connection", "Connection Name", connection.name);
      if (name !== undefined && await attempt(() => post(`/connections/${connection.id}/rename`, { revision: connection.revision, name }))) again();
    }],
    ["Duplicate", async () => { if (await attempt(() => post(`/connections/${connection.id}/duplicate`))) again(); }],
    ["View dependencies", async () => {
      const found = await attempt(() => get(`/connections/${connection.id}/dependents`));
      if (found) await show(`What uses “${connection.name}”`, dependentsText(found));
    }],
    ["Delete", () => removeConnection(connection, again), "danger"],
  ]);
}

async function removeConnection(connection, after) {
  const found = (await attempt(() => get(`/connections/${connection.id}/dependents`))) ?? [];
  const text = found.length === 0
    ? "It will be gone for good, with its secrets."
    : `It is in use: ${found.map((d) => `${d.kind} “${d.name}”`).join(", ")}.`;
  if (await confirm(`Delete “${connection.name}”?`, text, "Delete")) {
    if (await attempt(() => remove(`/connections/${connection.id}`))) { say("Deleted."); after(); }
  }
}

/** What stands before a limit's name, so that no property of a connector has the same. */
const LIMITS = "limits.";

const limitField = (limit) => ({
  name: LIMITS + limit.name, title: limit.title, kind: "whole-number", required: false, repeatable: false,
  "accepts-variables": false, default: limit.default === null ? undefined : String(limit.default),
  description: `${limit.name}: from ${limit.least} to ${limit.most}${limit.default === null ? "; as the connector says unless set" : ""}`,
});

export async function connectionForm(state, id, connector) {
  let saved = id === "new" ? null : await get(`/connections/${id}`);
  const name = saved?.connector ?? connector;
  const [form, connectors, all, predefined, limits] = await Promise.all([
    get(`/connectors/${name}/form?version=${encodeURIComponent(saved?.version ?? "newest")}`),
    get("/connectors"), get(`/variables?project=${state.project}`), get("/variables/predefined"), get("/limits"),
  ]);
  const known = [...all, ...predefined];
  const environment = state.environments.find((entry) => entry.id === state.environment);
  const cloud = environment?.["group-kind"] === "cloud";
  const versions = connectors.find((entry) => entry.name === name)?.versions ?? [];

  const page = el("div", {});
  const problem = el("p", { class: "problem", role: "alert" });
  const results = el("section", { "aria-live": "polite", "aria-label": "Test results" });
  let drawn;
  let drawnLimits;
  let dirty = false;
  let timer;
  // Counts what is asked: a check while one types must not wipe what a test or a save said after it.
  let asked = 0;
  const only = () => { clearTimeout(timer); asked += 1; return asked; };

  const nameInput = el("input", { id: "connection-name", value: saved?.name ?? "", "aria-describedby": "connection-name-problem", oninput: () => changed() });
  const nameProblem = el("p", { class: "problem", id: "connection-name-problem", role: "alert" });
  const version = el("select", { id: "connection-version", onchange: () => changed() },
    ["newest", ...versions].map((value) => el("option", { value }, value === "newest" ? `newest (${versions[0] ?? "none"})` : value)));
  version.value = saved?.version ?? "newest";
  const protocol = el("select", { id: "connection-protocol", onchange: () => changed() },
    [["auto", "HTTP/2 where the server speaks it"], ["http1", "HTTP/1.1 only"]].map(([value, text]) => el("option", { value }, text)));
  const proxy = el("input", { type: "checkbox", id: "use-proxy", checked: saved?.["use-proxy"], disabled: cloud && !saved?.["use-proxy"], "aria-describedby": "use-proxy-hint", onchange: () => changed() });

  const draft = () => ({
    name: nameInput.value, connector: name, version: version.value, "use-proxy": proxy.checked, protocol: protocol.value,
    settings: drawn.settings(), secrets: drawn.typed(),
    limits: drawnLimits.settings().map(({ name: property, value }) => ({ name: property.slice(LIMITS.length), value })),
  });
  const findings = (found) => {
    const rest = drawnLimits.show(found.filter(({ property }) => property?.startsWith(LIMITS)));
    if (page.querySelector(".limits [aria-invalid]")) advanced.open = true;
    return [...drawn.show(found.filter(({ property }) => !property?.startsWith(LIMITS))), ...rest];
  };
  const mark = (value) => {
    dirty = value;
    for (const button of [save, discard]) button.disabled = !dirty && Boolean(saved);
    state.leave = dirty
      ? async () => confirm("Leave without saving?", "Your changes would be lost.", "Discard changes")
      : null;
  };
  const shown = (error) => {
    problem.textContent = "";
    nameProblem.textContent = "";
    if (error.findings?.length) {
      const rest = findings(error.findings);
      problem.textContent = rest.join("\n");
      page.querySelector("[aria-invalid]")?.focus();
    } else if (error.code?.startsWith("name")) {
      nameProblem.textContent = error.message;
      nameInput.focus();
    } else {
      if (error.secrets) drawn.retype(error.secrets);
      problem.textContent = error.message;
    }
  };
  function changed() {
    mark(true);
    const mine = only();
    timer = setTimeout(async () => {
      try {
        const { findings: found, retype } = await post("/connections/check", { project: state.project, id: saved?.id, draft: draft() });
        if (mine !== asked) return;
        // What is still empty is no mistake while one types.
        findings(found.filter((finding) => finding.code !== "required"));
        nameProblem.textContent = nameInput.value === "" ? "" : found.find((f) => f.code === "name")?.message ?? "";
        drawn.retype(retype);
      } catch (error) {
        if (mine === asked) shown(error);
      }
    }, 350);
  }

  const test = el("button", { type: "button", id: "test", onclick: async () => {
    only();
    test.disabled = true;
    replace(results, el("p", { class: "quiet" }, "Testing on every agent of the environment…"));
    problem.textContent = "";
    try {
      const report = await post("/connections/test", { project: state.project, environment: state.environment, id: saved?.id, draft: draft() });
      findings([]);
      replace(results, testResults(report));
    } catch (error) {
      replace(results);
      shown(error);
    }
    test.disabled = false;
  } }, "Test");
  const save = el("button", { type: "button", class: "primary", id: "save", onclick: async () => {
    only();
    problem.textContent = "";
    nameProblem.textContent = "";
    try {
      const before = saved;
      saved = saved
        ? await put(`/connections/${saved.id}`, { revision: saved.revision, draft: draft() })
        : await post(`/projects/${state.project}/connections`, draft());
      mark(false);
      say("Saved.");
      if (before) draw(); else location.hash = `#/connection/${saved.id}`;
    } catch (error) {
      shown(error);
    }
  } }, "Save Changes");
  const discard = el("button", { type: "button", id: "discard", onclick: async () => {
    if (dirty && !await confirm("Discard your changes?", "The connection stays as it was saved.", "Discard")) return;
    mark(false);
    if (saved) draw(); else location.hash = "#/connections";
  } }, "Discard Changes");
  const gone = el("button", { type: "button", class: "danger", id: "delete", onclick: () => removeConnection(saved, () => { mark(false); location.hash = "#/connections"; }) }, "Delete");

  function draw() {
    nameInput.value = saved?.name ?? "";
    proxy.checked = Boolean(saved?.["use-proxy"]);
    drawn = drawForm(form.properties, saved?.settings ?? [], (saved?.secrets ?? []).map((secret) => secret.name), known, changed);
    replace(fields, drawn.node);
    const set = saved?.limits ?? [];
    protocol.value = saved?.protocol ?? "auto";
    drawnLimits = drawForm(limits.map(limitField), set.map(({ name: limit, value }) => ({ name: LIMITS + limit, value })), [], [], changed);
    replace(advanced, el("summary", {}, "Advanced: protocol, limits of the sandbox"),
      el("div", { class: "field" }, el("label", { for: "connection-protocol" }, "Protocol"), protocol,
        el("p", { class: "hint" }, "Choose HTTP/1.1 where a gateway's HTTP/2 is at fault.")),
      drawnLimits.node);
    advanced.open = set.length > 0 || protocol.value !== "auto";
    mark(false);
  }
  const fields = el("div", {});
  const advanced = el("details", { class: "limits" });
  page.append(
    el("p", {}, el("a", { href: "#/connections" }, "← Connections")),
    el("h1", {}, saved ? saved.name : `New ${form.title} connection`),
    el("p", { class: "lead" }, form.description),
    el("form", { class: "card", onsubmit: (event) => event.preventDefault() },
      el("div", { class: "field" }, el("label", { for: "connection-name" }, "Connection Name *"), nameInput,
        el("p", { class: "hint" }, "Unique among the connections of this connector; without / and :"), nameProblem),
      fields,
      el("div", { class: "field" },
        el("label", { class: "check" }, proxy, "Use Proxy Settings"),
        el("p", { class: "hint", id: "use-proxy-hint" }, cloud
          ? `The agents of “${environment.name}” are the cloud's: proxy settings are for private agents.`
          : "Go through the proxy that the private agent is configured with.")),
      el("div", { class: "field" }, el("label", { for: "connection-version" }, "Connector version"), version,
        el("p", { class: "hint" }, "With “newest”, a test makes every agent download the newest version first, unless a policy suspends that.")),
      advanced,
      problem,
      el("div", { class: "row" }, test, save, discard, saved ? gone : null)),
    results,
  );
  if (saved) page.append(await activityList(saved));
  draw();
  return page;
}

function testResults(report) {
  const label = (version) => (version ? `${version.version}` : "none");
  return el("div", {},
    el("h2", {}, report.passed ? "The connection works" : "The connection does not work"),
    report.agents.map((agent) => el("div", { class: "card" },
      el("h3", {}, agent.agent),
      el("p", { class: "quiet" },
        `Version ${label(agent.before)} → ${label(agent.after)}${agent.downloaded ? ", downloaded now" : ""}${agent["update-suspended"] ? " (automatic update is disabled by policy)" : ""} · ${agent["elapsed-ms"]} ms`,
        el("br"), el("code", {}, agent.after?.digest ?? "")),
      agent.error ? el("p", { class: "problem" }, agent.error) : null,
      agent.warnings.map((warning) => el("p", { class: "wait" }, warning)),
      table("Steps", ["Step", "Outcome", "Time", "What was found"], agent.checks.map((check) => [
        check.title,
        el("span", { class: `badge ${check.outcome === "passed" ? "good" : check.outcome === "failed" ? "bad" : "quiet"}` }, check.outcome),
        `${check["elapsed-ms"]} ms`,
        check.message ? el("span", {}, check.message, check.remedy ? el("span", { class: "hint" }, ` ${check.remedy}`) : null) : check.detail ?? "",
      ])))));
}

async function activityList(connection) {
  const list = await get(`/connections/${connection.id}/activities`);
  return el("section", {}, el("h2", {}, "Activities"),
    list.length === 0
      ? el("p", { class: "quiet" }, "None yet: place one on the ", el("a", { href: "#/operations" }, "operations page"), ".")
      : table("Activities of this connection", ["Name", "Type", "Object"], list.map((activity) => [activity.name, activity.activity, activity.object])));
}
