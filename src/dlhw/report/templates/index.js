
// Which entries are shown, and in what order; their keys stand in the order of the options of "Sort by".
const control = (name) => document.getElementById(name);
const entries = [...document.querySelectorAll(".entry")].map((element) => ({
  element,
  kind: element.dataset.kind,
  experiments: JSON.parse(element.dataset.experiments),
  keys: JSON.parse(element.dataset.keys),
  text: element.textContent.toLowerCase(),
}));

function fits({ kind, experiments, text }) {
  const [chosen, of_kind] = [control("experiment").value, control("kind").value];
  const words = control("words").value.toLowerCase().split(/\s+/);
  return (
    (!chosen || experiments.includes(chosen)) && (!of_kind || kind === of_kind) && words.every((word) => text.includes(word))
  );
}

function order() {
  const column = control("order").selectedIndex;
  const { first, last, descending } = control("order").selectedOptions[0].dataset;
  const reverse = control("reverse").checked;
  const sign = (descending === undefined) === reverse ? -1 : 1;
  const compareKeys = (x, y) => (typeof x === "string" ? x.localeCompare(y, undefined, { numeric: true }) : x - y);
  const sorted = [...entries].sort(({ keys: a }, { keys: b }) => {
    const [x, y] = [a[column], b[column]];
    return x === null || y === null ? (x === null) - (y === null) : sign * compareKeys(x, y);
  });
  document.querySelector(".entries").append(...sorted.map((entry) => entry.element));
  return reverse ? last : first;
}

function update() {
  for (const entry of entries) entry.element.hidden = !fits(entry);
  const num_shown = entries.filter((entry) => !entry.element.hidden).length;
  const by = control("order").selectedOptions[0].textContent.toLowerCase();
  control("count").textContent = `${num_shown} of ${entries.length} shown, by ${by}, ${order()}.`;
}
document.querySelector(".controls").addEventListener("input", update);
addEventListener("pageshow", update); // a browser that comes back to the page brings the old choices
