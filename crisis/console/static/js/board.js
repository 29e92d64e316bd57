// The countdown before a broadcast leaves, second by second, and what is hidden once there is nothing left to stop.
const box = document.getElementById("count-down");
if (box) {
  const until = performance.now() + Number(box.dataset.seconds) * 1000;
  const show = () => {
    const left = Math.max(0, Math.ceil((until - performance.now()) / 1000));
    box.querySelector("[data-left]").textContent = String(left);
    if (left === 0) box.hidden = true; else setTimeout(show, 200);
  };
  show();
}

document.addEventListener("refreshed", (event) => {
  const now = event.target.querySelector("[data-queued]");
  if (!now) return;
  const stop = document.getElementById("stop");
  if (stop && now.dataset.queued === "0") stop.hidden = true;
  if (box && now.dataset.state !== "released") box.hidden = true;
});
