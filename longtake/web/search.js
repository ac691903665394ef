// One field over all runs, what is found as pictures with times, and questions about all of it.
// Beside the other screens only the field. Read together with elements.js and ask.js.

const searches = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const search = searches.get(parentElement) ?? new Search(parentElement, data.whole);
  searches.set(parentElement, search);
  search.show(data, setTriggerValue);
}

class Search {
  constructor(parent, whole) {
    this.field = el("input", { class: "ask-field", type: "search", maxlength: 20000,
      placeholder: whole ? "What do you look for?" : "Search all videos",
      "aria-label": "Search all videos", autocomplete: "off", enterkeyhint: "search" });
    const buttons = whole ? [el("button", { class: "act main", type: "submit" }, "Search"),
      el("button", { class: "act", type: "button", onclick: () => this.ask() }, "Ask")] : [];
    const form = el("form", { class: "ask-form", role: "search", onsubmit: (event) => {
      event.preventDefault();
      const words = this.field.value.trim();
      if (words && words === this.words && whole) this.look(words);
      else if (words) this.trigger("sought", { words, at: Date.now() });
    } }, this.field, ...buttons);
    this.root = el("div", { class: whole ? "search" : "search narrow" }, form);
    if (whole) this.build();
    parent.append(this.root);
  }

  build() {
    const lead = ({ run, at }) => this.trigger("opened", { run, at, turn: Date.now() });
    this.place = { base: () => this.data.base, lead, run: "" };
    this.note = el("p", { class: "calm", role: "status" });
    this.found = el("ul", { class: "founds grid-of" });
    this.asker = new Asker("Ask about all videos", this.place);
    this.root.append(el("div", { class: "halves" },
      el("section", { "aria-label": "Moments" }, this.note, this.found), this.asker.root));
  }

  // The words as a question, in the box that questions have.
  ask() {
    this.asker.ask(this.field.value.trim());
    this.asker.root.scrollIntoView({ block: "nearest" });
  }

  show(data, trigger) {
    this.data = data;
    this.trigger = trigger;
    if (this.words === data.words) return;
    this.words = data.words;
    this.field.value = data.words;
    if (this.found) this.look(data.words);
  }

  async look(words) {
    const turn = this.turn = (this.turn ?? 0) + 1;
    if (!words) return setText(this.note, "Name what you look for: it may be seen, said or written.");
    setText(this.note, "Searching …");
    const slow = setTimeout(() => turn === this.turn
      && setText(this.note, "Searching … The first search takes longer."), 3000);
    const found = await askServer(this.data.base, "search", { text: words });
    clearTimeout(slow);
    if (turn !== this.turn) return;
    const moments = found.moments ?? [];
    const said = found.error ? [found.error, found.hint] : found.remarks;
    const none = !found.error && !moments.length && !said.length ? ["Nothing was found."] : [];
    setText(this.note, [...none, ...said].filter(Boolean).join(" "));
    this.note.hidden = !this.note.textContent;
    this.found.replaceChildren(...moments.map((moment) => makeMoment(moment, this.place)));
  }
}
