// The page of a review. All texts go into the page as text, never as markup.
"use strict";

const at = (id) => document.getElementById(id);
const KEYED = 9; // classes that have a digit
const STRETCH = 320; // characters at either end of an unchanged stretch; what is between them is folded
const LIMIT = 25;
const PARTICIPLE = { accept: "accepted", reject: "rejected", relabel: "relabelled" };

let about = null; // what does not change
let state = null; // how far the review is, as the server last said
let row = null; // the row that is shown
let offset = 0; // of the list
let asked = 0; // lists
let busy = false;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function count(number) {
  return number.toLocaleString("en");
}

// Asking the server

async function ask(path, words, sent) {
  const address = `${path}?${new URLSearchParams(words)}`;
  const options = sent === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(sent),
  };
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Error("The server does not answer. Is `augment review` still running? Nothing of what you decided before is lost.");
  }
  if (response.status === 403) throw new Error(await response.text());
  const answer = await response.json();
  if (!response.ok) {
    const error = new Error(answer.error);
    error.stale = response.status === 409;
    throw error;
  }
  return answer;
}

function filter() {
  const words = {};
  for (const [name, value] of new FormData(at("form"))) if (value !== "") words[name] = value;
  return words;
}

// Showing

function alertWith(text) {
  at("alert").textContent = text || "";
  at("alert").hidden = !text;
}

function say(text) {
  at("said").textContent = text;
}

function showState(next) {
  state = next;
  const share = (number) => `${state.rows ? (100 * number) / state.rows : 0}%`;
  at("counts").textContent =
    `${count(state.read)} of ${count(state.rows)} read: ${count(state.accepted)} accepted, ` +
    `${count(state.rejected)} rejected, ${count(state.relabelled)} relabelled`;
  const bar = at("bar");
  bar.setAttribute("aria-valuemax", state.rows);
  bar.setAttribute("aria-valuenow", state.read);
  const [accept, relabel, reject] = bar.children;
  accept.style.width = share(state.accepted);
  relabel.style.width = share(state.relabelled);
  reject.style.width = share(state.rejected);
  at("outlook").textContent = state.outlook;
  at("undo").disabled = state.last === null;
}

function foldable(text) {
  const folded = element("button", "", `… ${count(text.length)} more characters …`);
  folded.type = "button";
  folded.addEventListener("click", () => folded.replaceWith(document.createTextNode(text)));
  return folded;
}

function showText(place, pieces, mark) {
  const shown = [];
  for (const [text, changed] of pieces) {
    if (changed) {
      shown.push(element(mark, "", text));
    } else if (text.length > 2 * STRETCH + 80) {
      shown.push(text.slice(0, STRETCH), foldable(text.slice(STRETCH, -STRETCH)), text.slice(-STRETCH));
    } else {
      shown.push(text);
    }
  }
  place.replaceChildren(...shown);
}

function fact(name, value, share, own) {
  const line = element("div", own ? "fact own" : "fact");
  const title = element("span", "", name);
  title.dir = "auto";
  title.title = name;
  const gauge = element("div", "gauge");
  const filled = element("i");
  filled.style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
  gauge.append(filled);
  line.append(title, gauge, element("b", "", value));
  return line;
}

function group(title, lines) {
  const made = element("div");
  made.append(element("h2", "", title), ...lines);
  return made;
}

function showFacts() {
  const groups = [];
  if (row.probabilities) {
    const lines = row.probabilities.slice(0, 5);
    groups.push(group("The teacher's probabilities", lines.map(
      ([name, share]) => fact(name, share.toFixed(2), share, name === row.label))));
  }
  const scores = Object.entries(row.scores).filter(([name, value]) => name !== "teacher" && value !== null);
  const lines = scores.map(([name, value]) => fact(name, value.toFixed(2), value, false));
  if (row.risk !== null) lines.push(fact("more doubtful than", `${Math.round(100 * row.risk)} % of rows`, row.risk, false));
  if (lines.length) groups.push(group("Scores", lines));
  const others = Object.entries(row.others).filter(([, value]) => value !== "");
  if (others.length) {
    groups.push(group("Other columns", others.map(([name, value]) => {
      const line = element("div", "fact plain");
      const shown = element("span", "", value);
      shown.dir = "auto";
      line.append(element("span", "", name), shown);
      return line;
    })));
  }
  at("facts").replaceChildren(...groups);
}

