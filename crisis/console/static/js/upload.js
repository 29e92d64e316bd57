// Shows how far an upload has come, and says at once when a file is too large. The form works without it.
const form = document.getElementById("upload");
const state = document.getElementById("upload-state");
const file = form.elements.file;

function tooLarge() {
  const large = file.files[0] && file.files[0].size > Number(form.dataset.most) * 1024 * 1024;
  file.setCustomValidity(large ? form.dataset.tooLarge : "");
  return large;
}

file.addEventListener("change", () => { if (tooLarge()) file.reportValidity(); });

// The page that came back says why. What was typed and the chosen file stay, so that one mistake costs one change.
function refused(page) {
  form.querySelector("button").disabled = false;
  state.hidden = true;
  const told = page.querySelector("#upload [role=alert]");
  const why = told ? document.adoptNode(told) : document.createElement("p");
  if (!told) {
    why.className = "wrong";
    why.setAttribute("role", "alert");
    why.textContent = page.querySelector("main")?.textContent.replace(/\s+/g, " ").trim() || page.title;
  }
  form.querySelector("[role=alert]")?.remove();
  form.prepend(why);
  why.scrollIntoView({ block: "center" });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const request = new XMLHttpRequest();
  const bar = state.querySelector("progress");
  state.hidden = false;
  form.querySelector("button").disabled = true;
  request.upload.addEventListener("progress", (sent) => {
    if (!sent.lengthComputable) return;
    bar.value = Math.round((100 * sent.loaded) / sent.total);
    state.querySelector("span").textContent = `${bar.value} %`;
  });
  request.addEventListener("load", () => {
    if (request.responseURL !== form.action) { location.href = request.responseURL; return; }
    refused(new DOMParser().parseFromString(request.responseText, "text/html"));
  });
  request.addEventListener("error", () => { form.querySelector("button").disabled = false; state.hidden = true; form.submit(); });
  request.open("POST", form.action);
  request.send(new FormData(form));
});
