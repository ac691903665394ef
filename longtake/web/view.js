// A run as it goes on, and its result: player, parts as they come, summary. Asks the server's
// `told` route itself, so that nothing on the page is drawn anew. All that comes from a video or a
// model is set as text (textContent), never as markup.

const POLL = 900, POLL_HIDDEN = 5000, POLL_LOST = 3000;
const SCROLLED = 40;
const ENDED = ["done", "stopped", "failed"];
const views = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  let view = views.get(parentElement);
  if (!view || view.id !== data.id) {
    view?.close();
    view = new View(parentElement, data.id);
    views.set(parentElement, view);
  }
  const turn = view.open(data, setTriggerValue);
  return () => view.turn === turn && view.close();
}

const isTranscript = (file) => file.place.startsWith("transcript.");

class View {
  constructor(parent, id) {
    this.id = id;
    this.turn = 0;
    this.after = 0;
    this.chunks = new Map();  // by number: start, end, text; of the arm that was told first
    this.cards = new Map();   // by arm and number
    this.result = null;
    this.current = null;
    parent.querySelector(".view")?.remove();
    this.build(parent);
  }

  open(data, trigger) {
    this.data = data;
    this.trigger = trigger;
    this.stopped = false;
    this.root.classList.toggle("theirs", !data.mine);
    if (data.at != null && this.sought !== data.at) this.player.seek(data.at);
    this.sought = data.at;
    if (!ENDED.includes(data.state)) this.told = false;
    if (!this.timer && !this.asking) this.ask();
    return ++this.turn;
  }

