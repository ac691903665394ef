// What is said, line by line, beside the player: the line now spoken is marked and kept in view,
// a click goes there, a search finds words in it. Read together with view.js, whose helpers it uses.

const FOLDED = /[\u0300-\u036f]/g;  // accents alone: other scripts' marks are letters
const KINDS = { srt: "SRT", vtt: "VTT", txt: "Text" };
const CAPTION_LETTERS = 12;  // of a line in the picture that may be what is said
const REST = 1500;  // milliseconds after which a box that stands still is nobody's to scroll

// Each letter without its case and accent, and where it stood.
function fold(text) {
  const letters = [], places = [];
  for (let at = 0; at < text.length;) {
    const letter = String.fromCodePoint(text.codePointAt(at));
    for (const bare of letter.normalize("NFD").replace(FOLDED, "").toLowerCase()) {
      letters.push(bare);
      for (let k = 0; k < bare.length; k += 1) places.push(at);
    }
    at += letter.length;
  }
  places.push(text.length);
  return { bare: letters.join(""), places };
}

const lettersOf = (text) => fold(text).bare.replace(/[^\p{L}\p{N}]+/gu, "");

// What a chunk's card tells: nothing that the card before it tells, and no line of captions in the
// picture that is told as said.
function tellOnce(chunk, around) {
  const before = around.get(chunk.chunk - 1);
  const seen = before && chunk.same_as && (chunk.same_as === before.chunk || chunk.same_as === before.same_as);
  const text = seen && chunk.text === before.text ? "" : chunk.text;
  const split = (entry) => (entry?.on_screen ?? "").split(" / ").filter(Boolean);
  const known = new Set(split(before));
  const next = around.get(chunk.chunk + 1);
  const said = lettersOf([before, chunk, next].map((entry) => entry?.speech ?? "").join(" "));
  const lines = split(chunk);
  const isSaid = (letters) => letters.length >= CAPTION_LETTERS && said.includes(letters);
  const fresh = lines.filter((line) => !known.has(line) && !isSaid(lettersOf(line)));
  const stays = !fresh.length && lines.some((line) => known.has(line));
  return { text, said: chunk.speech, written: fresh.join(" / "), stays };
}

class Transcript {
  constructor(seek, address) {
    this.seek = seek;
    this.address = address;
    this.lines = [];
    this.now = -1;
    this.following = true;
    this.build();
  }

