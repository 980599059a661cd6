const dialog = document.getElementById("large");
for (const button of document.querySelectorAll(".enlarge")) {
  button.addEventListener("click", () => {
    const image = button.querySelector("img");
    dialog.querySelector("img").src = image.src;
    dialog.querySelector("img").alt = image.alt;
    dialog.showModal();
  });
}
dialog.addEventListener("click", (event) => {
  if (event.target.tagName !== "IMG") dialog.close();
});

// Sorting: numbers by data-value, words by the alphabet after them, what was not measured last.
function compare(a, b) {
  const [x, y] = [a, b].map((cell) => cell.dataset.value);
  if (x !== undefined && y !== undefined) return x - y;
  if (x !== undefined || y !== undefined) return x !== undefined ? -1 : 1;
  return a.textContent.localeCompare(b.textContent, undefined, { numeric: true });
}
for (const header of document.querySelectorAll("table.sortable th")) {
  header.querySelector("button").addEventListener("click", () => {
    const ascending = header.getAttribute("aria-sort") !== "ascending";
    for (const other of header.parentNode.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const body = header.closest("table").tBodies[0];
    const column = header.cellIndex;
    const missing = (row) => row.cells[column].textContent.trim() === "–";
    const rows = [...body.rows].sort(
      (a, b) => missing(a) - missing(b) || (ascending ? 1 : -1) * compare(a.cells[column], b.cells[column]),
    );
    body.append(...rows);
  });
}
