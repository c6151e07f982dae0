"use strict";
for (const bar of document.querySelectorAll("[data-filters]")) {
  const rows = [...document.getElementById(bar.dataset.filters).tBodies[0].rows];
  const [words, all] = bar.querySelectorAll("input");
  const told = bar.querySelector("[aria-live]");
  const quiet = new Set(["satisfied", "aside"]);
  all.checked = rows.every((row) => quiet.has(row.dataset.state));
  const show = () => {
    const wanted = words.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = !wanted || row.textContent.toLowerCase().includes(wanted);
      row.hidden = !fits || (!all.checked && !wanted && quiet.has(row.dataset.state));
      shown += row.hidden ? 0 : 1;
    }
    told.textContent = shown + " of " + rows.length + " shown";
  };
  words.addEventListener("input", show);
  all.addEventListener("change", show);
  bar.hidden = false;
  show();
}
for (const bar of document.querySelectorAll(".kinds")) {
  const rows = [...bar.parentElement.querySelectorAll("tbody tr")];
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    for (const row of rows) if (row.dataset.kind === button.value) row.hidden = !on;
  });
  bar.hidden = false;
}
