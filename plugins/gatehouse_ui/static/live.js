// Follows Airflow's colour mode, and keeps a page of something that runs up to date.
"use strict";

(() => {
  const PERIOD_MS = 2000;
  const dark = () => {
    try {
      return window.parent.document.documentElement.classList.contains("dark");
    } catch {
      return false; // shown outside Airflow
    }
  };
  const alone = window.parent === window && window.matchMedia("(prefers-color-scheme: dark)").matches;
  const paint = () => document.documentElement.classList.toggle("dark", dark() || alone);
  paint();

  const stale = document.getElementById("stale");
  const refresh = async () => {
    const main = document.querySelector("main");
    if (!main.hasAttribute("data-live") || document.hidden) return;
    try {
      const reply = await fetch(window.location.href, { credentials: "same-origin" });
      if (reply.status === 401) throw new Error("your session has ended: reload Airflow");
      const next = new DOMParser().parseFromString(await reply.text(), "text/html").querySelector("main");
      if (next === null) throw new Error(`the server answered ${reply.status}`);
      // What was folded open stays open.
      const open = new Set([...main.querySelectorAll("details[open] b")].map((b) => b.textContent));
      for (const details of next.querySelectorAll("details")) {
        if (open.has(details.querySelector("b").textContent)) details.open = true;
      }
      main.replaceWith(next);
      stale.textContent = `live, ${new Date().toISOString().slice(11, 19)} UTC`;
    } catch (error) {
      stale.textContent = `not up to date: ${error.message}`;
    }
  };
  setInterval(() => { paint(); refresh(); }, PERIOD_MS);
})();
