// Offers names as they are typed. All pages work without it.
"use strict";
for (const input of document.querySelectorAll("input[list]")) {
  const list = input.list;
  if (!list || !list.dataset.kinds) continue;
  let timer = 0;
  let last = input.value;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const begins = input.value.trim();
      if (begins === last || begins.length > 120) return;
      last = begins;
      const query = new URLSearchParams({ begins });
      for (const kind of list.dataset.kinds.split(",")) query.append("kind", kind);
      const answer = await fetch("/api/names?" + query).catch(() => null);
      if (!answer || !answer.ok || input.value.trim() !== begins) return;
      const { names } = await answer.json();
      list.replaceChildren(...names.map((name) => new Option("", name)));
    }, 150);
  });
}