  close() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.timer = null;
  }

  // --- the frame of it -------------------------------------------------------------------------

  build(parent) {
    this.title = el("h2", { class: "title" });
    this.sub = el("p", { class: "sub" });
    this.player = new Player((name) => this.address(name), (time) => this.follow(time));
    this.nowTime = el("span", { class: "time" });
    this.nowText = el("span", {});
    this.now = el("p", { class: "now" }, this.nowTime, this.nowText);
    this.chapters = el("div", { class: "chapters" });
    this.doing = el("p", { class: "doing" });
    this.left = el("p", { class: "left" });
    this.fill = el("div", { class: "fill" });
    this.bar = el("div", { class: "bar", role: "progressbar", "aria-label": "Progress",
      "aria-valuemin": 0, "aria-valuemax": 100 }, this.fill);
    this.stop = el("button", { class: "act", type: "button", onclick: () => this.act("stop") }, "Stop");
    this.resume = el("button", { class: "act main", type: "button", hidden: true,
      onclick: () => this.act("resume") }, "Go on");
    this.trouble = el("div", { class: "trouble", role: "alert", hidden: true });
    this.notes = el("ul", { class: "notes" });
    this.more = el("details", { class: "more", hidden: true },
      el("summary", {}, "How it is done"), this.notes);
    this.progress = el("section", { class: "progress card", "aria-label": "Progress" },
      el("div", { class: "row" }, el("div", { class: "grow" }, this.doing, this.left),
        this.stop, this.resume), this.bar, this.trouble, this.more);
    this.summary = el("div", { class: "summary" });
    this.list = el("div", { class: "list" });
    this.parts = el("section", { class: "parts", "aria-label": "Chunk by chunk", hidden: true },
      el("h3", {}, "Chunk by chunk"), this.list);
    this.transcript = new Transcript((time) => this.player.seek(time), (place) => this.fileAddress(place));
    this.asker = new Asker("Ask about this video", { run: this.id, base: () => this.data.base,
      lead: (place) => this.player.seek(place.at) });
    this.panels = [
      ["Summary", el("div", { class: "panel", role: "tabpanel" }, this.summary, this.parts)],
      ["Transcript", this.transcript.root],
      ["Ask", this.asker.root],
    ];
    this.tabs = el("div", { class: "tabs", role: "tablist", hidden: true,
      onkeydown: (event) => this.turnTabs(event) }, ...this.panels.map(([name]) =>
      el("button", { class: "tab", type: "button", role: "tab", onclick: () => this.openTab(name) }, name)));
    this.ready = el("button", { class: "act main ready", type: "button", hidden: true, onclick: () => {
      this.ready.hidden = true;
      this.summary.scrollIntoView({ block: "start" });
      this.summary.querySelector("button")?.focus({ preventScroll: true });
    } }, "The summary is ready: go to it");
    this.live = el("p", { class: "unseen", "aria-live": "polite" });
    this.root = el("div", { class: "view" },
      el("header", { class: "head" }, this.title, this.sub),
      el("div", { class: "grid" },
        el("div", { class: "side" }, this.player.stage, this.player.note, this.now,
          this.chapters),
        el("div", { class: "main" }, this.progress, this.tabs, ...this.panels.map(([, panel]) => panel),
          this.ready)),
      this.live);
    this.openTab("Summary");
    parent.append(this.root);
  }

  openTab(chosen) {
    this.panels.forEach(([name, panel], n) => {
      const tab = this.tabs.children[n], open = name === chosen;
      tab.setAttribute("aria-selected", String(open));
      tab.tabIndex = open ? 0 : -1;
      panel.hidden = !open;
    });
    this.transcript.keepInView();
  }

  turnTabs(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const open = this.panels.findIndex(([, panel]) => !panel.hidden);
    const next = (open + step + this.panels.length) % this.panels.length;
    this.openTab(this.panels[next][0]);
    this.tabs.children[next].focus();
  }

  address(rest) {
    return `${this.data.base}/longtake/runs/${encodeURIComponent(this.id)}/${rest}`;
  }

  fileAddress(place) {
    return this.address(`files/${place.split("/").map(encodeURIComponent).join("/")}`);
  }

  thumb(chunk) {
    return this.address(`thumbs/${chunk}.jpg`);
  }

  // --- asking ----------------------------------------------------------------------------------

  async ask() {
    clearTimeout(this.timer);
    this.timer = null;
    this.asking = true;
    let wait = document.hidden ? POLL_HIDDEN : POLL;
    try {
      const want = this.result ? 0 : 1;
      const answer = await fetch(this.address(`told?after=${this.after}&result=${want}`),
        { cache: "no-store" });
      if (answer.status === 404) {
        this.showTrouble("This run is gone", "It was deleted, perhaps in another window.");
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const told = await answer.json();
      if (this.stopped) return;
      this.lost = false;
      this.show(told);
      if (ENDED.includes(told.run.state) && ENDED.includes(this.data.state)) return;
      if (ENDED.includes(told.run.state)) wait = POLL_LOST;
    } catch (error) {
      if (error instanceof TypeError || /^\d+$/.test(error.message)) {
        this.lost = true;
        setText(this.left, "The server can't be reached; trying again …");
      } else throw error;
      wait = POLL_LOST;
    } finally {
      this.asking = false;
    }
    if (!this.stopped) this.timer = setTimeout(() => this.ask(), wait);
  }

  act(what) {
    const button = what === "stop" ? this.stop : this.resume;
    button.disabled = true;
    setText(this.doing, what === "stop" ? "Stopping …" : "Going on …");
    this.told = false;
    this.trigger("asked", { what, at: Date.now() });
  }

  // --- showing ---------------------------------------------------------------------------------

  show({ run, told, result }) {
    this.keepPlace(() => {
      this.showHead(run);
      this.showProgress(run);
      this.player.show(run.player);
      if (!this.result) for (const entry of told) this.addCard(entry);
      for (const entry of told) this.after = Math.max(this.after, entry.n);
      if (result) this.showResult(result);
      this.announce(run, told);
    });
    if (ENDED.includes(run.state) && this.data.state !== run.state && !this.told) {
      this.told = true;
      this.trigger("ended", { state: run.state, at: Date.now() });
    }
  }

  // What the reader looks at stays where it is, whatever comes above it.
  keepPlace(change) {
    const scroller = this.scroller();
    const top = scroller ? scroller.getBoundingClientRect().top + 8 : 0;
    const seen = (node) => node.getBoundingClientRect().bottom > top + 60;
    const anchor = scroller?.scrollTop > SCROLLED
      ? [...this.list.querySelectorAll(".part")].find(seen) : null;
    const before = anchor?.getBoundingClientRect().top;
    const had = this.result;
    change();
    if (!anchor) return;
    const still = anchor.isConnected ? anchor
      : this.list.querySelector(`[data-chunk="${anchor.dataset.chunk}"]`);
    if (still) scroller.scrollTop += still.getBoundingClientRect().top - before;
    if (had === null && this.result) this.ready.hidden = false;
  }

  scroller() {
    let node = this.root.getRootNode().host ?? this.root.parentElement;
    while (node && node !== document.body) {
      if (/auto|scroll/.test(getComputedStyle(node).overflowY)) return node;
      node = node.parentElement;
    }
    return document.scrollingElement;
  }

  showHead(run) {
    setText(this.title, run.title);
    this.title.title = run.title;
    const key = JSON.stringify([run.link, run.duration, run.of, run.took, run.state, run.kind]);
    if (this.subKey === key) return;
    this.subKey = key;
    const bits = [];
    if (run.duration) bits.push(el("span", {}, run.duration));
    if (run.link) {
      bits.push(el("a", { href: run.link, target: "_blank", rel: "noopener noreferrer" },
        new URL(run.link).hostname));
    }
    if (run.kind === "compare") bits.push(el("span", {}, "both flows"));
    if (run.of) {
      bits.push(el("span", {}, "made of the edited descriptions of ",
        el("a", { href: `?run=${encodeURIComponent(run.of)}` }, "an earlier run")));
    }
    if (run.state === "done" && run.took) bits.push(el("span", {}, `took ${run.took}`));
    this.sub.replaceChildren(...bits);
  }

  showProgress(run) {
    const ended = ENDED.includes(run.state), mine = this.data.mine;
    this.progress.hidden = run.state === "done";
    this.progress.classList.toggle("ended", ended);
    setText(this.doing, run.doing);
    setText(this.left, run.state === "running" ? run.left
      : run.state === "waiting" ? "It starts by itself; you may close this page and come back." : "");
    this.most = run.state === "waiting" ? 0 : Math.max(this.most ?? 0, run.part);
    this.fill.style.transform = `scaleX(${this.most})`;
    this.bar.setAttribute("aria-valuenow", String(Math.round(100 * this.most)));
    this.bar.setAttribute("aria-valuetext", run.doing);
    this.bar.hidden = run.state === "done" || run.state === "failed";
    this.stop.hidden = ended || !mine;
    this.resume.hidden = !(run.state === "stopped" || run.state === "failed") || !mine;
    if (!ended) this.resume.disabled = false; else this.stop.disabled = false;
    if (run.error) this.showTrouble(run.error, run.hint);
    else this.trouble.hidden = true;
    const notes = JSON.stringify(run.notes);
    if (this.notesKey !== notes) {
      this.notesKey = notes;
      this.more.hidden = !run.notes.length;
      this.notes.replaceChildren(...run.notes.map((note) => el("li", {}, note)));
    }
  }

  showTrouble(error, hint) {
    this.progress.hidden = false;
    this.trouble.hidden = false;
    if (this.troubleKey === error + hint) return;
    this.troubleKey = error + hint;
    this.trouble.replaceChildren(el("strong", {}, error), el("span", {}, hint));
  }

  announce(run, told) {
    const now = Date.now();
    if (run.state !== this.lastState) setText(this.live, run.doing);
    else if (told.length && now - (this.spoken ?? 0) > 6000) {
      const last = told[told.length - 1];
      setText(this.live, `Chunk ${last.chunk}: ${last.text || last.error}`);
      this.spoken = now;
    }
    this.lastState = run.state;
  }

  // --- following the player --------------------------------------------------------------------

  find(time) {
    for (const chunk of this.chunks.values()) {
      if (chunk.start <= time && time < chunk.end) return chunk;
    }
    return null;
  }

  follow(time) {
    this.transcript.follow(time);
    const chunk = this.find(time);
    if (chunk) this.player.standIn(chunk.chunk, this.thumb(chunk.chunk));
    if (chunk === this.current) return;
    this.current = chunk;
    setText(this.nowTime, chunk ? chunk.time : "");
    setText(this.nowText, chunk ? chunk.text || chunk.error : "");
    for (const card of this.list.querySelectorAll("[aria-current]")) card.removeAttribute("aria-current");
    if (!chunk) return;
    for (const card of this.list.querySelectorAll(`[data-chunk="${chunk.chunk}"]`)) {
      card.setAttribute("aria-current", "true");
    }
  }

  jump(time, props, ...children) {
    if (time == null) return el("span", { ...props, class: `${props.class ?? ""} nowhere` }, ...children);
    return el("button", { type: "button", "data-at": time, title: `Go to ${clock(time)}`,
      onclick: () => this.player.seek(time), ...props }, ...children);
  }

  // --- parts -----------------------------------------------------------------------------------

  addCard(entry) {
    const key = `${entry.arm ?? ""}/${entry.chunk}`;
    if (!this.chunks.has(entry.chunk)) this.chunks.set(entry.chunk, entry);
    if (entry.flow && this.lastFlow !== entry.flow) {
      this.list.append(el("h4", {}, entry.flow));
      this.lastFlow = entry.flow;
    }
    const card = this.makeCard(entry.chunk, entry.start, entry.time, [["", entry]]);
    const old = this.cards.get(key);
    if (old) old.replaceWith(card); else this.list.insertBefore(card, this.cardAfter(entry));
    this.cards.set(key, card);
    this.parts.hidden = false;
    if (!this.current) this.follow(this.player.time);
  }

  // Chunks may be told out of order; on the page they stand in the video's, under their arm's name.
  cardAfter(entry) {
    let after = null, card = this.list.lastElementChild;
    for (; card && Number(card.dataset.chunk) > entry.chunk; card = card.previousElementSibling) after = card;
    return after;
  }

  makeCard(number, start, time, told) {
    const image = el("img", { src: this.thumb(number), alt: "", loading: "lazy", decoding: "async" });
    image.addEventListener("error", () => image.classList.add("missing"));
    const first = told[0][1], once = tellOnce(first, this.chunks);
    const words = told.flatMap(([name, entry]) => [
      entry === first && entry.text && !once.text ? null
        : el("span", { class: `text${entry.text ? "" : " failed"}` },
          name ? el("b", { class: "arm" }, name) : null,
          entry.text || `Not described: ${entry.error}`),
      entry.same_as ? el("span", { class: "soft" }, `Looks the same as chunk ${entry.same_as}.`) : null,
      entry.remark ? el("span", { class: "soft" }, entry.remark) : null,
    ]);
    return el("div", { class: "part", "data-chunk": number },
      this.jump(start, { class: "part-face" },
        el("span", { class: "thumb" }, image),
        el("span", { class: "words" },
          el("span", { class: "time" }, `${time} · chunk ${number}`), ...words.filter(Boolean))),
      once.said ? el("p", { class: "said" }, el("b", {}, "Said"), " ", once.said) : null,
      once.written ? el("p", { class: "said" }, el("b", {}, "Written"), " ", once.written) : null,
      once.stays ? el("p", { class: "said" }, el("b", {}, "Written"), " as before") : null,
      first.tags ? el("p", { class: "said" }, el("b", {}, "Detectors"), ` ${first.tags} (may be wrong)`) : null,
      first.actions ? el("p", { class: "said" }, el("b", {}, "Actions"), ` ${first.actions} (may be wrong)`) : null);
  }

  // --- the result ------------------------------------------------------------------------------

  showResult(result) {
    this.result = result;
    const several = result.arms.length > 1;
    this.root.classList.toggle("both", several);
    const arms = result.arms.map((arm) => this.makeArm(arm, several));
    const first = result.arms[0];
    this.summary.replaceChildren(
      el("div", { class: "arms" }, ...arms),
      ...this.makeFigures(result.figures),
      ...this.makeFiles(result.files.filter((file) => !isTranscript(file))));
    this.transcript.show(result.transcript, result.files.filter(isTranscript));
    this.tabs.hidden = false;
    if (result.legend.length) {
      this.summary.querySelector(".arms").after(el("p", { class: "legend" }, result.legend.join("; ") + "."));
    }
    this.showChapters(first);
    this.showParts(result.arms, several);
  }

  makeArm(arm, several) {
    const box = el("section", { class: "arm-box card", "aria-label": several ? arm.title : "Summary" });
    if (several) box.append(el("p", { class: "eyebrow" }, arm.title));
    box.append(el("h3", { class: "headline" }, arm.headline || "No summary", this.mark(arm.support)));
    if (arm.made) box.append(el("p", { class: "soft made" }, arm.made));
    for (const section of arm.sections) {
      if (section.title) {
        box.append(el("h4", { class: "chapter" }, this.jump(section.at, { class: "jump" },
          el("span", { class: "time" }, section.time), el("span", {}, section.title))));
      }
      const items = section.sentences.map((sentence) => this.makeSentence(sentence));
      if (items.length) box.append(el("ul", { class: "sentences" }, ...items));
    }
    for (const said of arm.seen) box.append(el("p", { class: "soft" }, said));
    if (arm.moments.length) {
      box.append(el("h4", {}, "Key moments"), el("ul", { class: "jumps" }, ...arm.moments.map((m) =>
        el("li", {}, this.jump(m.at, { class: "jump" }, el("span", { class: "time" }, m.time),
          el("span", {}, m.text, this.mark(m.support))), this.why(m)))));
    }
    if (several && arm.chapters.length) box.append(el("h4", {}, "Chapters"), this.makeChapters(arm));
    if (arm.entities.length) {
      box.append(el("h4", {}, "Who and what"), el("ul", { class: "jumps" }, ...arm.entities.map((e) =>
        el("li", {}, this.jump(e.at, { class: "jump" }, el("span", { class: "time" }, `[${e.mark}]`),
          el("span", {}, e.look, el("span", { class: "soft" }, ` ${e.said}`)))))));
    }
    box.append(this.makeLedger(arm));
    return box;
  }

  makeSentence(sentence) {
    return el("li", { class: sentence.support },
      this.jump(sentence.at, { class: "sentence" }, sentence.text,
        el("span", { class: "cite" }, ` ${sentence.cited}`),
        this.mark(sentence.support)), this.why(sentence));
  }

  mark(support) {
    if (support === "unsupported") return el("span", { class: "mark bad" }, " ✗ unsupported");
    if (support === "unchecked") {
      return el("span", { class: "mark open", title: "not checked", "aria-label": "not checked" }, " ?");
    }
    return null;
  }

  why(found) {
    return found.support === "unsupported" && found.why ? el("p", { class: "why" }, found.why) : null;
  }

  makeChapters(arm) {
    return el("ol", { class: "jumps" }, ...arm.chapters.map((c) =>
      el("li", {}, this.jump(c.at, { class: "jump" }, el("span", { class: "time" }, c.time),
        el("span", {}, c.title)))));
  }

  showChapters(arm) {
    if (this.result.arms.length > 1 || !arm.chapters.length) this.chapters.replaceChildren();
    else this.chapters.replaceChildren(el("h4", {}, "Chapters"), this.makeChapters(arm));
  }

  makeLedger(arm) {
    const { said, lines, gaps, by } = arm.ledger;
    const box = el("details", { class: "ledger", open: gaps.length > 0 },
      el("summary", {}, gaps.length
        ? `What became of every chunk: ${gaps.length} gap${gaps.length > 1 ? "s" : ""}`
        : "What became of every chunk"),
      el("p", {}, said));
    if (gaps.length) {
      box.append(el("p", {}, "What the summary does not know:"), el("ul", { class: "jumps" },
        ...gaps.map((g) => el("li", {}, this.jump(g.at, { class: "jump gap" },
          el("span", { class: "time" }, g.time), el("span", {}, g.said))))));
    }
    for (const line of lines) box.append(el("p", {}, line));
    if (by) box.append(el("p", {}, by));
    return box;
  }

  makeFigures(figures) {
    if (!figures) return [];
    const head = el("tr", {}, el("td", {}), ...figures.head.map((name) => el("th", { scope: "col" }, name)));
    const rows = figures.rows.map((row) => el("tr", {}, el("th", { scope: "row" }, row.name),
      ...row.cells.map((cell) => el("td", {}, cell))));
    return [el("section", { class: "card figures" }, el("h4", {}, "What the difference is worth"),
      el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows))),
      el("ul", {}, ...figures.said.map((said) => el("li", {}, said))),
      ...figures.failed.map((said) => el("p", { class: "mark bad" }, said)),
      el("p", { class: "soft" }, figures.remark))];
  }

  makeFiles(files) {
    if (!files.length) return [];
    return [el("section", { class: "files", "aria-label": "Downloads" }, el("h4", {}, "Take it with you"),
      el("ul", {}, ...files.map((file) => el("li", {},
        el("a", { href: this.fileAddress(file.place), download: true }, file.label),
        el("span", { class: "soft" }, ` ${file.size}`)))))];
  }

  showParts(arms, several) {
    const first = arms[0].chunks;
    const same = (other) => other.length === first.length
      && other.every((c, n) => c.start === first[n].start && c.end === first[n].end);
    const paired = several && arms.every((arm) => same(arm.chunks));
    this.chunks = new Map(first.map((chunk) => [chunk.chunk, chunk]));
    const cards = first.map((chunk, n) => this.makeCard(chunk.chunk, chunk.start, chunk.time,
      paired ? arms.map((arm, k) => ["I".repeat(k + 1), arm.chunks[n]]) : [["", chunk]]));
    this.list.replaceChildren(...cards);
    this.parts.hidden = !cards.length;
    this.current = undefined;
    this.follow(this.player.time);
  }
}
