// Keeps <section data-refresh="URL" data-every="ms"> up to date: swapped when its ETag changed, paused while hidden, and
// honest when the connection is gone: a banner says so, with the time of the last answer.

let active = true; // has a person done something since the last poll? Only that keeps a sign-in alive.
for (const kind of ["pointerdown", "keydown", "touchstart"]) addEventListener(kind, () => { active = true; }, { passive: true });

const PATIENCE = 8000;

export function watchFragments(root) {
  for (const section of root.querySelectorAll("[data-refresh]")) watch(section);
}

function watch(section) {
  const every = Math.max(500, Number(section.dataset.every) || 5000);
  let etag = null, last = new Date(), failures = 0, timer = 0, asking = false;

  const later = () => {
    clearTimeout(timer);
    // A server in trouble is not asked faster than it can answer; ten seconds at most, so recovery shows soon.
    timer = setTimeout(ask, document.hidden ? 3600000 : Math.min(every * 2 ** Math.min(failures, 4), Math.max(every, 10000)));
  };

  async function ask() {
    if (asking || document.hidden) return later();
    asking = true;
    const headers = { "X-Fragment": "1" };
    if (etag) headers["If-None-Match"] = etag;
    if (active) headers["X-Active"] = "1";
    active = false;
    try {
      const answer = await fetch(section.dataset.refresh, { headers, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE) });
      if (answer.status === 401) { show(section, "signedOut", last); return; }
      if (answer.status !== 304 && !answer.ok) throw new Error(String(answer.status));
      if (answer.status === 200) {
        const html = await answer.text();
        // Under a finger, or behind a question, nothing is swapped: the press would hit thin air. The next answer will do.
        if (!section.querySelector("button:active, a:active, summary:active") && !document.querySelector("dialog[open]")) {
          etag = answer.headers.get("ETag");
          swap(section, html);
        }
      }
      failures = 0; last = new Date();
      hide(section);
    } catch {
      failures += 1;
      if (failures > 1) show(section, "lost", last);
    } finally {
      asking = false;
      if (section.isConnected) later();
    }
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  addEventListener("online", ask);
  later();
}

function swap(section, html) {
  const box = document.createElement("template");
  box.innerHTML = html;
  if (section.innerHTML === box.innerHTML) return;
  const held = section.contains(document.activeElement) ? document.activeElement.id || document.activeElement.getAttribute("href") : null;
  const open = [...section.querySelectorAll("details[open][id]")].map((one) => one.id);
  // What somebody is typing stays; the fields' own values are renewed.
  const typed = [...section.querySelectorAll("input[id]:not([type=hidden])")].filter((one) => one.value !== one.defaultValue).map((one) => [one.id, one.value]);
  section.replaceChildren(box.content);
  for (const [id, value] of typed) { const field = section.querySelector(`#${CSS.escape(id)}`); if (field) field.value = value; }
  for (const id of open) section.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  if (held) (document.getElementById(held) || section.querySelector(`[href="${CSS.escape(held)}"]`))?.focus({ preventScroll: true });
  section.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
}

function show(section, kind, last) {
  hide(section);
  const words = document.getElementById("page-words").dataset;
  const bar = document.createElement("div");
  bar.className = "banner bad lost";
  bar.setAttribute("role", "alert");
  const text = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = words[kind];
  text.append(strong, ` ${words.last} ${last.toLocaleTimeString("nb-NO")}. `);
  if (kind === "signedOut") {
    const link = document.createElement("a");
    link.href = location.pathname + location.search;
    link.textContent = words.signIn;
    text.append(link);
  }
  bar.append(text);
  section.before(bar);
  section.lostBar = bar;
}

function hide(section) {
  section.lostBar?.remove();
  section.lostBar = null;
}
