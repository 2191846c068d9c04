// Forms drawn from a descriptor: fields, conditions, variables, findings.
import { el, replace } from "./dom.js";

/**
 * Draws properties. `values` are pairs, `secrets` the names that are set.
 * Answers { node, settings(), typed(), show(findings), retype(names) }.
 */
export function drawForm(properties, values, secrets, variables, changed) {
  const rows = new Map();
  const retyped = new Set();
  const of = (name) => values.filter((value) => value.name === name).map((value) => value.value);

  for (const property of properties) {
    const id = `field-${property.name}`;
    const problem = el("p", { class: "problem", id: `${id}-problem`, role: "alert" });
    const described = { "aria-describedby": `${id}-hint ${id}-problem` };
    const saved = of(property.name);
    const notify = () => { update(); changed(); };
    let inputs = [];
    let body;
    if (property.kind === "choice" && !property.repeatable) {
      const select = el("select", { id, ...described, onchange: notify },
        property.required && property.default ? [] : el("option", { value: "" }, "—"),
        property.choices.map(([value, title]) => el("option", { value }, title)));
      select.value = saved[0] ?? property.default ?? "";
      inputs = [select];
      body = select;
    } else if (property.kind === "flag") {
      const box = el("input", { type: "checkbox", id, ...described, onchange: notify, checked: (saved[0] ?? property.default) === "true" });
      inputs = [box];
      body = box;
    } else if (property.kind === "fixed") {
      inputs = [];
      body = el("input", { id, readonly: true, value: property.default ?? "", ...described });
    } else if (property.kind === "secret") {
      const input = el("input", { id, type: "password", autocomplete: "off", ...described, oninput: notify,
        placeholder: secrets.includes(property.name) ? "set — leave empty to keep it" : "" });
      inputs = [input];
      body = el("div", {}, input);
      if (property["accepts-variables"]) body.append(listbox(input, variables));
    } else if (property.repeatable) {
      const list = el("div", {});
      const add = (value = "") => {
        const input = el("input", { value, ...described, "aria-label": `${property.title} ${inputs.length + 1}`, oninput: notify });
        inputs.push(input);
        list.append(el("div", {}, input, property["accepts-variables"] ? listbox(input, variables) : null));
      };
      saved.forEach((value) => add(value));
      body = el("div", {}, list, el("button", { type: "button", id, onclick: () => { add(); inputs.at(-1).focus(); } }, `Add to ${property.title}`));
    } else {
      const input = el("input", { id, value: saved[0] ?? "", ...described, oninput: notify,
        inputmode: property.kind === "whole-number" ? "numeric" : null, placeholder: property.default ?? "" });
      inputs = [input];
      body = el("div", {}, input);
      if (property["accepts-variables"]) body.append(listbox(input, variables));
    }
    const node = el("div", { class: "field", "data-property": property.name },
      el("label", { for: id }, property.title, property.required ? " *" : ""),
      body,
      el("p", { class: "hint", id: `${id}-hint` }, property.description),
      problem);
    rows.set(property.name, { property, node, problem, inputs: () => inputs });
  }

  function value(name) {
    const row = rows.get(name);
    if (!row) return undefined;
    const input = row.inputs()[0];
    if (!input) return row.property.default;
    if (row.property.kind === "flag") return String(input.checked);
    return input.value.trim() || row.property.default;
  }

  function shown(property, depth = 0) {
    const condition = property["shown-when"];
    if (!condition || depth > properties.length) return true;
    const [name, wanted] = condition;
    const other = rows.get(name)?.property;
    return other && shown(other, depth + 1) && wanted.includes(value(name));
  }

  function update() {
    for (const { property, node } of rows.values()) node.hidden = !shown(property);
  }
  update();

  return {
    node: el("div", {}, [...rows.values()].map((row) => row.node)),
    settings: () =>
      [...rows.values()].flatMap(({ property, inputs }) => {
        if (property.kind === "secret" || property.kind === "fixed") return [];
        return inputs()
          .map((input) => (property.kind === "flag" ? String(input.checked) : input.value))
          .filter((text) => text.trim() !== "" && !(property.kind === "flag" && text === "false"))
          // A default that nobody chose is not kept: a newer version may have another.
          .filter((text) => text !== property.default || of(property.name).includes(text))
          .map((text) => ({ name: property.name, value: text }));
      }),
    typed: () =>
      Object.fromEntries([...rows.values()]
        .filter(({ property, inputs }) => property.kind === "secret" && inputs()[0].value !== "")
        .map(({ property, inputs }) => [property.name, inputs()[0].value])),
    show(findings) {
      for (const { problem, inputs } of rows.values()) {
        problem.textContent = "";
        inputs().forEach((input) => input.removeAttribute("aria-invalid"));
      }
      const rest = [];
      for (const finding of findings) {
        const row = rows.get(finding.property);
        const text = [finding.message, finding.remedy].filter(Boolean).join("\n");
        if (!row) { rest.push(text); continue; }
        row.problem.textContent = [row.problem.textContent, text].filter(Boolean).join("\n");
        row.inputs().forEach((input) => input.setAttribute("aria-invalid", "true"));
      }
      return rest;
    },
    /** Secrets that were cleared, and have to be typed again. */
    retype(names) {
      for (const { property, inputs, problem } of rows.values()) {
        if (property.kind !== "secret") continue;
        const asked = names.includes(property.name);
        if (asked) {
          retyped.add(property.name);
          inputs()[0].placeholder = "";
          if (inputs()[0].value === "") problem.textContent = `${property.title} was cleared: type it again, because what the connection reaches has changed.`;
        } else if (retyped.delete(property.name)) {
          inputs()[0].placeholder = "set — leave empty to keep it";
          problem.textContent = "";
        }
      }
    },
  };
}

/** Lists the variables while a `[` is being typed. */
function listbox(input, variables) {
  const list = el("ul", { class: "listbox", role: "listbox", "aria-label": "Variables", hidden: true, id: `variables-${Math.random().toString(36).slice(2)}` });
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-controls", list.id);
  let at = -1;
  let found = [];

  const opened = () => {
    const before = input.value.slice(0, input.selectionStart ?? 0);
    const match = before.match(/(^|[^\\])\[([A-Za-z0-9_.-]*)$/);
    return match ? match[2] : null;
  };
  const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); at = -1; };
  const mark = () => [...list.children].forEach((item, n) => item.setAttribute("aria-selected", String(n === at)));
  const choose = (name) => {
    const end = input.selectionStart;
    const start = end - opened().length;
    const rest = input.value.slice(end).replace(/^\]/, "");
    input.value = `${input.value.slice(0, start)}${name}]${rest}`;
    input.setSelectionRange(start + name.length + 1, start + name.length + 1);
    close();
    input.dispatchEvent(new Event("input"));
  };
  input.addEventListener("input", () => {
    const typed = opened();
    found = typed === null ? [] : variables.filter(({ name }) => name.toLowerCase().includes(typed.toLowerCase()));
    if (found.length === 0) return close();
    at = 0;
    replace(list, found.map(({ name, description }) =>
      el("li", { role: "option", onmousedown: (event) => { event.preventDefault(); choose(name); } }, name, " ", el("small", { class: "quiet" }, description))));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark();
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown") at = Math.min(at + 1, found.length - 1);
    else if (event.key === "ArrowUp") at = Math.max(at - 1, 0);
    else if (event.key === "Enter" || event.key === "Tab") choose(found[at].name);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    mark();
  });
  input.addEventListener("blur", close);
  return list;
}
