// Moments that were found, and questions about a video or about all: each answer's times lead to
// their place. Asks the server's `search` and `ask` routes. Read together with elements.js.

const NEAR = 4;  // moments beside an answer
const KINDS_FOUND = { seen: "Seen", said: "Said", read: "Written", told: "Summary", action: "Action" };

// What the server says, or {error, hint}: what is wrong is said on the page as well.
async function askServer(base, route, asked) {
  try {
    const answer = await fetch(`${base}/longtake/${route}`, { method: "POST", cache: "no-store",
      headers: { "Content-Type": "application/json" }, body: JSON.stringify(asked) });
    return await answer.json();
  } catch {
    return { error: "The server can't be reached.", hint: "Try again in a moment." };
  }
}

const sayTrouble = ({ error, hint }) => el("p", { class: "calm", role: "status" }, error,
  hint ? el("span", { class: "soft" }, ` ${hint}`) : null);

// A link to a run's second where there is one; `lead` takes a plain click there.
function leadTo(place, lead, props, ...children) {
  if (!place.run) return el("span", props, ...children);
  const href = `?run=${encodeURIComponent(place.run)}&at=${place.at}`;
  return el("a", { ...props, href, onclick: (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    lead(place);
  } }, ...children);
}

function makeMoment(moment, { base, lead, run }) {
  const image = el("img", { alt: "", loading: "lazy", decoding: "async", hidden: !moment.thumb });
  if (moment.thumb) {
    image.src = `${base()}/longtake/runs/${encodeURIComponent(moment.run)}/thumbs/${moment.thumb}.jpg`;
  }
  image.addEventListener("error", () => { image.hidden = true; });
  return el("li", { class: "found" }, leadTo(moment, lead, { class: "found-face" },
    el("span", { class: "found-thumb" }, image, el("span", { class: "found-time" }, moment.time)),
    el("span", { class: "found-words" },
      run ? null : el("span", { class: "found-title" }, moment.title),
      ...moment.said.map((p) => el("span", { class: "found-said" },
        el("b", {}, KINDS_FOUND[p.kind] ?? p.kind), " ", p.text)),
      moment.run ? null : el("span", { class: "soft" }, "Gone through by command: no run to open."))));
}

class Asker {
  constructor(title, place) {
    this.place = place;  // base(), lead(place), run: its id, or empty for all
    this.turns = [];     // question and answer, the newest last
    this.field = el("input", { class: "ask-field", type: "text", maxlength: 2000, "aria-label": title,
      placeholder: "Who opens the door, and when?", autocomplete: "off" });
    this.button = el("button", { class: "act main", type: "submit" }, "Ask");
    this.list = el("ol", { class: "turns", "aria-live": "polite" });
    this.root = el("section", { class: "asker card", "aria-label": title },
      el("h3", {}, title), this.list,
      el("form", { class: "ask-form", onsubmit: (event) => {
        event.preventDefault();
        this.ask(this.field.value.trim());
      } }, this.field, this.button));
  }

  async ask(text) {
    if (!text || this.button.disabled) return;
    this.button.disabled = true;
    this.field.value = "";
    this.field.placeholder = "Ask on: it knows the questions before";
    const told = el("div", { class: "told" }, el("p", { class: "soft" }, "Looking for it …"));
    const moments = el("details", { class: "near", open: true, hidden: true },
      el("summary", { class: "soft" }, "Where it may be"));
    this.list.append(el("li", { class: "turn" }, el("p", { class: "question" }, text), told, moments));
    const { run } = this.place, base = this.place.base();
    const earlier = this.turns.slice(-3);
    const near = askServer(base, "search", { text, run }).then((found) => this.showMoments(moments, found));
    const answer = await askServer(base, "ask", { text, run, earlier });
    this.turns.push({ question: text, answer: (answer.sentences ?? []).map((s) => s.text).join(" ") });
    this.showAnswer(told, answer);
    await near;
    moments.open = !answer.sentences?.length;
    this.button.disabled = false;
    this.field.focus({ preventScroll: true });
  }

  // Where frames were looked at again, folded: what was done there, and what came of it.
  sayLooks(looks) {
    if (!looks?.length) return "";
    return el("details", { class: "looks soft" }, el("summary", {}, "Looked again at the frames"),
      el("ul", {}, ...looks.map((look) => el("li", {},
        leadTo(look, this.place.lead, { class: "proof", title: look.title },
          this.place.run ? look.time : `${look.title.slice(0, 40)} ${look.time}`),
        ` ${look.done.join(", ")}: ${look.came}`))));
  }

  showAnswer(told, answer) {
    if (answer.error) return told.replaceChildren(sayTrouble(answer));
    const looks = this.sayLooks(answer.looks);
    if (!answer.sentences.length) {
      return told.replaceChildren(el("p", { class: "calm" }, answer.said), looks);
    }
    told.replaceChildren(el("p", { class: "answer" }, ...answer.sentences.flatMap((sentence) => [
      sentence.text, sentence.held ? "" : el("span", { class: "mark open", title: "not checked" }, " ?"),
      ...sentence.proofs.flatMap((p) => [" ", leadTo(p, this.place.lead,
        { class: "proof", title: `${p.title}: ${p.text}` },
        this.place.run ? p.time : `${p.title.slice(0, 40)} ${p.time}`)]), " "])),
      answer.by ? el("p", { class: "soft" }, `Answered by ${answer.by}`) : "", looks);
  }

  showMoments(box, found) {
    if (found.error || !found.moments.length) return;
    box.hidden = false;
    box.append(el("ul", { class: "founds" },
      ...found.moments.slice(0, NEAR).map((m) => makeMoment(m, this.place))));
  }
}
