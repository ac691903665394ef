// The player of a run: the video or a copy of it, whichever the browser plays, else the picture of
// the chunk that would be on. Read together with view.js, whose helpers it uses.

class Player {
  constructor(address, follow) {
    this.address = address;
    this.follow = follow;
    this.refused = new Set();  // sources that this browser could not play
    this.sources = [];
    this.source = null;
    this.at = 0;
    this.video = el("video", {
      controls: true, playsinline: true, preload: "metadata", "aria-label": "The video",
      ontimeupdate: () => this.source && this.follow(this.video.currentTime),
      onerror: () => this.refuse(),
      onloadedmetadata: () => this.begin(),
    });
    this.still = el("img", { class: "still", alt: "", hidden: true });
    this.still.addEventListener("error", () => { this.still.hidden = true; });
    this.words = el("p", { class: "stage-words" }, "The video shows here once it is loaded.");
    this.stage = el("div", { class: "stage" }, this.words, this.still);
    this.note = el("p", { class: "soft play-note", hidden: true });
  }

  get time() {
    return this.source ? this.video.currentTime : this.at;
  }

  // The sources are tried in turn; one that is made later (a copy) is when it is there.
  show({ sources, said }) {
    this.sources = sources;
    this.said = said;
    if (!this.source) this.tryNext();
    this.showSaid();
  }

  tryNext() {
    this.source = this.sources.find((name) => !this.refused.has(name)) ?? null;
    if (!this.source) return this.video.remove();
    this.video.src = this.address(this.source);
    this.stage.append(this.video);
  }

  refuse() {
    if (!this.source) return;
    this.refused.add(this.source);
    this.tryNext();
    this.showSaid();
    this.follow(this.time);
  }

  // From where it was taken to while only pictures stood in for it.
  begin() {
    if (!this.video.videoWidth) return this.refuse();
    this.still.hidden = true;
    delete this.still.dataset.chunk;
    if (this.at) this.video.currentTime = this.at + 0.01;
  }

  seek(time) {
    this.at = time;
    if (this.source) this.video.currentTime = time + 0.01;
    this.follow(time + 0.01);
  }

  // Nothing plays, and this is the picture of what would.
  standIn(chunk, picture) {
    if (this.source || !this.said || this.still.dataset.chunk === String(chunk)) return;
    this.still.dataset.chunk = String(chunk);
    this.still.src = picture;
    this.still.hidden = false;
    this.showSaid();
  }

  showSaid() {
    const plays = Boolean(this.source);
    if (!plays && this.said) setText(this.words, this.said);
    this.words.hidden = plays;
    this.words.classList.toggle("low", !plays && "chunk" in this.still.dataset);
    setText(this.note, this.source === "copy" ? this.said : "");
    this.note.hidden = this.source !== "copy";
  }
}
