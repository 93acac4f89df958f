// Which tool is shown, and the links that hold its view.
"use strict";

(async () => {
  const TOOLS = { size: Size, carried: Carried, work: Work };
  const status = document.getElementById("python");
  const say = (text) => { status.textContent = text; status.hidden = text === ""; };
  const built = new Set();

  const linkButton = (tool) => {
    const said = Page.make("span", { role: "status" });
    const button = Page.make("button", { type: "button", onclick: async () => {
      const address = await Page.link(tool, TOOLS[tool].view());
      if (address === null) {
        said.textContent = " This view is too long for a link: remove a config.";
        return;
      }
      history.replaceState(null, "", address);
      try {
        await navigator.clipboard.writeText(location.href);
        said.textContent = " Copied; the address of this page holds it too.";
      } catch {
        said.textContent = " The address of this page holds the view now.";
      }
    } }, "Link to this view");
    return { element: Page.make("p", { class: "link" }, button, said), forget: () => { said.textContent = ""; } };
  };

  const show = async () => {
    const { tool: asked, view, broken } = await Page.linked(location.hash);
    const tool = asked in TOOLS ? asked : "size";
    for (const name of Object.keys(TOOLS)) {
      document.getElementById(name).hidden = name !== tool;
      const anchor = document.querySelector(`nav a[href="#${name}"]`);
      if (name === tool) anchor.setAttribute("aria-current", "page");
      else anchor.removeAttribute("aria-current");
    }
    if (broken) say("This link cannot be read; the page shows its first view.");
    if (built.has(tool) && view === null) return;
    built.add(tool);
    const link = linkButton(tool);
    TOOLS[tool].build(document.querySelector(`#${tool} .tool`), { saved: view, onchange: link.forget, link: link.element });
  };

  // A file let go anywhere would else take the place of the page.
  const files = (event) => event.dataTransfer?.types.includes("Files");
  window.addEventListener("dragover", (event) => { if (files(event)) event.preventDefault(); });
  window.addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    if (!document.getElementById("size").hidden) Size.addFiles([...event.dataTransfer.files]);
  });
  window.addEventListener("hashchange", show);
  Python.start(say);
  await show();
  document.body.dataset.ready = "";
})();
