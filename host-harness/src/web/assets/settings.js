// Variables, agents, files, policies.
import { ask, attempt, confirm, dependentsText, el, get, menu, modal, post, put, remove, say, sendFile, show, table, when } from "./dom.js";
import { refresh } from "./app.js";

const again = () => dispatchEvent(new Event("hashchange"));
const named = (list, id) => list.find((entry) => entry.id === id)?.name ?? "all others";

export async function variables(state) {
  const [list, predefined] = await Promise.all([get(`/variables?project=${state.project}`), get("/variables/predefined")]);
  return el("div", {}, el("h1", {}, "Variables"),
    el("p", { class: "lead" }, "Write [name] in a field for a variable's value, [name{default}] for a default where it is not defined, and \\[ for the bracket itself."),
    el("p", {}, el("button", { type: "button", class: "primary", id: "new-variable", onclick: () => edit(state, null) }, "New variable")),
    list.length === 0 ? el("div", { class: "card empty" }, "No variable yet.") : table("Variables", ["Name", "Where", "Values", ""], list.map((variable) => [
      el("span", {}, el("code", {}, variable.name), el("div", { class: "hint" }, variable.description)),
      variable.scope.kind === "global" ? "all projects" : "this project",
      el("ul", {}, variable.values.map((value) => el("li", {}, `${named(state.environments, value.environment)}: `, variable.secret ? el("span", { class: "quiet" }, "set, secret") : el("code", {}, value.value)))),
      menu(`Menu of ${variable.name}`, [
        ["View / edit", () => edit(state, variable)],
        ["View dependencies", async () => {
          const found = await attempt(() => get(`/variables/${variable.id}/dependents`));
          if (found) await show(`What uses “${variable.name}”`, dependentsText(found));
        }],
        ["Delete", async () => {
          if (await confirm(`Delete “${variable.name}”?`, "It will be gone for good.", "Delete") && await attempt(() => remove(`/variables/${variable.id}`))) again();
        }, "danger"],
      ]),
    ])),
    el("h2", {}, "Predefined"),
    table("Set by the platform", ["Name", "What it holds"], predefined.map((variable) => [el("code", {}, variable.name), variable.description])));
}

function edit(state, saved) {
  const problem = el("p", { class: "problem", role: "alert" });
  const name = el("input", { id: "variable-name", value: saved?.name ?? "" });
  const description = el("input", { id: "variable-description", value: saved?.description ?? "" });
  const secret = el("input", { type: "checkbox", checked: saved?.secret, disabled: saved?.secret });
  const scope = el("select", { id: "variable-scope", disabled: Boolean(saved) }, el("option", { value: "project" }, "This project"), el("option", { value: "global" }, "All projects"));
  scope.value = saved?.scope.kind ?? "project";
  const inputs = [{ id: null, name: "Value" }, ...state.environments.map((entry) => ({ id: entry.id, name: `In ${entry.name}` }))].map((row, n) => {
    const value = saved?.values.find((entry) => entry.environment === row.id);
    const input = el("input", { id: `variable-value-${n}`, value: value?.value ?? "", placeholder: value && saved.secret ? "set — leave empty to keep it" : "" });
    secret.addEventListener("change", () => (input.type = secret.checked ? "password" : "text"));
    if (saved?.secret) input.type = "password";
    return { ...row, input, set: Boolean(value) };
  });
  const { open, close } = modal("Variable");
  open(el("h3", {}, saved ? saved.name : "New variable"),
    el("div", { class: "field" }, el("label", { for: "variable-name" }, "Name *"), name),
    el("div", { class: "field" }, el("label", { for: "variable-scope" }, "Holds in"), scope),
    el("div", { class: "field" }, el("label", { for: "variable-description" }, "What it is for"), description),
    el("div", { class: "field" }, el("label", { class: "check" }, secret, "Secret: kept sealed, never shown")),
    ...inputs.map(({ name: label, input }) => el("div", { class: "field" }, el("label", { for: input.id }, label), input)),
    problem,
    el("div", { class: "row end" }, el("button", { type: "button", onclick: () => close() }, "Cancel"),
      el("button", { type: "button", class: "primary", id: "save-variable", onclick: async () => {
        const values = inputs.filter(({ input, set }) => input.value !== "" || (set && secret.checked && saved?.secret))
          .map(({ id, input }) => ({ environment: id, ...(input.value === "" ? {} : { value: input.value }) }));
        const draft = { name: name.value, description: description.value, secret: secret.checked, values };
        const done = await attempt(() => saved
          ? put(`/variables/${saved.id}`, { revision: saved.revision, ...draft })
          : post("/variables", { scope: scope.value === "global" ? { kind: "global" } : { kind: "project", project: state.project }, ...draft }), problem);
        if (done) { close(); again(); }
      } }, "Save variable")));
}

