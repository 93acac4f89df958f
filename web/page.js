// What the three tools share: elements, numbers in words, the address that holds the view.
"use strict";

const Page = (() => {
  /** An element with attributes, listeners (on..) and children; text is always text. */
  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value === true) element.setAttribute(key, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, String(value));
    }
    element.append(...children.flat().map((child) => (child instanceof Node ? child : String(child))));
    return element;
  };

  const show = (element, ...children) => element.replaceChildren(...children.flat());

  const whole = (n) => Math.round(n).toLocaleString("en");

  /** 51.57 B, 12.3 M, 269. */
  const count = (n) => {
    for (const [unit, size] of [["T", 1e12], ["B", 1e9], ["M", 1e6]]) if (n >= size) return `${(n / size).toPrecision(4)} ${unit}`;
    return whole(n);
  };

  /** Bytes in binary units, as nvidia-smi and free have them. */
  const bytes = (n) => {
    for (const [unit, size] of [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
      if (n >= size) return `${(n / size).toPrecision(4)} ${unit}`;
    }
    return `${whole(n)} bytes`;
  };

  const number = (n) => (Number.isInteger(n) ? whole(n) : n.toLocaleString("en", { maximumFractionDigits: 3 }));

  /** A table with a caption; numbers to the right. */
  const table = (caption, head, rows) => make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    make("table", {},
      make("caption", {}, caption),
      make("thead", {}, make("tr", {}, head.map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, rows.map((row) => make("tr", {}, row.map((cell, i) => (i === 0
        ? make("th", { scope: "row" }, cell)
        : make("td", {}, cell instanceof Node ? cell : cell)))))),
    ));

  /** A slider with its name and its value in words; `steps` maps the slider's integer to a value. */
  const slider = ({ id, name, most, value, steps, words, changed }) => {
    const output = make("output", { for: id }, words(steps(value)));
    const input = make("input", {
      id, type: "range", min: 0, max: most, value, "aria-valuetext": words(steps(value)),
      oninput: () => {
        const text = words(steps(Number(input.value)));
        output.textContent = text;
        input.setAttribute("aria-valuetext", text);
        changed(steps(Number(input.value)));
      },
    });
    return { element: make("div", { class: "field" }, make("label", { for: id }, name, " ", output), input), input };
  };

  const choice = ({ id, name, options, value, changed }) => {
    const select = make("select", { id, onchange: () => changed(select.value) },
      options.map(([key, text]) => make("option", { value: key, selected: key === value }, text)));
    return { element: make("div", { class: "field" }, make("label", { for: id }, name), select), select };
  };

  const base64url = (data) => btoa(String.fromCharCode(...data)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const through = async (data, stream) => new Uint8Array(await new Response(new Blob([data]).stream().pipeThrough(stream)).arrayBuffer());

  const LONGEST = 60_000;

  /** The address of this page with a whole view in it; null where the view is too long for one. */
  const link = async (tool, view) => {
    const packed = await through(new TextEncoder().encode(JSON.stringify(view)), new CompressionStream("deflate-raw"));
    if (packed.length > LONGEST) return null;
    return `#${tool}/${base64url(packed)}`;
  };

  /** Tool and view of an address; a view of null where it holds none, or one that cannot be read. */
  const linked = async (hash) => {
    const [tool, packed] = hash.replace(/^#/, "").split("/");
    if (!packed) return { tool, view: null };
    try {
      const data = Uint8Array.from(atob(packed.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
      const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
      const chunks = [];
      let size = 0;
      for await (const chunk of stream) {
        size += chunk.length;
        if (size > 4 * 2 ** 20) throw new Error("too long");
        chunks.push(chunk);
      }
      return { tool, view: JSON.parse(await new Blob(chunks).text()) };
    } catch {
      return { tool, view: null, broken: true };
    }
  };

  return { make, show, whole, count, bytes, number, table, slider, choice, link, linked };
})();
