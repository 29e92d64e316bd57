// Checks a draft while it is being typed: asks the server, which alone knows the rules, and keeps nothing there.
// Also says when the preview below is older than the form, so that nobody trusts the wrong one.
const form = document.getElementById("draft");
if (form?.dataset.check) watch(form);

function watch(form) {
  let timer = 0, asked = 0;
  const touched = new Set();

  form.addEventListener("input", (event) => look(event.target));
  // What was typed before this ran, or brought back by the browser's back button, counts as well.
  for (const field of form.elements) if (changed(field)) look(field);

  function look(field) {
    touched.add(field.name);
    document.body.classList.toggle("stale", [...form.elements].some(changed));
    clearTimeout(timer);
    timer = setTimeout(ask, 400);
  }

  async function ask() {
    const number = ++asked;
    try {
      const answer = await fetch(form.dataset.check, { method: "POST", body: new FormData(form), headers: { "X-Fragment": "1", "X-Active": "1" }, signal: AbortSignal.timeout(8000) });
      if (answer.ok && number === asked) show(await answer.json());
    } catch { /* the form still works; saving checks again */ }
  }

  function show({ errors, sizes, problems }) {
    for (const place of form.querySelectorAll("[data-wrong]")) {
      const name = place.dataset.wrong, shown = touched.has(`slot-${name}`) ? errors[name] || "" : place.textContent;
      if (place.textContent !== shown) place.textContent = shown;
      for (const field of form.querySelectorAll(`[name="slot-${CSS.escape(name)}"]`)) {
        if (shown) field.setAttribute("aria-invalid", "true"); else field.removeAttribute("aria-invalid");
      }
    }
    fill(document.getElementById("sizes"), sizes.map((one) => [`${one.label} ${one.language}: ${one.used} / ${one.limit} ${one.unit}`, one.over]));
    fill(document.getElementById("live-problems"), problems.map((one) => [one, true]));
  }
}

function changed(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  return field.type !== "hidden" && field.matches("input") && field.value !== field.defaultValue;
}

function fill(list, lines) {
  list?.replaceChildren(...lines.map(([text, over]) => {
    const item = document.createElement("li");
    item.textContent = text;
    item.classList.toggle("over", over);
    return item;
  }));
}
