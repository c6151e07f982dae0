"use strict";
// Puts what the service sends in its place. All of it was written, and escaped, by the service.
const state = document.getElementById("state");
const say = (text, trouble) => {
  if (!state) return;
  state.classList.toggle("trouble", Boolean(trouble));
  if (state.textContent !== text) state.textContent = text;
};
const made = (html) => {
  const found = document.createElement("template");
  found.innerHTML = html;
  return found.content;
};
// A stream that is not looked at costs the service, and the browser one of its few connections.
const follow = (address, handlers) => {
  let source = null;
  let done = false;
  const close = () => {
    if (source) source.close();
    source = null;
  };
  const open = () => {
    if (source || done || document.hidden) return;
    source = new EventSource(address);
    source.addEventListener("open", () => say("Live"));
    source.addEventListener("error", () => {
      const over = source && source.readyState === EventSource.CLOSED;
      say(over ? "Not live: load the page again" : "Not live: connecting again", true);
      if (over) close();
    });
    source.addEventListener("trouble", (event) => say("Not up to date: " + JSON.parse(event.data).why, true));
    for (const [kind, handle] of Object.entries(handlers)) {
      source.addEventListener(kind, (event) => {
        say("Live");
        handle(JSON.parse(event.data));
      });
    }
  };
  const seen = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", seen);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
  return () => {
    done = true;
    close();
    document.removeEventListener("visibilitychange", seen);
    window.removeEventListener("pagehide", close);
    window.removeEventListener("pageshow", open);
  };
};

const rows = document.getElementById("rows");
if (rows) {
  const bar = document.getElementById("bar");
  const show = (told) => {
    const focused = document.activeElement && document.activeElement.closest("#rows tr");
    const id = focused && focused.id;
    for (const [name, html] of Object.entries(told.rows)) {
      const fresh = made(html).querySelector("tr");
      const old = document.getElementById(name);
      if (old) old.replaceWith(fresh);
      else rows.append(fresh);
    }
    const wanted = new Set(told.order);
    for (const row of [...rows.rows]) if (!wanted.has(row.id)) row.remove();
    told.order.forEach((name, at) => {
      const row = document.getElementById(name);
      if (row && rows.rows[at] !== row) rows.insertBefore(row, rows.rows[at] || null);
    });
    if (bar.innerHTML !== told.bar) bar.replaceChildren(made(told.bar));
    const again = id && document.getElementById(id);
    if (again && !again.contains(document.activeElement)) again.querySelector("a").focus({preventScroll: true});
  };
  let stop = follow(rows.dataset.stream, {rows: show});
  const form = document.getElementById("filter");
  let timer = 0;
  const ask = () => {
    const given = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    const query = given.size ? "?" + given : "";
    history.replaceState(null, "", "/ui" + query);
    stop();
    stop = follow("/ui/events" + query, {rows: show});
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 250);
  });
}

const regions = document.getElementById("regions");
if (regions && regions.dataset.stream) {
  const fields = (region) => [...region.querySelectorAll("input:not([type=hidden]), textarea")];
  const key = (field) => [field.form && field.form.elements.question.value, field.name, field.type === "radio" ? field.value : ""].join("\u0000");
  const change = (region, html) => {
    // What somebody is typing stays, and so do the place they are at and what they opened.
    const kept = new Map(fields(region).map((field) => [key(field), field]));
    const opened = [...region.querySelectorAll("details")].map((one) => one.open);
    const active = region.contains(document.activeElement) ? document.activeElement : null;
    const at = active && active.name ? key(active) : null;
    region.replaceChildren(made(html));
    [...region.querySelectorAll("details")].forEach((one, index) => { one.open = Boolean(opened[index]); });
    for (const field of fields(region)) {
      const old = kept.get(key(field));
      if (!old) continue;
      if (field.type === "radio") field.checked = old.checked;
      else field.value = old.value;
      if (key(field) === at) {
        field.focus({preventScroll: true});
        if (field.type !== "radio") field.setSelectionRange(old.selectionStart, old.selectionEnd);
      }
    }
  };
  let first = true;
  const stop = follow(regions.dataset.stream, {
    regions: (told) => {
      for (const [name, html] of Object.entries(told)) {
        const region = document.getElementById(name);
        if (region && (!first || region.innerHTML.trim() !== html.trim())) change(region, html);
      }
      first = false;
    },
    end: () => {
      stop();
      say("The run has ended");
    },
    gone: (told) => {
      stop();
      say("Not live: " + told.why, true);
    },
  });
}