/** How an agent reaches the world: its proxy, and whom it trusts. */
function network(agent) {
  const problem = el("p", { class: "problem", role: "alert" });
  const field = (id, label, input, hint) => el("div", { class: "field" }, el("label", { for: id }, label), input,
    hint ? el("p", { class: "hint", id: `${id}-hint` }, hint) : null);
  const input = (id, value, more = {}) => el("input", { id, value, ...more });
  const url = input("proxy-url", agent.proxy?.url ?? "", { placeholder: "http://host:port" });
  const user = input("proxy-user", agent.proxy?.user ?? "");
  const password = input("proxy-password", "", { type: "password", autocomplete: "off", placeholder: agent["proxy-password-set"] ? "set — leave empty to keep it" : "" });
  const exceptions = input("proxy-exceptions", (agent.proxy?.exceptions ?? []).join(" "), { "aria-describedby": "proxy-exceptions-hint" });
  const certificates = el("textarea", { id: "certificates", value: agent.certificates, spellcheck: "false", "aria-describedby": "certificates-hint" });
  const { open, close } = modal("Network of the agent");
  open(el("form", { onsubmit: async (event) => {
    event.preventDefault();
    const proxy = url.value.trim() ? { url: url.value, user: user.value || null, exceptions: exceptions.value.split(/\s+/).filter(Boolean) } : null;
    const draft = { revision: agent.revision, name: agent.name, group: agent.group, proxy, certificates: certificates.value, ...(password.value ? { "proxy-password": password.value } : {}) };
    if (await attempt(() => put(`/agents/${agent.id}`, draft), problem)) { close(); again(); }
  } },
    el("h3", {}, `Network of ${agent.name}`),
    field("proxy-url", "Proxy", url), field("proxy-user", "User, where the proxy asks for one", user), field("proxy-password", "Password", password),
    field("proxy-exceptions", "Exceptions", exceptions, "Hosts, .domains, addresses and blocks that are reached without the proxy, separated by spaces."),
    field("certificates", "Certificate authorities", certificates, "Trusted beside the system's own, as PEM: a company's own, or that of a proxy that opens TLS."),
    problem,
    el("div", { class: "row end" }, el("button", { type: "button", onclick: () => close() }, "Cancel"), el("button", { class: "primary", id: "save-network" }, "Save network"))));
}

