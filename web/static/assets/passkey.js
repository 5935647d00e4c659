// Asks the browser for a passkey where a page offers one, and sends what the
// browser answers. A page shows the offer only where this script runs; every
// other way in works without it.
(() => {
  "use strict";
  if (!window.PublicKeyCredential || !navigator.credentials) return;
  const bytes = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const known = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));

  const ask = async (o) => {
    const k = o.publicKey;
    k.challenge = bytes(k.challenge);
    if (k.user) {
      k.user.id = bytes(k.user.id);
      k.excludeCredentials = known(k.excludeCredentials);
      const c = await navigator.credentials.create({ publicKey: k });
      return {
        id: c.id, rawId: text(c.rawId), type: c.type,
        response: {
          clientDataJSON: text(c.response.clientDataJSON), attestationObject: text(c.response.attestationObject),
          transports: c.response.getTransports ? c.response.getTransports() : [],
        },
      };
    }
    k.allowCredentials = known(k.allowCredentials);
    const c = await navigator.credentials.get({ publicKey: k });
    return {
      id: c.id, rawId: text(c.rawId), type: c.type,
      response: {
        clientDataJSON: text(c.response.clientDataJSON), authenticatorData: text(c.response.authenticatorData),
        signature: text(c.response.signature), userHandle: c.response.userHandle ? text(c.response.userHandle) : "",
      },
    };
  };

  const send = async (url, body) => {
    const r = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const answer = await r.json();
    if (!r.ok && answer.next) {
      location.assign(answer.next);
      return new Promise(() => {});
    }
    if (!r.ok) throw new Error(answer.error || "That did not work. Load the page again.");
    return answer;
  };

  for (const offer of document.querySelectorAll("[data-passkey]")) {
    const button = offer.querySelector("button");
    const said = offer.querySelector("[data-passkey-said]");
    offer.hidden = false;
    button.addEventListener("click", async () => {
      button.disabled = true;
      said.textContent = "";
      try {
        const name = offer.querySelector("input");
        const answer = await ask(await send(offer.dataset.options, {}));
        const end = await send(offer.dataset.submit, { answer, name: name ? name.value : "", next: offer.dataset.next || "" });
        location.assign(end.next);
      } catch (e) {
        said.textContent = e.name === "NotAllowedError" ? "No passkey was given. Try again, or use another way." :
          e.name === "InvalidStateError" ? "This device holds a passkey of yours already." : e.message;
        button.disabled = false;
      }
    });
  }
})();
