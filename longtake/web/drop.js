// A place to drop a file, or to choose one: it goes to the server by PUT, straight to the disk.
// A file's name is shown as text.

const drops = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const drop = drops.get(parentElement) ?? new Drop(parentElement);
  drops.set(parentElement, drop);
  drop.data = data;
  drop.trigger = setTriggerValue;
}

const say = (bytes) => bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB`
  : bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`;

class Drop {
  constructor(parent) {
    const make = (tag, name) => Object.assign(document.createElement(tag), { className: name });
    this.input = Object.assign(make("input", "unseen"), { type: "file", tabIndex: -1,
      accept: "video/*,.mkv,.ts,.m2ts,.flv,.wmv,.avi,.mpg,.ogv" });
    this.input.setAttribute("aria-hidden", "true");
    this.words = make("span", "words");
    this.words.textContent = "Drop a video here, or ";
    this.choose = Object.assign(make("button", "choose"), { type: "button", textContent: "choose a file" });
    this.cancel = Object.assign(make("button", "choose"), { type: "button", textContent: "Cancel", hidden: true });
    this.bar = make("div", "bar");
    this.bar.hidden = true;
    this.bar.setAttribute("role", "progressbar");
    this.bar.setAttribute("aria-label", "Upload");
    this.fill = this.bar.appendChild(make("div", "fill"));
    this.trouble = make("p", "trouble");
    this.trouble.setAttribute("role", "alert");
    this.zone = make("div", "zone");
    const line = make("p", "line");
    line.append(this.words, this.choose, this.cancel);
    this.zone.append(line, this.bar, this.input);
    this.root = make("div", "drop");
    this.root.append(this.zone, this.trouble);
    parent.append(this.root);
    this.choose.addEventListener("click", () => this.input.click());
    this.cancel.addEventListener("click", () => this.request?.abort());
    this.input.addEventListener("change", () => this.take(this.input.files));
    this.zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.zone.classList.add("over");
    });
    this.zone.addEventListener("dragleave", () => this.zone.classList.remove("over"));
    this.zone.addEventListener("drop", (event) => {
      event.preventDefault();
      this.zone.classList.remove("over");
      this.take(event.dataTransfer.files);
    });
  }

  take(files) {
    const file = files[0];
    this.input.value = "";
    if (!file || this.request) return;
    if (files.length > 1) return this.fail("More than one file", "Drop one video at a time.");
    if (file.size > this.data.most) {
      return this.fail(`${file.name} is ${say(file.size)}; this page takes at most ${say(this.data.most)}`, "");
    }
    if (!file.size) return this.fail(`${file.name} is empty`, "The download or copy may have failed.");
    this.send(file);
  }

  send(file) {
    const request = this.request = new XMLHttpRequest();
    this.trouble.textContent = "";
    this.busy(true, `Uploading ${file.name} …`);
    request.upload.addEventListener("progress", (event) => {
      const part = event.total ? event.loaded / event.total : 0;
      this.fill.style.transform = `scaleX(${part})`;
      this.bar.setAttribute("aria-valuenow", String(Math.round(100 * part)));
      this.words.textContent = part < 1 ? `Uploading ${file.name}: ${say(event.loaded)} of ${say(event.total)} `
        : `Looking at ${file.name} … `;
    });
    request.addEventListener("load", () => this.finish(request, file));
    request.addEventListener("error", () => this.fail("The upload broke off", "Check the connection, and drop the file again."));
    request.addEventListener("abort", () => this.fail("", ""));
    request.open("PUT", `${this.data.base}/longtake/uploads`);
    request.send(file);
  }

  finish(request, file) {
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* not ours: said below */ }
    if (request.status !== 201) return this.fail(answer.error ?? `The server said ${request.status}`, answer.hint ?? "");
    this.busy(false);
    this.trigger("dropped", { upload: answer.upload, name: file.name });
  }

  fail(error, hint) {
    this.busy(false);
    this.trouble.textContent = [error, hint].filter(Boolean).join(". ");
  }

  busy(is, words = "Drop a video here, or ") {
    if (!is) this.request = null;
    this.words.textContent = words;
    this.choose.hidden = is;
    this.cancel.hidden = !is;
    this.bar.hidden = !is;
    this.fill.style.transform = "scaleX(0)";
  }
}