export async function agents() {
  const [list, groups, connectors, joined, broken] = await Promise.all([get("/agents"), get("/agent-groups"), get("/connectors"), get("/joined-agents"), get("/quarantine")]);
  const file = el("input", { type: "file", id: "component", accept: ".wasm", onchange: async () => {
    const published = await attempt(() => sendFile("POST", "/connectors/publish", file.files[0]));
    if (published) { say(`Published ${published.name} ${published.version}.`); again(); }
  } });
  return el("div", {}, el("h1", {}, "Agents & versions"),
    el("p", { class: "lead" }, "Agents do the work. Each downloads versions of connectors from the registry, verifies them and runs them in a sandbox."),
    el("div", { class: "card" }, el("h3", {}, "Publish a connector"),
      el("div", { class: "field" }, el("label", { for: "component" }, "Component (a .wasm file)"), file)),
    table("Connectors in the registry", ["Connector", "Versions, newest first"], connectors.map((connector) => [connector.name, connector.versions.join(", ")])),
    el("h2", {}, "Agents"),
    el("p", { class: "row" }, el("button", { type: "button", onclick: async () => {
      const name = await ask("New agent", "Agent name");
      if (name !== undefined && await attempt(() => post("/agents", { name, group: groups[0].id }))) again();
    } }, "New agent"), el("button", { type: "button", onclick: async () => {
      const name = await ask("New cloud agent group", "Group name");
      if (name !== undefined && await attempt(() => post("/agent-groups", { name, kind: "cloud" }))) again();
    } }, "New cloud group")),
    table("Agents and the versions that they have", ["Agent", "Group", "Proxy", "Versions", ""], list.map((agent) => [
      agent.name,
      el("select", { "aria-label": `Group of ${agent.name}`, onchange: async (event) => {
        await attempt(() => put(`/agents/${agent.id}`, { revision: agent.revision, name: agent.name, group: Number(event.target.value), proxy: agent.proxy, certificates: agent.certificates }));
        again();
      } }, groups.map((group) => el("option", { value: group.id, selected: group.id === agent.group }, `${group.name} (${group.kind})`))),
      agent.proxy ? agent.proxy.url : el("span", { class: "quiet" }, "none"),
      agent.versions.length === 0 ? el("span", { class: "quiet" }, "none yet") : el("ul", {}, agent.versions.map((version) =>
        el("li", {}, `${version.connector} ${version.version} `, el("code", {}, version.digest.slice(0, 19)), "…"))),
      menu(`Menu of ${agent.name}`, [
        ["Network", () => network(agent)],
        ["Rename", async () => {
          const name = await ask("Rename the agent", "Agent name", agent.name);
          if (name !== undefined && await attempt(() => put(`/agents/${agent.id}`, { revision: agent.revision, name, group: agent.group, proxy: agent.proxy, certificates: agent.certificates }))) again();
        }],
        ["Delete", async () => {
          if (await confirm(`Delete “${agent.name}”?`, "It will be gone for good.", "Delete") && await attempt(() => remove(`/agents/${agent.id}`))) again();
        }, "danger"],
      ]),
    ])),
    broken.length === 0 ? "" : quarantine(broken),
    joined.length === 0 ? "" : table("Agents that have joined over NATS", ["Agent", "Group", "Seen", "Busy", "Program", "Versions"], joined.flatMap((group) =>
      group.error ? [["", group.name, group.error, "", "", ""]] : group.agents.map((agent) => [
        agent.name,
        group.name,
        `${(agent["seen-ms-ago"] / 1000).toFixed(1)} s ago${agent.alive ? "" : ", gone"}`,
        `${agent.busy} of ${agent.slots}${agent.draining ? ", takes no more" : ""}`,
        agent.program,
        el("div", {}, agent.trouble || agent.versions.map((version) => `${version.connector} ${version.version}`).join(", "),
          agent.quarantine.map((held) => el("p", { class: "wait" }, `${held.connector} ${held.version} is in quarantine: ${held.reason}`))),
      ]))));
}

/** Versions that broke down, and on which agent. */
function quarantine(broken) {
  return table("Versions that broke down", ["Version", "Agent", "Breakdowns", "The last time", "Not used since", ""], broken.map((kept) => [
    `${kept.connector} ${kept.version}`,
    kept.agent ?? "this program",
    String(kept.breakdowns),
    kept.last,
    kept.since ? el("span", { class: "bad" }, when(kept.since)) : "still used",
    el("button", { type: "button", "aria-label": `Use ${kept.connector} ${kept.version} again`, onclick: async () => {
      if (await confirm(`Use ${kept.connector} ${kept.version} again?`, "Its breakdowns are forgotten, on all agents of this program.", "Use it again", "primary")
        && await attempt(() => post("/quarantine/lift", { connector: kept.connector, version: kept.version }))) again();
    } }, "Use again"),
  ]));
}

