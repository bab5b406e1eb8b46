// Elements from values. Invariant: text only ever becomes a text node; nothing here or elsewhere parses markup.

/** An element of a tag; `properties` are set as attributes, or called when the name begins with "on". */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Text in which what stands between backticks is code. */
export function prose(text) {
  return text.split("`").map((piece, index) => (index % 2 ? make("code", {}, piece) : piece));
}

/** Paragraphs of prose. */
export function paragraphs(text) {
  return text.split("\n\n").map((part) => make("p", {}, prose(part)));
}

/** A button that copies what `text` answers, and says so. */
export function copier(label, text) {
  const button = make("button", { type: "button", class: "plain" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Cannot copy here";
    }
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}
