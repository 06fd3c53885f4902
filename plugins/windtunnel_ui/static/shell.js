// Airflow shows these pages in a frame that may neither move the window around it nor start a download. The window is
// of the same origin, so what must happen there is done with its own document.
"use strict";
(() => {
  const framed = window.parent !== window;
  const inShell = framed && /\/plugin\/models\/?$/.test(parent.location.pathname);

  // A link into a page: `/plugin/models?view=/windtunnel/models/flights`. Followed once, when the frame is new; from then
  // on the window's address follows the frame, so that reloading it, or sending it to a colleague, shows the same page.
  if (inShell) {
    const asked = new URLSearchParams(parent.location.search).get("view");
    const root = location.pathname.slice(0, location.pathname.indexOf("/windtunnel/"));
    const here = location.pathname.slice(root.length) + location.search;
    const fresh = window.name !== "windtunnel";
    window.name = "windtunnel";
    if (fresh && asked && asked !== here && /^\/windtunnel\/[a-z]/.test(asked)) {
      location.replace(root + asked);
      return;
    }
    // Airflow sets a base address, so the path must be said.
    parent.history.replaceState(parent.history.state, "", `${parent.location.pathname}?view=${encodeURIComponent(here)}`);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow], a[download]");
    if (!framed || !link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const outside = parent.document.createElement("a");
    outside.href = link.href;
    if (link.hasAttribute("download")) outside.download = link.getAttribute("download");
    parent.document.body.append(outside);
    outside.click();
    outside.remove();
  });
})();
