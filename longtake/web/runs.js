// The list of earlier runs: each leads to its run by a link, and has a button that asks to delete
// it. All that comes from a video or a model is set as text (textContent), never as markup.

const lists = new WeakMap();
const BIN = "M3 5h14M8 5V3h4v2M5 5l1 12h8l1-12M8.5 8.5v5M11.5 8.5v5";

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const list = lists.get(parentElement) ?? new List(parentElement);
  lists.set(parentElement, list);
  list.show(data, setTriggerValue);
}

function make(tag, name) {
  return Object.assign(document.createElement(tag), { className: name });
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

class List {
  constructor(parent) {
    this.root = make("ul", "runs");
    this.rows = new Map();  // by id: what is drawn is changed, so that focus stays where it is
    parent.append(this.root);
  }

  show(data, trigger) {
    this.trigger = trigger;
    for (const run of data.runs) {
      if (!this.rows.has(run.id)) this.rows.set(run.id, this.makeRow(run.id));
      this.update(this.rows.get(run.id), run, data);
    }
    const known = new Set(data.runs.map((run) => run.id));
    for (const id of [...this.rows.keys()]) if (!known.has(id)) this.rows.delete(id);
    const wanted = data.runs.map((run) => this.rows.get(run.id).item);
    const same = wanted.length === this.root.children.length
      && wanted.every((item, n) => this.root.children[n] === item);
    if (!same) this.root.replaceChildren(...wanted);
  }

  makeRow(id) {
    const row = { item: make("li", "run"), link: make("a", "run-open"), image: make("img", ""),
      length: make("span", "run-length"), title: make("span", "run-title"), headline: make("span", "run-headline"),
      said: make("span", "run-said"), bin: make("button", "run-delete") };
    row.link.href = `?run=${encodeURIComponent(id)}`;
    row.link.addEventListener("click", (event) => {
      if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.trigger("opened", { run: id, at: Date.now() });
    });
    Object.assign(row.image, { alt: "", loading: "lazy", decoding: "async" });
    row.image.addEventListener("error", () => row.image.classList.add("missing"));
    const thumb = make("span", "run-thumb"), words = make("span", "run-words");
    thumb.append(row.image, row.length);
    words.append(row.title, row.headline, row.said);
    row.link.append(thumb, words);
    row.bin.type = "button";
    row.bin.append(draw(BIN));
    row.bin.addEventListener("click", () => this.trigger("unwanted", { run: id, at: Date.now() }));
    row.item.append(row.link, row.bin);
    return row;
  }

  update(row, run, data) {
    setText(row.title, run.title);
    setText(row.headline, run.headline);
    setText(row.length, run.length);
    setText(row.said, run.said);
    row.link.title = run.title;
    row.bin.title = "Delete this run";
    row.bin.setAttribute("aria-label", `Delete ${run.title}`);
    const place = `${data.base}/longtake/runs/${encodeURIComponent(run.id)}/thumbs/${run.thumb}.jpg`;
    if (run.thumb && row.place !== place) {
      row.place = row.image.src = place;
      row.image.classList.remove("missing");
    }
    row.image.hidden = !run.thumb;
    if (run.id === data.current) row.item.setAttribute("aria-current", "page");
    else row.item.removeAttribute("aria-current");
  }
}

function draw(path) {
  const [svg, line] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}
