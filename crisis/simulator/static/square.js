// Keeps the town square fresh: asks each second, redraws only what changed, and never under somebody's typing fingers.
"use strict";

const live = document.getElementById("live");
const search = document.getElementById("search");
const query = new URLSearchParams(location.search);
const drawn = {};
let tag = "";
let page = 0;

search.value = query.get("search") || "";

function address() {
  return "/square/parts?" + new URLSearchParams({ search: search.value, page });
}

// An open list or half a composed character cannot be put back, so those wait; everything else is carried over.
let composing = false;
document.addEventListener("compositionstart", () => { composing = true; });
document.addEventListener("compositionend", () => { composing = false; });

function busy(part) {
  return part.contains(document.activeElement) && (composing || document.activeElement.matches("select"));
}

function keep(part) {
  const fields = [...part.querySelectorAll("[data-key] input:not([type=radio]):not([type=hidden]), [data-key] select, [data-key] output")];
  const name = (one) => one.closest("[data-key]").dataset.key + " " + (one.name || "output");
  const written = new Map(fields.map((one) => [name(one), [one.value, one.className]]));
  const here = fields.includes(document.activeElement) ? document.activeElement : null;
  const focus = here && { name: name(here), start: here.selectionStart, end: here.selectionEnd };
  return () => {
    for (const one of part.querySelectorAll("[data-key] input:not([type=radio]):not([type=hidden]), [data-key] select, [data-key] output")) {
      if (!written.has(name(one))) continue;
      [one.value, one.className] = written.get(name(one));
      if (focus && focus.name === name(one)) {
        one.focus({ preventScroll: true });
        if (one.setSelectionRange) one.setSelectionRange(focus.start, focus.end);
      }
    }
  };
}

function redraw(part, html) {
  const putBack = keep(part);
  const kept = new Map([...part.querySelectorAll("details[data-key]")].map((one) => [one.dataset.key, one.open]));
  const tabs = [...part.querySelectorAll("input[type=radio]:checked")].map((one) => one.id);
  const scrolled = new Map([...part.querySelectorAll("[data-key] > .talk")].map((one) => [one.parentNode.dataset.key, one.scrollTop]));
  part.innerHTML = html;
  for (const one of part.querySelectorAll("details[data-key]")) if (kept.has(one.dataset.key)) one.open = kept.get(one.dataset.key);
  for (const id of tabs) { const one = document.getElementById(id); if (one) one.checked = true; }
  for (const one of part.querySelectorAll("[data-key] > .talk")) one.scrollTop = scrolled.get(one.parentNode.dataset.key) || 0;
  putBack();
}

async function refresh() {
  try {
    const answer = await fetch(address(), { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    live.textContent = "live";
    live.classList.remove("away");
    if (answer.status === 304) return;
    const parts = await answer.json();
    let waiting = false;
    for (const part of document.querySelectorAll("[data-part]")) {
      const html = parts[part.dataset.part];
      if (drawn[part.dataset.part] === html) continue;
      if (busy(part)) { waiting = true; continue; }
      redraw(part, html);
      drawn[part.dataset.part] = html;
    }
    tag = waiting ? "" : answer.headers.get("ETag") || "";
  } catch {
    live.textContent = "not running";
    live.classList.add("away");
  }
}

async function send(url, method, body) {
  const options = { method };
  if (body) Object.assign(options, { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const answer = await fetch(url, options);
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error || answer.statusText);
  return said;
}

function values(form) {
  const given = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
  for (const name of ["times", "seconds", "size", "seed"]) if (name in given) given[name] = Number(given[name]);
  return given;
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const output = form.querySelector("output");
  const given = values(form);
  try {
    let told = "";
    if ("call" in form.dataset) {
      const number = given.number;
      delete given.number;
      await send(`/control/phones/${encodeURIComponent(number)}/call`, "POST", given);
    } else if ("say" in form.dataset) {
      const number = form.dataset.say || given.number;
      delete given.number;
      const said = await send(`/control/phones/${encodeURIComponent(number)}/say`, "POST", given);
      told = said.webhook ? (said.answer && said.answer < 300 ? "" : `the webhook answered ${said.answer || "nothing"}`) : "kept here: no webhook is set";
    } else {
      const said = await send(form.dataset.post, "POST", given);
      if ("of" in said) told = `${said.of} people speak: ${Object.entries(said.kinds).map(([kind, count]) => `${count} ${kind}`).join(", ")}`;
    }
    form.reset();
    shownKinds();
    document.activeElement.blur();
    output.textContent = told;
    output.classList.remove("bad");
    refresh();
  } catch (error) {
    output.textContent = error.message;
    output.classList.add("bad");
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-act], button[data-page]");
  if (!button) return;
  if (button.dataset.page) page = Number(button.dataset.page);
  else if (!button.dataset.sure || confirm(button.dataset.sure)) await send(button.dataset.act, button.dataset.method || "POST").catch(() => {});
  refresh();
});

// Each provider has its own faults: the list shows only those.
const provider = document.querySelector("form.fault [name=provider]");
const kind = document.querySelector("form.fault [name=kind]");
function shownKinds() {
  for (const option of kind.options) option.hidden = option.disabled = option.dataset.provider !== provider.value;
  if (kind.selectedOptions.length === 0 || kind.selectedOptions[0].disabled) kind.value = [...kind.options].find((option) => !option.disabled).value;
  const chosen = [...kind.options].find((option) => !option.disabled && option.value === kind.value);
  if (chosen) chosen.selected = true;
  document.getElementById("says").textContent = kind.selectedOptions[0].dataset.says;
}
provider.addEventListener("change", shownKinds);
kind.addEventListener("change", shownKinds);
search.addEventListener("input", () => { page = 0; refresh(); });
shownKinds();

// One question at a time, so that a slow answer does not pile up others.
(async function watch() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((done) => setTimeout(done, 1000));
  }
})();
