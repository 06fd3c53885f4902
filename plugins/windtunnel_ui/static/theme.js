// Airflow keeps the person's choice under `theme` and tells no frame of it; same origin, same storage.
"use strict";
(() => {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const chosen = localStorage.getItem("theme") ?? "system";
    document.documentElement.classList.toggle("dark", chosen === "dark" || (chosen === "system" && system.matches));
  };
  paint();
  system.addEventListener("change", paint);
  window.addEventListener("storage", (event) => event.key === "theme" && paint());
})();
