// Keeps what is typed into a request on this device for as long as the server
// could not be told, so that a lost line loses nothing. The page keeps the
// draft itself; without this script its buttons do.
(() => {
  "use strict";
  const form = document.getElementById("request");
  const words = document.getElementById("kept-words");
  if (!form || !words) return;
  const key = "request:" + form.dataset.device;
  // What is never put back: what the server counts by, and what agrees.
  const ours = new Set(["ticket", "version", "best", "terms", "typed", "do"]);
  const say = (text) => {
    words.textContent = text;
    words.dataset.lost = "";
  };
  const told = () => delete words.dataset.lost;
  const read = () => {
    try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
  };
  const forget = () => {
    try { localStorage.removeItem(key); } catch { /* a browser that keeps nothing */ }
  };
  const keep = (sent) => {
    const fields = [];
    for (const [name, value] of new FormData(form)) {
      if (typeof value === "string" && !ours.has(name)) fields.push([name, value]);
    }
    try { localStorage.setItem(key, JSON.stringify({ at: Date.now(), sent, fields })); } catch { /* as above */ }
  };
  const putBack = (kept) => {
    const by = new Map();
    for (const [name, value] of kept.fields) by.set(name, (by.get(name) || []).concat(value));
    for (const el of form.elements) {
      if (!el.name || ours.has(el.name) || el.type === "submit" || el.type === "hidden") continue;
      const values = by.get(el.name) || [];
      if (el.type === "radio" || el.type === "checkbox") el.checked = values.includes(el.value);
      else if (values.length) el.value = values.shift();
    }
  };
  // Something about another site waits until that site is chosen.
  const about = (kept) => kept.fields.find(([name]) => name === "site")?.[1] || "";
  const here = () => form.elements.site?.value || "";
  const way = performance.getEntriesByType("navigation")[0]?.type;
  const kept = read();
  // What was sent is put back only to who came back to it: else it has arrived.
  if (kept?.fields && about(kept) && here() && about(kept) !== here()) {
    // left as it is
  } else if (kept?.fields && (!kept.sent || way === "reload" || way === "back_forward") && Date.now() - kept.at < 7 * 864e5) {
    putBack(kept);
    say("We kept what you wrote on this device. It is being sent again.");
    addEventListener("load", () => form.dispatchEvent(new Event("input", { bubbles: true })));
  } else if (kept) {
    forget();
  }
  let count = 0;
  form.addEventListener("input", (e) => {
    if (e.isTrusted) count++;
    keep(false);
  });
  form.addEventListener("submit", () => keep(true));
  let asked = 0;
  document.addEventListener("htmx:before:request", (e) => {
    if (e.target === form) asked = count;
  });
  document.addEventListener("htmx:before:response", (e) => {
    if (e.target !== form) return;
    const answer = e.detail.ctx.response;
    if (answer.status === 200 && answer.headers.get("X-Draft") === "kept") {
      told();
      if (asked === count) forget();
      return;
    }
    // Signed out meanwhile, too often, or something failed: nothing is shown
    // in place of the page, and what was typed stays on the device.
    e.preventDefault();
    say("Not sent yet; what you wrote is kept on this device. " + (answer.status === 401 || answer.raw.redirected ? "Sign in again in another window, then go on here." : "It is tried again with the next letter."));
  });
  document.addEventListener("htmx:error", (e) => {
    if (e.target === form) say("No connection. What you wrote is kept on this device, and sent when the line is back.");
  });
  addEventListener("online", () => {
    if (read()) form.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