function showRow(next) {
  row = next;
  const there = row !== null;
  at("card").hidden = !there;
  at("nothing").hidden = there;
  for (const id of ["accept", "reject", "next", "previous", "other"]) at(id).disabled = !there;
  for (const button of at("classes").children) button.disabled = !there;
  if (!there) {
    at("nothing").textContent = "No row fits this filter. Clear the filter to see all rows.";
    return;
  }
  at("label").textContent = row.label;
  const where = [`row ${count(row.row)}`];
  if (row.place !== null) where.push(`${count(row.place + 1)} of ${count(row.of)} in this order`);
  if (row.strategy) where.push(row.strategy);
  if (typeof row.source_row === "number") where.push(`from row ${count(row.source_row)}`);
  at("where").textContent = where.join(" · ");
  const decision = row.decision;
  at("card").dataset.verdict = decision ? decision.verdict : "";
  at("decision").textContent = !decision ? "" :
    PARTICIPLE[decision.verdict] + (decision.label ? ` as ${decision.label}` : "") + (decision.reviewer ? ` by ${decision.reviewer}` : "");
  at("source").hidden = row.source === null;
  at("pair").classList.toggle("alone", row.source === null);
  at("text").querySelector("small").textContent = row.source === null ? "Text" : "New row";
  if (row.source !== null) showText(at("source").querySelector(".text"), row.source, "del");
  showText(at("text").querySelector(".text"), row.text, "ins");
  showFacts();
  for (const button of at("classes").children) {
    button.setAttribute("aria-pressed", String(decision !== null && decision.label === button.dataset.label));
  }
  markCurrent();
}

async function showList() {
  const number = ++asked;
  const words = { ...filter(), state: at("state").value, offset, limit: LIMIT };
  const page = await ask("/api/rows", words);
  if (number !== asked) return; // a later list was asked for in the meantime
  if (page.total && page.offset >= page.total) {
    offset = 0;
    return showList();
  }
  at("total").textContent = `${count(page.total)} ${page.total === 1 ? "row" : "rows"}`;
  at("pagenumber").textContent = page.total ? `${count(Math.floor(page.offset / LIMIT) + 1)} / ${count(Math.ceil(page.total / LIMIT))}` : "";
  at("back").disabled = page.offset === 0;
  at("forth").disabled = page.offset + LIMIT >= page.total;
  at("list").replaceChildren(...page.rows.map((one) => {
    const line = element("li");
    const button = element("button");
    const excerpt = element("span", "excerpt", one.text);
    const verdict = one.decision ? one.decision.verdict : "";
    const name = element("span", "of", one.decision && one.decision.label ? `→ ${one.decision.label}` : one.label);
    excerpt.dir = "auto";
    name.dir = "auto";
    button.type = "button";
    button.dataset.row = one.row;
    button.setAttribute("aria-label", `${one.label}, ${verdict ? PARTICIPLE[verdict] : "unread"}: ${one.text}`);
    button.append(element("i", verdict), excerpt, name);
    button.addEventListener("click", () => guarded(() => open({ row: one.row })));
    line.append(button);
    return line;
  }));
  markCurrent();
}

// The list of all rows turns to the page of the row that is shown. The next decision does not wait for it.
function renewList() {
  if (at("state").value === "all" && row !== null && row.place !== null) offset = row.place - (row.place % LIMIT);
  showList().catch((error) => alertWith(error.message));
}

function markCurrent() {
  const list = at("list");
  for (const button of list.querySelectorAll("button")) {
    const current = row !== null && Number(button.dataset.row) === row.row;
    button.setAttribute("aria-current", String(current));
    if (!current) continue;
    const place = button.offsetTop; // only the list moves, and not the page
    if (place < list.scrollTop || place + button.offsetHeight > list.scrollTop + list.clientHeight) {
      list.scrollTop = place - list.clientHeight / 2;
    }
  }
}

// Doing

async function guarded(action, waits = false) {
  if (busy && waits) setTimeout(() => guarded(action, waits), 50);
  if (busy) return; // a key that is pressed before the next row is shown must not decide on it
  busy = true;
  document.body.dataset.busy = "yes";
  try {
    alertWith("");
    await action();
  } catch (error) {
    if (error.stale) await refresh().catch(() => {});
    alertWith(error.message);
  } finally {
    busy = false;
    delete document.body.dataset.busy;
  }
}

async function open(words) {
  const answer = await ask("/api/row", { ...filter(), ...words });
  showState(answer.state);
  if (answer.row === null && words.step) {
    say(words.step > 0 ? "This is the last row." : "This is the first row.");
    return;
  }
  showRow(answer.row);
  if (row === null) return;
  remember();
  if (at("state").value === "all" && row.place !== null && (row.place < offset || row.place >= offset + LIMIT)) renewList();
}

async function refresh() {
  const words = row === null ? {} : { row: row.row };
  const before = state.version;
  await open(words);
  const changed = state.version !== before;
  if (changed) await showList();
  return changed;
}

async function catchUp() {
  if (await refresh()) alertWith("Another page has decided in the meantime. This page is up to date again.");
}

async function decide(verdict, label) {
  if (row === null) return;
  const decided = row;
  const sent = { row: row.row, verdict, seen: state.version };
  if (label !== undefined) sent.label = label;
  const answer = await ask("/api/decide", filter(), sent);
  showState(answer.state);
  showRow(answer.row);
  remember();
  say(`Row ${decided.row} ${PARTICIPLE[verdict]}${label === undefined ? "" : ` as ${label}`}. ${state.read} of ${state.rows} read.` +
    (answer.done ? " All rows of this filter are read." : ""));
  if (answer.done) alertWith(state.read === state.rows ? "All rows are read. End the command with Ctrl-C, and run augment apply." :
    "All rows of this filter are read. Change the filter to go on.");
  renewList();
}

