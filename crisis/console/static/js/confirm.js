// <form data-confirm="Question?" data-confirm-yes="Verb">: asks before sending. The safe answer has the focus.
export function askFirst(root) {
  root.addEventListener("submit", (event) => {
    const form = event.target;
    const question = event.submitter?.dataset.confirm || form.dataset.confirm;
    if (!question || form.dataset.asked === "yes" || typeof HTMLDialogElement === "undefined") return;
    event.preventDefault();
    ask(question, event.submitter?.dataset.confirmYes || form.dataset.confirmYes, () => {
      form.dataset.asked = "yes";
      form.requestSubmit(event.submitter || undefined);
      delete form.dataset.asked;
    });
  });
}

function ask(question, yes, act) {
  const words = document.getElementById("page-words").dataset;
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  text.textContent = question;
  text.id = "question";
  dialog.setAttribute("aria-labelledby", text.id);
  const row = document.createElement("div");
  row.className = "actions";
  const stay = button(words.back, "quiet", () => dialog.close());
  const go = button(yes || words.yes, "danger", () => { dialog.close(); act(); });
  row.append(stay, go);
  dialog.append(text, row);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  stay.focus();
}

function button(word, kind, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = kind;
  made.textContent = word;
  made.addEventListener("click", act);
  return made;
}
