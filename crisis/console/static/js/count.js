// Shows how much room is left beside a field with data-count="most". The server counts again and has the last word.
export function countCharacters(root) {
  for (const field of root.querySelectorAll("[data-count]")) {
    const most = Number(field.dataset.count);
    const place = document.getElementById(`${field.id}-count`);
    if (!place || !most) continue;
    const show = () => {
      const used = [...field.value].length;
      place.textContent = `${used} / ${most}`;
      place.classList.toggle("over", used > most);
    };
    field.addEventListener("input", show);
    show();
  }
}