export async function files() {
  const list = await get("/files");
  const file = el("input", { type: "file", id: "upload", accept: ".csv,.tsv,.json,.ndjson,.jsonl", onchange: async () => {
    const chosen = file.files[0];
    if (chosen && await attempt(() => sendFile("PUT", `/files/${encodeURIComponent(chosen.name)}`, chosen))) { say("Uploaded."); again(); }
  } });
  return el("div", {}, el("h1", {}, "Files"),
    el("p", { class: "lead" }, "Operations read records from these files and write them there: NDJSON, JSON or CSV."),
    el("div", { class: "card" }, el("div", { class: "field" }, el("label", { for: "upload" }, "Upload a file"), file)),
    list.length === 0 ? el("div", { class: "card empty" }, "No file yet.") : table("Files", ["Name", "Bytes", "Written", ""], list.map((entry) => [
      el("a", { href: `/api/v1/files/${encodeURIComponent(entry.name)}` }, entry.name), String(entry.bytes), new Date(entry.modified).toLocaleString(),
      el("button", { type: "button", class: "danger", "aria-label": `Delete ${entry.name}`, onclick: async () => {
        if (await confirm(`Delete “${entry.name}”?`, "It will be gone for good.", "Delete") && await attempt(() => remove(`/files/${encodeURIComponent(entry.name)}`))) again();
      } }, "Delete"),
    ])));
}

export async function settings(state) {
  const [organization, groups] = await Promise.all([get("/organization"), get("/agent-groups")]);
  const policy = (key, title, text) => {
    const box = el("input", { type: "checkbox", id: key, checked: organization.policies[key], "aria-describedby": `${key}-hint`, onchange: async () => {
      const policies = { ...organization.policies, [key]: box.checked };
      if (await attempt(() => put("/organization", { revision: organization.revision, name: organization.name, policies }))) say("Saved.");
      again();
    } });
    return el("div", { class: "field" }, el("label", { class: "check" }, box, title), el("p", { class: "hint", id: `${key}-hint` }, text));
  };
  const changed = async () => { await refresh(); again(); };
  return el("div", {}, el("h1", {}, "Settings"),
    el("h2", {}, "Policies of the organization"),
    el("div", { class: "card" },
      policy("disable-auto-connector-update", "Disable Auto Connector Update", "Testing a connection no longer makes the agents download the newest version of its connector first; they use the one they have."),
      policy("reauthentication-on-change", "Enable Re-authentication on Change", "When what a connection reaches changes, its secrets are cleared and have to be typed again before it can be saved or tested.")),
    el("h2", {}, "Environments"),
    el("p", {}, el("button", { type: "button", onclick: async () => {
      const name = await ask("New environment", "Environment name");
      if (name !== undefined && await attempt(() => post("/environments", { name, kind: "production", group: groups[0].id }))) changed();
    } }, "New environment")),
    table("Environments, each on one group of agents", ["Name", "Kind", "Agent group", ""], state.environments.map((entry) => {
      const save = async (change) => { await attempt(() => put(`/environments/${entry.id}`, { revision: entry.revision, name: entry.name, kind: entry.kind, group: entry.group, ...change })); changed(); };
      return [entry.name,
        el("select", { "aria-label": `Kind of ${entry.name}`, onchange: (event) => save({ kind: event.target.value }) },
          [["production", "production: https only"], ["development", "development: http to this machine, too"]].map(([value, title]) => el("option", { value, selected: value === entry.kind }, title))),
        el("select", { "aria-label": `Agent group of ${entry.name}`, onchange: (event) => save({ group: Number(event.target.value) }) },
          groups.map((group) => el("option", { value: group.id, selected: group.id === entry.group }, `${group.name} (${group.kind})`))),
        el("button", { type: "button", class: "danger", "aria-label": `Delete ${entry.name}`, onclick: async () => {
          if (await confirm(`Delete “${entry.name}”?`, "The values that variables have in it go with it.", "Delete") && await attempt(() => remove(`/environments/${entry.id}`))) changed();
        } }, "Delete")];
    })),
    el("h2", {}, "Projects"),
    el("p", {}, el("button", { type: "button", onclick: async () => {
      const name = await ask("New project", "Project name");
      if (name !== undefined && await attempt(() => post("/projects", { name }))) changed();
    } }, "New project")),
    table("Projects", ["Name", ""], state.projects.map((project) => [project.name, menu(`Menu of ${project.name}`, [
      ["Rename", async () => {
        const name = await ask("Rename the project", "Project name", project.name);
        if (name !== undefined && await attempt(() => put(`/projects/${project.id}`, { revision: project.revision, name }))) changed();
      }],
      ["Delete", async () => {
        if (await confirm(`Delete “${project.name}”?`, "Only an empty project can be deleted.", "Delete") && await attempt(() => remove(`/projects/${project.id}`))) changed();
      }, "danger"],
    ])])));
}
