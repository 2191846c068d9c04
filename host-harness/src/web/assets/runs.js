// Runs: the list, and one of them as it goes.
import { attempt, el, get, post, replace, say, table, when } from "./dom.js";
import { pretty } from "./operations.js";

const looks = { running: "wait", success: "good", partial: "wait", interrupted: "wait", failure: "bad" };
const badge = (run) => el("span", { class: `badge ${looks[run.state]}` }, run.state);

export async function runs(state) {
  const list = await get(`/runs?project=${state.project}`);
  return el("div", {}, el("h1", {}, "Runs"),
    el("p", { class: "lead" }, "Every run leaves a record: which version ran where, what was read and written, and what was rejected and why."),
    list.length === 0
      ? el("div", { class: "card empty" }, "Nothing has run yet. ", el("a", { href: "#/operations" }, "Run an operation"), ".")
      : table("The newest runs", ["Run", "Operation", "State", "Written", "Rejected", "Environment", "Agent", "Started"], list.map((run) => [
        el("a", { href: `#/run/${run.id}` }, `#${run.id}`), run["operation-name"], badge(run),
        String(run.counts.written), String(run.counts.rejected), run["environment-name"], run.agent, when(run["started-at"]),
      ])));
}

export async function runPage(state, id) {
  const first = await get(`/runs/${id}`);
  const { head, draw } = runHead(first);
  const rest = el("div", {});
  const page = el("div", {}, el("p", {}, el("a", { href: "#/runs" }, "← Runs")), head, rest);
  const events = new EventSource(`/api/v1/runs/${id}/events`);
  const stop = () => events.close();
  addEventListener("hashchange", stop, { once: true });
  events.addEventListener("run", async (event) => {
    const run = JSON.parse(event.data);
    draw(run);
    if (run.state !== "running") {
      stop();
      replace(rest, await details(run));
    }
  });
  return page;
}

const begin = async (path, body) => {
  const begun = await attempt(() => post(path, body));
  if (begun) location.hash = `#/run/${begun.run}`;
};

const counted = [
  ["read", (run) => run.counts.read], ["written", (run) => run.counts.written], ["rejected", (run) => run.counts.rejected],
  ["skipped", (run) => run.counts.skipped], ["records/s", (run) => run.rate.toFixed(0)], ["requests", (run) => run.requests],
  ["retries", (run) => run.retries],
];

/** A run's numbers and how it stands. Drawn once, so that what has the focus keeps it while the numbers change. */
function runHead(run) {
  const trigger = { "on-success": "after a run that succeeded", "on-failure": "after a run that failed", "rejected-again": "the rejected records again", resumed: "resumed" }[run.trigger];
  const numbers = counted.map(([name, of]) => [el("b", {}), name, of]);
  // The state alone is spoken: numbers that change three times a second are not.
  const state = el("span", { role: "status" });
  const buttons = el("span", { class: "row" });
  const ended = el("span", {});
  const waiting = el("p", { class: "wait", id: "waiting" });
  const outcome = el("div", {});
  let asked = 0;
  const cancel = el("button", { type: "button", id: "cancel", onclick: async () => {
    if (!await attempt(() => post(`/runs/${run.id}/cancel`))) return;
    asked += 1;
    say(asked === 1 ? "Stopping: what is under way is finished." : "Giving up what is under way.");
    cancel.textContent = "Give up what is under way";
  } }, "Cancel");
  const resume = el("button", { type: "button", class: "primary", id: "resume", onclick: () => begin(`/runs/${run.id}/resume`, {}) }, "Resume");
  const head = el("div", {},
    el("div", { class: "row" }, el("h1", {}, run["operation-name"]), state, el("span", { class: "spacer" }), buttons),
    el("p", { class: "quiet" }, `Run #${run.id} in ${run["environment-name"]} on ${run.agent}, started ${when(run["started-at"])}`, ended,
      trigger ? ` — ${trigger} ` : "",
      run["of-run"] ? el("a", { href: `#/run/${run["of-run"]}` }, `#${run["of-run"]}`) : null),
    el("div", { class: "counts" }, numbers.map(([node, name]) => el("div", { "data-count": name }, node, el("span", {}, name)))),
    waiting, outcome);
  let shown;
  const draw = (now) => {
    for (const [node, , of] of numbers) node.textContent = String(of(now));
    waiting.textContent = now.waiting ? `Waiting: ${now.waiting}` : "";
    const stands = JSON.stringify([now.state, now.resumable, now.connectors, now.warnings]);
    if (stands === shown) return;
    shown = stands;
    replace(state, badge(now));
    replace(buttons, now.state === "running" ? cancel : null, now.resumable ? resume : null);
    ended.textContent = now["ended-at"] ? `, ended ${when(now["ended-at"])}` : "";
    replace(outcome,
      now.error ? el("p", { class: "problem", role: "alert" }, now.error) : null,
      now.warnings.map((warning) => el("p", { class: "wait" }, warning)),
      now.output && now.state !== "running" && !now.output.endsWith(".part")
        ? el("p", {}, "Output: ", el("a", { href: `/api/v1/files/${encodeURIComponent(now.output)}` }, now.output)) : null,
      now.connectors.map((connector) => el("p", { class: "quiet" }, `${connector.role}: ${connector.connector} ${connector.version} `, el("code", {}, connector.digest))));
  };
  draw(run);
  return { head, draw };
}

async function details(run) {
  const rejected = run.counts.rejected > 0 ? await get(`/runs/${run.id}/rejected?count=200`) : [];
  const uncertain = rejected.some((row) => row.uncertain && !row["again-in"]);
  const open = rejected.some((row) => !row.uncertain && !row["again-in"]);
  return el("div", {},
    rejected.length ? [
      el("h2", {}, "Rejected records"),
      el("p", { class: "row" },
        open ? el("button", { type: "button", class: "primary", id: "again", onclick: () => begin(`/runs/${run.id}/rerun-rejected`, {}) }, "Run rejected again") : null,
        uncertain ? el("span", { class: "wait" }, "Some may have been written all the same: look in the remote system before sending them again.") : null),
      table(`${run.counts.rejected} rejected, the first ${rejected.length} shown`, ["Record", "Why", "What was sent"], rejected.map((row) => [
        el("span", {}, row.key, row["again-in"] ? el("a", { href: `#/run/${row["again-in"]}` }, ` again in #${row["again-in"]}`) : null),
        el("div", {}, el("span", { class: row.uncertain ? "wait" : "bad" }, row.message),
          row.fields.map(([field, message]) => el("div", { class: "hint" }, field ? `${field}: ${message}` : message)),
          row.remedy ? el("div", { class: "hint" }, row.remedy) : null, el("div", { class: "hint" }, row.code)),
        el("pre", {}, pretty(row.record)),
      ])),
    ] : null,
    el("h2", {}, "Log"),
    run.log.length === 0 ? el("p", { class: "quiet" }, "Nothing was said.")
      : table("Log lines", ["Time", "Level", "Source", "Message"], run.log.map((line) => [when(line.time), line.level, line.source, line.message])));
}
