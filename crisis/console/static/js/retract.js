// Minutes in which a post can still be changed in place, counted down; when they are over, the page says what is possible now.
const began = performance.now();
const waits = [...document.querySelectorAll("[data-seconds-left]")];
const show = () => {
  const gone = (performance.now() - began) / 1000;
  const left = waits.map((one) => Number(one.dataset.secondsLeft) - gone);
  if (left.some((seconds) => seconds <= 0)) return location.reload();
  waits.forEach((one, at) => { one.textContent = one.textContent.replace(/\d+/, String(Math.floor(left[at] / 60))); });
  setTimeout(show, 5000);
};
if (waits.length) show();
