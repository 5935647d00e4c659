// Beside the palette the only script of ours: it says in words whether the live part of
// the page is live, and leads on where a list could not be narrowed in place.
// Everything else works without it.
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
    if (e.target.closest("[data-list]")) {
      // A refusal, or the way to sign in, is a page of its own: let it be one.
      if (answer.status === 200 && !answer.raw.redirected) return;
      e.preventDefault();
      location.assign(e.detail.ctx.request.action);
    }
    if (!e.target.hasAttribute("hx-sse:connect")) return;
    if ((answer.headers.get("Content-Type") || "").includes("text/event-stream")) return;
    e.preventDefault();
    say("off", "No longer updating");
  });
  // Nothing came at all: the browser says that better than a page that stays.
  document.addEventListener("htmx:error", (e) => {
    if (e.target.closest?.("[data-list]") && e.detail.ctx) location.assign(e.detail.ctx.request.action);
  });
  // At a list's end the link that was pressed is gone, and the focus with it.
  document.addEventListener("htmx:after:swap", (e) => {
    if (document.activeElement === document.body) e.target.closest?.("[data-list]")?.querySelector(".pager a")?.focus({ preventScroll: true });
  });
  // A click that opens another tab or window is the browser's own.
  document.addEventListener("click", (e) => {
    if ((e.ctrlKey || e.metaKey || e.shiftKey) && e.target.closest?.("[data-list] a")) e.stopPropagation();
  }, true);
  document.addEventListener("htmx:sse:after:connection", () => say("on", "Updating by itself"));
  document.addEventListener("htmx:sse:error", () => say("off", "Line lost. Trying again"));
  document.addEventListener("htmx:sse:close", () => say("off", "No longer updating"));
})();
