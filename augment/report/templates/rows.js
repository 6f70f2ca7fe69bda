"use strict";
// The table of rows: a click on a heading sorts by it, and the search hides rows that do not hold its text.
const table = document.getElementById("rows");
const body = table.tBodies[0];
const lines = [...body.rows];
const headings = [...table.tHead.rows[0].cells];
const search = document.getElementById("holds");

function value(line, place, kind) {
  const text = line.cells[place].textContent;
  if (kind === "text") return text;
  const number = Number(text);
  return Number.isNaN(number) ? Infinity : number;
}

function sort(heading, place) {
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of headings) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const kind = heading.dataset.kind;
  const keyed = lines.map((line) => [value(line, place, kind), line]);
  const by = kind === "text" ? new Intl.Collator().compare : (a, b) => (a === b ? 0 : a - b);
  keyed.sort(([a], [b]) => (down ? by(b, a) : by(a, b)));
  body.append(...keyed.map(([, line]) => line));
}

headings.forEach((heading, place) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = heading.textContent;
  button.addEventListener("click", () => sort(heading, place));
  heading.replaceChildren(button);
});

function narrow() {
  const wanted = search.value.toLowerCase();
  let shown = 0;
  for (const line of lines) {
    line.hidden = !(line.cells[1].textContent + "\n" + line.cells[2].textContent).toLowerCase().includes(wanted);
    if (!line.hidden) shown += 1;
  }
  document.getElementById("shown").textContent = wanted ? `${shown} of ${lines.length} rows` : "";
}

search.addEventListener("input", narrow);
document.getElementById("tools").hidden = false;