  build() {
    this.field = el("input", { class: "find", type: "search", placeholder: "Search what is said",
      "aria-label": "Search what is said", oninput: () => this.search() });
    this.count = el("span", { class: "soft count", role: "status" });
    this.copy = el("button", { class: "act small", type: "button", onclick: () => this.copyText() }, "Copy");
    this.back = el("button", { class: "act small back", type: "button", hidden: true,
      onclick: () => this.followAgain() }, "Back to what is said now");
    this.list = el("ol", { class: "lines" });
    this.box = el("div", { class: "said-box", tabindex: 0, role: "region",
      "aria-label": "Transcript", onscroll: () => this.noteScroll() }, this.list);
    for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      this.box.addEventListener(kind, () => { this.handled = Date.now(); }, { passive: true });
    }
    this.note = el("p", { class: "soft" });
    this.files = el("p", { class: "take", "aria-label": "Downloads of the transcript" });
    this.tools = el("div", { class: "tools" }, this.field, this.count, this.copy);
    this.root = el("div", { class: "transcript card" },
      this.tools, el("div", { class: "said-frame" }, this.box, this.back), this.files, this.note);
  }

  show({ lines, said, language }, files) {
    const none = !lines.length;
    this.tools.hidden = this.box.hidden = none;
    setText(this.note, said);
    if (language) this.list.setAttribute("lang", language);
    this.lines = lines.map((line) => this.makeLine(line));
    this.list.replaceChildren(...this.lines.map((line) => line.node));
    this.files.replaceChildren(el("span", { class: "soft" }, "Take it as"), ...files.map((file) =>
      el("a", { href: this.address(file.place), download: true, title: `${file.label}, ${file.size}` },
        KINDS[file.place.split(".").pop()] ?? file.label)));
    this.files.hidden = !files.length;
    this.search();
  }

  makeLine({ at, end, time, text }) {
    const words = el("span", { class: "line-text" }, text);
    const node = el("li", { class: "line", "data-at": at, onclick: () => this.go(at) },
      el("button", { class: "time", type: "button", title: `Go to ${time}` }, time), words);
    return { at, end, time, text, folded: fold(text), node, words };
  }

  // A click that ends a selection is for copying, and leads nowhere.
  go(at) {
    if (String(this.selection() ?? "")) return;
    this.following = true;
    this.back.hidden = true;
    this.seek(at);
    this.follow(at + 0.01);
  }

  selection() {
    const root = this.root.getRootNode();
    return root.getSelection ? root.getSelection() : document.getSelection();
  }

  // --- following the player --------------------------------------------------------------------

  // The last line that has begun; none before the first, nor long after one has ended.
  find(time) {
    let low = 0, high = this.lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.lines[middle].at <= time) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  follow(time) {
    const now = this.find(time);
    if (now === this.now) return;
    this.lines[this.now]?.node.removeAttribute("aria-current");
    this.now = now;
    this.lines[now]?.node.setAttribute("aria-current", "true");
    this.keepInView();
  }

  // Scrolls the box alone, never the page.
  keepInView() {
    const line = this.lines[this.now]?.node;
    if (!line || !this.following || line.hidden || !this.box.clientHeight) return;
    const place = line.getBoundingClientRect(), box = this.box.getBoundingClientRect();
    const over = place.top - box.top - (box.height - place.height) / 3;
    if (Math.abs(over) < 1) return;
    this.moving = Date.now();
    this.box.scrollTo({ top: this.box.scrollTop + over,
      behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }

  // Who scrolls by hand wants to read elsewhere: it stays there until he asks for the line again.
  noteScroll() {
    if (Date.now() - (this.handled ?? 0) > REST || this.now < 0) return;
    const line = this.lines[this.now].node.getBoundingClientRect();
    const box = this.box.getBoundingClientRect();
    this.following = line.bottom > box.top && line.top < box.bottom;
    this.back.hidden = this.following;
  }

  followAgain() {
    this.following = true;
    this.back.hidden = true;
    if (this.field.value) {
      this.field.value = "";
      this.search();
    }
    this.keepInView();
  }

  // --- searching and copying -------------------------------------------------------------------

  search() {
    const { bare } = fold(this.field.value.trim());
    let found = 0;
    for (const line of this.lines) {
      const hits = bare ? this.findHits(line, bare) : [];
      line.node.hidden = Boolean(bare) && !hits.length;
      found += hits.length ? 1 : 0;
      if (bare || line.marked) this.mark(line, hits);
    }
    const most = this.lines.length;
    setText(this.count, bare ? `${found || "none"} of ${most} line${most === 1 ? "" : "s"}` : "");
    if (!bare) this.keepInView(); else this.box.scrollTop = 0;
  }

  findHits({ folded }, bare) {
    const hits = [];
    for (let at = folded.bare.indexOf(bare); at >= 0; at = folded.bare.indexOf(bare, at + bare.length)) {
      hits.push([folded.places[at], folded.places[at + bare.length]]);
    }
    return hits;
  }

  mark(line, hits) {
    line.marked = hits.length > 0;
    let done = 0;
    const parts = hits.flatMap(([start, end]) => {
      const before = line.text.slice(done, start);
      done = end;
      return [before, el("mark", {}, line.text.slice(start, end))];
    });
    line.words.replaceChildren(...[...parts, line.text.slice(done)].filter((part) => part !== ""));
  }

  // What is shown, a line each, with its time; a page that is no secure context has no clipboard.
  async copyText() {
    const shown = this.lines.filter((line) => !line.node.hidden);
    const text = shown.map((line) => `${line.time} ${line.text}\n`).join("");
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch {
      const area = el("textarea", { class: "unseen", "aria-hidden": "true" });
      area.value = text;
      this.root.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
    }
    setText(this.copy, done ? "Copied" : "Can't copy here");
    clearTimeout(this.told);
    this.told = setTimeout(() => setText(this.copy, "Copy"), 2000);
  }
}
