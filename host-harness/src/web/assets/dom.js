// Building pages, and speaking to the API.

/** An element: attributes, listeners (`onclick`), and children. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else if (name === "checked") node.checked = Boolean(value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
  return node;
}

export function replace(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child));
  return node;
}

let csrf;

/** What the API refuses: code, message, findings, dependents, secrets. */
export class Refused extends Error {
  constructor(problem) {
    super(problem.message);
    Object.assign(this, problem);
  }
}

async function send(method, path, body, type) {
  if (method !== "GET" && !csrf) {
    csrf = (await (await fetch("/session")).json()).csrf;
  }
  const headers = type ? { "content-type": type } : {};
  if (csrf) headers["x-csrf-token"] = csrf;
  const answer = await fetch(`/api/v1${path}`, { method, headers, body });
  if (answer.status === 401) {
    location.href = "/login";
    throw new Refused({ code: "unauthorized", message: "The session has ended." });
  }
  const text = await answer.text();
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    value = { error: { code: "unexpected", message: text || answer.statusText } };
  }
  if (!answer.ok) throw new Refused(value.error ?? { code: "unexpected", message: text });
  return value;
}

export const get = (path) => send("GET", path);
export const post = (path, body = {}) => send("POST", path, JSON.stringify(body), "application/json");
export const put = (path, body) => send("PUT", path, JSON.stringify(body), "application/json");
export const remove = (path) => send("DELETE", path);
export const sendFile = (method, path, file) =>
  send(method, path, file, file.type || "application/octet-stream");

let clearing;
/** Says something for a moment. */
export function say(text) {
  const status = document.getElementById("status");
  status.textContent = text;
  clearTimeout(clearing);
  clearing = setTimeout(() => (status.textContent = ""), 6000);
}

/** Does something, and says what went wrong. */
export async function attempt(work, problem) {
  try {
    return await work();
  } catch (error) {
    const dependents = (error.dependents ?? []).map((d) => `• ${d.kind} “${d.name}”${d.via ? ` (${d.via})` : ""}`);
    const text = [error.message, ...dependents].join("\n");
    if (problem) problem.textContent = text;
    else await tell("That could not be done", text);
    return undefined;
  }
}

/** An empty dialog: open it with its content, close it with what it answers. */
export function modal(label, answer = () => {}) {
  const box = el("dialog", { "aria-label": label });
  const close = (value) => {
    box.close();
    box.remove();
    answer(value);
  };
  const open = (...content) => {
    box.append(...content);
    box.addEventListener("cancel", () => close(undefined));
    document.body.append(box);
    box.showModal();
  };
  return { open, close };
}

/** A question with buttons; answers the value of the one that was pressed. */
export function dialog(title, content, buttons) {
  return new Promise((resolve) => {
    const { open, close } = modal(title, resolve);
    const answer = (value) => close(typeof value === "function" ? value() : value);
    const [, last] = buttons.at(-1);
    // Return in a field is the last button, as in any form.
    open(el("form", { onsubmit: (event) => { event.preventDefault(); answer(last); } },
      el("h3", {}, title),
      ...[content].flat(),
      el("div", { class: "row end" }, buttons.map(([label, value, look], n) => n === buttons.length - 1
        ? el("button", { class: look }, label)
        : el("button", { type: "button", class: look, onclick: () => answer(value) }, label)))));
  });
}

export const tell = (title, text) => dialog(title, el("p", { class: "problem" }, text), [["Close", undefined, "primary"]]);

export const confirm = (title, text, label, look = "danger") =>
  dialog(title, el("p", {}, text), [["Cancel", false, ""], [label, true, look]]);

export function ask(title, label, value = "") {
  const input = el("input", { id: "asked", value });
  return dialog(title, el("div", { class: "field" }, el("label", { for: "asked" }, label), input), [
    ["Cancel", undefined, ""],
    ["OK", () => input.value, "primary"],
  ]);
}

export const show = (title, content) => dialog(title, content, [["Close", undefined, "primary"]]);

/** A menu of things to do with something. */
export function menu(label, entries) {
  const details = el("details", { class: "menu" }, el("summary", { "aria-label": label }, "⋯"));
  details.append(el("div", { role: "menu" }, entries.filter(Boolean).map(([text, action, look]) =>
    el("button", {
      type: "button", role: "menuitem", class: look,
      onclick: () => { details.open = false; details.firstChild.focus(); action(); },
    }, text))));
  const items = [...details.querySelectorAll("button")];
  details.addEventListener("toggle", () => { if (details.open) items[0].focus(); });
  details.addEventListener("keydown", (event) => {
    const at = items.indexOf(document.activeElement);
    const step = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Escape") { details.open = false; details.firstChild.focus(); }
    else if (details.open && step !== undefined) items.at(step % items.length).focus();
    else return;
    event.preventDefault();
  });
  details.addEventListener("focusout", (event) => {
    if (!details.contains(event.relatedTarget)) details.open = false;
  });
  return details;
}

export function table(caption, header, rows) {
  return el("table", {}, el("caption", {}, caption),
    el("thead", {}, el("tr", {}, header.map((cell) => el("th", { scope: "col" }, cell)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell))))));
}

export const dependentsText = (dependents) =>
  dependents.length === 0
    ? el("p", {}, "Nothing uses it.")
    : el("ul", {}, dependents.map((d) => el("li", {}, `${d.kind} “${d.name}”${d.via ? ` (${d.via})` : ""}`)));

/** When, for people. */
export const when = (time) => (time ? new Date(time).toLocaleString() : "");
