// Shows where one is in the menu, and closes the drop-down in the page's top when somebody clicks elsewhere or presses Escape.
export function menus(root) {
  root.querySelector(".menu [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  const open = () => root.querySelectorAll(".top details[open]");
  root.addEventListener("click", (event) => {
    for (const one of open()) if (!one.contains(event.target)) one.open = false;
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const one of open()) { one.open = false; one.querySelector("summary").focus(); }
  });
}
