// The palette: the page of finding, opened over any page by Ctrl-K or Cmd-K.
// Without this script the link leads to that page, which does the same.
(() => {
  "use strict";
  const pause = 120; // ms without a key before it asks
  const entry = document.querySelector("[data-find]");
  if (!entry || typeof HTMLDialogElement !== "function") return;
  const page = entry.getAttribute("href");
  let dialog, field, list, said, back, timer, asking;
  let chosen = -1;

  const make = (name, attributes, ...inside) => {
    const el = document.createElement(name);
    for (const [k, v] of Object.entries(attributes)) el.setAttribute(k, v);
    el.append(...inside);
    return el;
  };
  const build = () => {
    field = make("input", {
      id: "palette-q", name: "q", type: "search", role: "combobox", autocomplete: "off", spellcheck: "false", dir: "auto", maxlength: "100",
      "aria-label": "Find a site, a customer, a host, a policy or a run", "aria-autocomplete": "list", "aria-expanded": "false",
      "aria-controls": "palette-list", placeholder: "Find…",
    });
    list = make("div", { id: "palette-list", role: "listbox", "aria-label": "Found" });
    said = make("p", { class: "sr", role: "status" });
    dialog = make("dialog", { id: "palette", class: "palette", "aria-label": "Find" },
      make("form", { role: "search", method: "get", action: page }, field), list, said);
    document.body.append(dialog);
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, pause);
    });
    field.addEventListener("keydown", key);
    dialog.addEventListener("click", (e) => { if (e.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => {
      if (dialog.open) return; // told late: it is open again, and what it asks now stands
      clearTimeout(timer);
      if (asking) asking.abort();
      if (back && back.isConnected) back.focus();
    });
  };
  const options = () => list.querySelectorAll('[role="option"]');
  const choose = (n) => {
    const all = options();
    if (!all.length) return none();
    chosen = (n + all.length) % all.length;
    all.forEach((o, i) => o.setAttribute("aria-selected", String(i === chosen)));
    field.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  };
  const none = () => {
    chosen = -1;
    field.removeAttribute("aria-activedescendant");
  };
  const key = (e) => {
    if (e.isComposing) return;
    const all = options();
    if (e.key === "ArrowDown") choose(chosen + 1);
    else if (e.key === "ArrowUp") choose(chosen < 0 ? -1 : chosen - 1);
    else if (e.key === "Escape") dialog.close(); // a field of searches would only be emptied
    else if (e.key === "Enter" && chosen >= 0 && list.dataset.of === field.value) all[chosen].click();
    else return; // Enter with nothing chosen, or before the answer came, opens the page
    e.preventDefault();
  };
  const show = (html, of) => {
    list.innerHTML = html; // of this server, which writes every name as text
    list.dataset.of = of;
    field.setAttribute("aria-expanded", String(options().length > 0));
    const words = list.querySelector("[data-words]");
    said.textContent = words ? words.dataset.words : "";
    if (of.trim() && options().length) choose(0);
    else none();
  };
  const ask = async () => {
    if (asking) asking.abort();
    const mine = asking = new AbortController();
    const q = field.value;
    try {
      const answer = await fetch(page + "/options?" + new URLSearchParams({ q }), { signal: mine.signal, headers: { Accept: "text/html" } });
      const html = await answer.text();
      if (mine !== asking) return; // another was asked meanwhile
      if (answer.redirected) { // signed out: the page says so, and leads back
        location.assign(page + "?" + new URLSearchParams({ q }));
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      show(html, q);
    } catch (e) {
      if (mine !== asking || e.name === "AbortError") return;
      show("", q);
      said.textContent = "No answer came. Enter opens the page of finding.";
      list.append(make("p", { class: "palette-words" }, said.textContent));
    }
  };
  const open = () => {
    if (!dialog) build();
    if (dialog.open) return;
    back = document.activeElement;
    dialog.showModal();
    field.focus();
    field.select();
    ask();
  };
  document.addEventListener("keydown", (e) => {
    if (e.key.toLowerCase() !== "k" || !(e.ctrlKey || e.metaKey) || e.altKey || e.shiftKey) return;
    e.preventDefault();
    if (dialog && dialog.open) dialog.close();
    else open();
  });
  entry.addEventListener("click", (e) => {
    if (e.button !== 0 || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    open();
  });
  if (/Mac|iP(hone|ad)/.test(navigator.platform)) {
    const hint = entry.querySelector("kbd");
    if (hint) hint.textContent = "⌘ K";
  }
})();