async function undo() {
  const answer = await ask("/api/undo", filter(), { seen: state.version, row: row === null ? undefined : row.row });
  showState(answer.state);
  showRow(answer.row);
  remember();
  say(answer.undone ? `The decision on row ${row.row} is taken back.` : "There is nothing to undo.");
  renewList();
}

// The address keeps filter and row, so that a reload shows the same. The token is not kept in it.
function remember() {
  const words = new URLSearchParams(filter());
  if (at("state").value !== "all") words.set("state", at("state").value);
  if (row !== null) words.set("row", row.row);
  history.replaceState(null, "", `/?${words}`);
}

function recall() {
  const words = new URLSearchParams(location.search);
  for (const field of at("form").elements) {
    if (!field.name || !words.has(field.name)) continue;
    if (field.type === "checkbox") field.checked = words.get(field.name) === "yes";
    else field.value = words.get(field.name);
  }
  if (words.has("state")) at("state").value = words.get("state");
  return words.get("row");
}

async function filtered() {
  offset = 0;
  await open({});
  remember();
  await showList();
}

function option(value, text) {
  const made = element("option", "", text);
  made.value = value;
  return made;
}

function furnish() {
  at("by-label").append(...about.classes.map((name) => option(name, name)));
  at("by-strategy").append(...about.strategies.map((name) => option(name, name)));
  at("by-score").append(...about.scores.map((name) => option(name, name === "teacher" ? "teacher's probability" : name)));
  const orders = about.scored ? [["risk", "most doubtful first"]] : [];
  orders.push(["file", "as in the file"], ...about.scores.map((name) => [name, `lowest ${name} first`]));
  at("order").append(...(about.sample === null ? orders : [["risk", "as they were drawn"]]).map(([value, text]) => option(value, text)));
  at("order").disabled = about.sample !== null;
  at("disagrees").disabled = !about.teacher;
  for (const id of ["by-score", "at-most"]) at(id).disabled = !about.scores.length;
  at("by-strategy").disabled = about.strategies.length < 2;
  at("classes").append(...about.classes.slice(0, KEYED).map((name, i) => {
    const button = element("button");
    const text = element("span", "", name);
    text.dir = "auto";
    button.type = "button";
    button.title = name;
    button.dataset.label = name;
    button.setAttribute("aria-keyshortcuts", String(i + 1));
    button.append(element("kbd", "", String(i + 1)), " ", text);
    button.addEventListener("click", () => guarded(() => decide("relabel", name)));
    return button;
  }));
  at("more").hidden = about.classes.length <= KEYED;
  at("other").append(...about.classes.slice(KEYED).map((name) => option(name, name)));
  at("notes").textContent = (about.sample === null ? "" : `A sample of ${count(about.sample)} rows, drawn at random. `) + about.notes.join(" ");
  at("place").textContent = about.decisions;
}

const KEYS = {
  a: () => decide("accept"),
  r: () => decide("reject"),
  u: undo,
  n: () => open({ row: row.row, step: 1 }),
  p: () => open({ row: row.row, step: -1 }),
};
KEYS.ArrowRight = KEYS.n;
KEYS.ArrowLeft = KEYS.p;

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "/") {
    event.preventDefault();
    at("filters").open = true;
    at("search").focus();
  } else if (/^[1-9]$/.test(key)) {
    const name = about.classes[Number(key) - 1];
    if (name !== undefined) guarded(() => decide("relabel", name));
  } else if (Object.hasOwn(KEYS, key) && (key === "u" || row !== null)) {
    event.preventDefault();
    guarded(KEYS[key]);
  }
}

async function begin() {
  about = await ask("/api/about", {});
  furnish();
  if (matchMedia("(max-width: 60rem)").matches) at("filters").open = false;
  const known = recall();
  showState(about.state);
  await open(known === null ? {} : { row: known }).catch(() => open({}));
  await showList();
  const click = (id, action) => at(id).addEventListener("click", () => guarded(action));
  click("accept", KEYS.a);
  click("reject", KEYS.r);
  click("undo", undo);
  click("next", KEYS.n);
  click("previous", KEYS.p);
  click("back", () => { offset = Math.max(0, offset - LIMIT); return showList(); });
  click("forth", () => { offset += LIMIT; return showList(); });
  at("other").addEventListener("change", () => {
    const name = at("other").value;
    at("other").value = "";
    if (name) guarded(() => decide("relabel", name));
  });
  at("state").addEventListener("change", () => guarded(async () => { offset = 0; remember(); await showList(); }, true));
  let waiting = null;
  at("form").addEventListener("submit", (event) => event.preventDefault());
  at("form").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => guarded(filtered, true), 250);
  });
  at("form").addEventListener("reset", () => setTimeout(() => guarded(filtered, true), 0));
  document.addEventListener("keydown", pressed);
  // Another tab may have decided in the meantime.
  document.addEventListener("visibilitychange", () => { if (!document.hidden) guarded(catchUp, true); });
  window.addEventListener("focus", () => guarded(catchUp, true));
  document.body.dataset.ready = "yes";
}

begin().catch((error) => alertWith(error.message));
