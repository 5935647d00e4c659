// Beside the palette the only script of ours: it says in words whether the live part of
// the page is live. Everything else works without it.
(() => {
  "use strict";
  const say = (state, words) => {
    for (const el of document.querySelectorAll("[data-live]")) {
      el.dataset.live = state;
      const text = el.querySelector("[data-live-words]");
      if (text && text.textContent !== words) text.textContent = words;
    }
  };
  // An answer that is no stream (signed out meanwhile, an error page) must not
  // replace what is shown.
  document.addEventListener("htmx:before:response", (e) => {
    const answer = e.detail.ctx.response;
    if (!e.target.hasAttribute("hx-sse:connect")) return;
    if ((answer.headers.get("Content-Type") || "").includes("text/event-stream")) return;
    e.preventDefault();
    say("off", "No longer updating");
  });
  document.addEventListener("htmx:sse:after:connection", () => say("on", "Updating by itself"));
  document.addEventListener("htmx:sse:error", () => say("off", "Line lost. Trying again"));
  document.addEventListener("htmx:sse:close", () => say("off", "No longer updating"));
})();
