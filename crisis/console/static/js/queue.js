// The queue by keyboard: j and k walk through it, every other key presses what says so with data-key.
let here = "";

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  const items = [...document.querySelectorAll("[data-item]")];
  const at = items.findIndex((one) => one.id === here || one.contains(document.activeElement));
  if (event.key === "j" || event.key === "k") {
    const to = items[Math.max(0, Math.min(items.length - 1, at + (event.key === "j" ? 1 : -1)))];
    if (to) { here = to.id; to.focus(); to.scrollIntoView({ block: "nearest" }); }
    event.preventDefault();
    return;
  }
  if (event.key.length !== 1) return;
  const key = `[data-key~="${CSS.escape(event.key)}"]`;
  const pressed = (items[at] || items[0])?.querySelector(key) || document.querySelector(`main ${key}`);
  if (!pressed) return;
  event.preventDefault();
  // What people will read is never sent by one slip: its key only leads to it, and Enter sends.
  if ("focus" in pressed.dataset) { pressed.focus(); pressed.scrollIntoView({ block: "center" }); return; }
  pressed.click();
  if (pressed.matches("summary")) pressed.parentElement.querySelector("button, textarea, li")?.focus();
});
