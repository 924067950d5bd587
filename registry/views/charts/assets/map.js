"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#b5487f", "#9a7b00", "#2f9bd0", "#7a5ea8", "#8c564b", "#5d8a00"];
  const DARK = ["#4aa8e0", "#ff9a4d", "#35c79b", "#ea8dbb", "#d9b938", "#8ed0f5", "#b79ae6", "#c79a8d", "#a6cf4a"];
  const WORDS = { "task": "tasks", "model": "models", "prompted-model": "prompted models" };
  const LAYOUTS = { distances: "all distances", pca: "PCA", tsne: "t-SNE", umap: "UMAP" };
  const MOST_LABELS = 140, SHOWN = 10, PAD = 60;
  const count = data.names.length;
  const get = (id) => document.getElementById(id);
  const stage = get("stage"), svg = get("map"), tip = get("tip");
  const state = { layout: data.layouts[0].name, colour: data.colour, ties: count > 60 ? "chosen" : "first", chosen: -1, query: "",
    hidden: new Set(), shapes: new Set(), zoom: 1, x: 0, y: 0 };

  const make = (tag, attributes, parent) => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (parent) parent.appendChild(element);
    return element;
  };
  const add = (tag, text, parent, name) => {
    const element = document.createElement(tag);
    if (text !== null) element.textContent = text;
    if (name) element.className = name;
    parent.appendChild(element);
    return element;
  };
  const shapePath = (shape, r) => shape === "model"
    ? `M0 ${-1.25 * r}L${1.15 * r} ${0.85 * r}H${-1.15 * r}Z`
    : shape === "prompted-model" ? `M${-0.9 * r} ${-0.9 * r}H${0.9 * r}V${0.9 * r}H${-0.9 * r}Z`
      : `M${r} 0A${r} ${r} 0 1 1 ${-r} 0A${r} ${r} 0 1 1 ${r} 0Z`;

  // -- what is coloured how, and what is shown ------------------------------------------------------
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const palette = () => (dark.matches ? DARK : LIGHT);
  const grey = () => (dark.matches ? "#8891a0" : "#7d8594");
  const wordOf = (point) => data.groups[state.colour].words[data.groups[state.colour].of[point]];
  let ranks = new Map();
  const rankWords = () => {
    const counts = new Map();
    for (let i = 0; i < count; i++) counts.set(wordOf(i), (counts.get(wordOf(i)) || 0) + 1);
    const known = [...counts].filter(([word]) => word !== "").sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    ranks = new Map(known.map(([word, number], place) => [word, { place, number }]));
    if (counts.has("")) ranks.set("", { place: Infinity, number: counts.get("") });
  };
  const colourOf = (word) => {
    const place = ranks.get(word).place;
    return place < palette().length ? palette()[place] : grey();
  };
  const matches = (point) => {
    if (!state.query) return true;
    const own = [data.names[point], ...Object.values(data.groups).map((group) => group.words[group.of[point]])];
    return own.some((text) => text.toLowerCase().includes(state.query));
  };
  const isShown = (point) => !state.hidden.has(wordOf(point)) && !state.shapes.has(data.shapes[point]);

  // -- where things are ------------------------------------------------------------------------------
  let width = 0, height = 0, scale = 1;
  const layoutOf = () => data.layouts.find((layout) => layout.name === state.layout);
  const fit = () => {
    const box = stage.getBoundingClientRect();
    width = box.width;
    height = box.height;
    const at = layoutOf().at;
    let wide = 0.01, high = 0.01;
    for (let i = 0; i < count; i++) {
      wide = Math.max(wide, Math.abs(at[2 * i]));
      high = Math.max(high, Math.abs(at[2 * i + 1]));
    }
    scale = Math.max(10, Math.min((width - 2 * PAD) / (2 * wide), (height - PAD) / (2 * high)));
  };
  const place = (point) => {
    const at = layoutOf().at;
    return [width / 2 + state.x + at[2 * point] * scale * state.zoom,
      height / 2 + state.y - at[2 * point + 1] * scale * state.zoom];
  };
  const radius = () => (count > 300 ? 4.2 : count > 80 ? 5.2 : 6.5) * Math.min(1.6, Math.sqrt(Math.max(1, state.zoom)) ** 0.5);

  // -- drawing ---------------------------------------------------------------------------------------
  const marks = data.names.map((name, point) => {
    const mark = make("path", { class: "point" }, get("points"));
    mark.addEventListener("pointerenter", (event) => showTip(point, event));
    mark.addEventListener("pointerleave", () => { tip.hidden = true; });
    return mark;
  });
  const textWidth = (() => {
    const context = document.createElement("canvas").getContext("2d");
    context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const known = data.names.map((name) => context.measureText(name).width + 3);
    return (point) => known[point];
  })();
  let waiting = false;
  const draw = () => {
    if (!waiting) {
      waiting = true;
      requestAnimationFrame(() => { waiting = false; paint(); });
    }
  };
  const paint = () => {
    const spots = data.names.map((name, point) => place(point)), r = radius();
    for (let i = 0; i < count; i++) {
      const shown = isShown(i), faint = shown && !matches(i);
      marks[i].setAttribute("display", shown ? "inline" : "none");
      if (!shown) continue;
      marks[i].setAttribute("d", shapePath(data.shapes[i], i === state.chosen ? 1.35 * r : r));
      marks[i].setAttribute("transform", `translate(${spots[i][0].toFixed(1)} ${spots[i][1].toFixed(1)})`);
      marks[i].setAttribute("fill", colourOf(wordOf(i)));
      marks[i].setAttribute("class", `point${faint ? " is-faint" : ""}${i === state.chosen ? " is-chosen" : ""}`);
    }
    paintTies(spots);
    paintLabels(spots, r);
  };
  const isAlike = (point, rank) => data.alike[point][rank] !== 0;  // or nobody can tell
  const shownNear = (point) => data.nearest[point].filter((other, rank) => isAlike(point, rank)).slice(0, 5);
  const paintTies = (spots) => {
    const lines = get("lines");
    lines.replaceChildren();
    const tie = (from, to, strong) => {
      if (!isShown(from) || !isShown(to)) return;
      make("line", { class: `tie${strong ? " is-strong" : ""}`, x1: spots[from][0], y1: spots[from][1],
        x2: spots[to][0], y2: spots[to][1] }, lines);
    };
    if (state.ties === "first") for (let i = 0; i < count; i++) for (const other of shownNear(i).slice(0, 1)) tie(i, other, false);
    if (state.ties !== "none" && state.chosen >= 0) {
      for (const other of shownNear(state.chosen)) tie(state.chosen, other, true);
    }
  };
  const paintLabels = (spots, r) => {
    const group = get("labels"), taken = [], cells = new Map(), CELL = 40;
    group.replaceChildren();
    const key = (x, y) => `${Math.floor(x / CELL)},${Math.floor(y / CELL)}`;
    const inView = (p) => p[0] > 0 && p[1] > 0 && p[0] < width && p[1] < height;
    for (let i = 0; i < count; i++) {
      if (isShown(i) && matches(i) && inView(spots[i])) {
        const cell = key(...spots[i]);
        if (!cells.has(cell)) cells.set(cell, []);
        cells.get(cell).push(i);
      }
    }
    const coversMark = (box, own) => {
      for (let x = Math.floor((box[0] - r) / CELL); x <= Math.floor((box[2] + r) / CELL); x++) {
        for (let y = Math.floor((box[1] - r) / CELL); y <= Math.floor((box[3] + r) / CELL); y++) {
          for (const i of cells.get(`${x},${y}`) || []) {
            if (i === own) continue;
            const [px, py] = spots[i];
            if (px + r > box[0] && px - r < box[2] && py + r > box[1] && py - r < box[3]) return true;
          }
        }
      }
      return false;
    };
    const isFree = (box, own, must) => box[0] >= 2 && box[1] >= 2 && box[2] <= width - 2 && box[3] <= height - 2
      && !taken.some((b) => box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1])
      && (must || !coversMark(box, own));
    const near = state.chosen >= 0 ? shownNear(state.chosen) : [];
    const first = [state.chosen, ...near].filter((i) => i >= 0);
    const rest = data.order.filter((i) => !first.includes(i));
    let written = 0;
    for (const i of [...first, ...rest]) {
      if (!isShown(i) || !inView(spots[i]) || (!matches(i) && !first.includes(i))) continue;
      if (written >= MOST_LABELS) break;
      const [x, y] = spots[i], w = textWidth(i), gap = r + 4;
      const places = [[x + gap, y], [x - gap - w, y], [x - w / 2, y - gap - 6], [x - w / 2, y + gap + 6],
        [x + 0.7 * gap, y - gap - 5], [x + 0.7 * gap, y + gap + 5], [x - 0.7 * gap - w, y - gap - 5],
        [x - 0.7 * gap - w, y + gap + 5]];
      const found = places.find(([left, middle]) => isFree([left, middle - 8, left + w, middle + 8], i, i === state.chosen));
      if (!found) continue;
      taken.push([found[0], found[1] - 8, found[0] + w, found[1] + 8]);
      const text = make("text", { class: `label${i === state.chosen ? " is-chosen" : ""}`, x: found[0].toFixed(1),
        y: (found[1] + 4).toFixed(1) }, group);
      text.textContent = data.names[i];
      written += 1;
    }
  };

  // -- what is told ----------------------------------------------------------------------------------
  const groupsOf = (point) => Object.entries(data.groups).filter(([name, group]) => group.words[group.of[point]] !== "")
    .map(([name, group]) => [name, group.words[group.of[point]]]);
  const showTip = (point, event) => {
    tip.replaceChildren();
    add("b", data.names[point], tip);
    add("span", wordOf(point) || WORDS[data.shapes[point]], tip, "soft");
    const first = data.nearest[point][0];
    const told = `${data.names[first]} ${data.likeness[point][0].toFixed(2)}`;
    add("div", shownNear(point).length ? `nearest: ${told}` : `nothing is alike; nearest: ${told}`, tip, "soft");
    tip.hidden = false;
    const box = stage.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    tip.style.left = `${Math.max(4, x + 14 + own.width > width ? x - own.width - 14 : x + 14)}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 14, height - own.height - 4))}px`;
  };
  const choose = (point) => {
    state.chosen = point;
    showDetails();
    draw();
  };
  const listed = (points, told, parent, alike) => {
    const list = add("div", null, parent, "list");
    points.forEach((point, rank) => {
      const button = add("button", data.names[point], list, alike && alike[rank] === 0 ? "soft" : "");
      button.type = "button";
      if (told) add("span", told[rank].toFixed(2), button, "count");
      button.addEventListener("click", () => { bring(point); choose(point); });
    });
  };
  const showDetails = () => {
    const details = get("details");
    details.replaceChildren();
    if (state.query) {
      const found = [...Array(count).keys()].filter((i) => matches(i) && isShown(i));
      add("h2", `Found ${found.length} of ${count}`, details);
      listed(found.slice(0, SHOWN), null, details);
      if (found.length > SHOWN) add("p", `and ${found.length - SHOWN} more`, details, "soft");
    }
    if (state.chosen < 0) {
      if (!state.query) add("p", "Choose a point, or find a name, to see what is nearest to it.", details, "soft");
      return;
    }
    add("h2", data.names[state.chosen], details);
    if (data.leads.entry) {
      const address = data.names[state.chosen].split("/").map(encodeURIComponent).join("/");
      add("a", "Open the entry", add("p", null, details)).href = data.leads.entry + address;
    }
    for (const [name, word] of groupsOf(state.chosen)) add("p", `${name}: ${word}`, details, "soft");
    add("h2", "Nearest, and how similar", details);
    const alike = data.alike[state.chosen];
    if (!shownNear(state.chosen).length) add("p", "Nothing here is alike: unrelated ones reach as much.", details, "soft");
    else if (alike.includes(0)) add("p", "Those in grey are not alike: unrelated ones reach as much.", details, "soft");
    listed(data.nearest[state.chosen], data.likeness[state.chosen], details, alike);
  };
  const legendRow = (parent, text, number, shape, colour, set, value) => {
    const button = add("button", null, parent);
    button.type = "button";
    button.setAttribute("aria-pressed", String(!set.has(value)));
    const icon = make("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" }, button);
    make("path", { d: shapePath(shape, 5.5), fill: colour }, icon);
    add("span", text, button);
    add("span", String(number), button, "count");
    button.addEventListener("click", () => {
      if (!set.delete(value)) set.add(value);
      showLegends();
      draw();
    });
  };
  const showLegends = () => {
    const shapes = get("shapes"), colours = get("colours");
    shapes.replaceChildren();
    colours.replaceChildren();
    for (const shape of Object.keys(WORDS)) {
      const number = data.shapes.filter((own) => own === shape).length;
      if (number) legendRow(shapes, WORDS[shape], number, shape, grey(), state.shapes, shape);
    }
    get("colours-title").textContent = `By ${state.colour}`;
    for (const [word, { number }] of ranks) {
      const shape = data.shapes[[...Array(count).keys()].find((i) => wordOf(i) === word)];
      legendRow(colours, word || "none", number, shape, colourOf(word), state.hidden, word);
    }
  };

  // -- moving ----------------------------------------------------------------------------------------
  const zoomAt = (factor, x, y) => {
    const zoom = Math.min(60, Math.max(0.4, state.zoom * factor)), by = zoom / state.zoom;
    state.x = x - width / 2 - by * (x - width / 2 - state.x);
    state.y = y - height / 2 - by * (y - height / 2 - state.y);
    state.zoom = zoom;
    draw();
  };
  const bring = (point) => {
    const [x, y] = place(point);
    if (x < 30 || y < 30 || x > width - 30 || y > height - 30) {
      state.x += width / 2 - x;
      state.y += height / 2 - y;
    }
  };
  const reset = () => { state.zoom = 1; state.x = 0; state.y = 0; draw(); };
  const fingers = new Map();
  let moved = 0, spread = 0;
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoomAt(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0016)), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  svg.addEventListener("pointerdown", (event) => {
    svg.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    moved = 0;
    spread = 0;
    svg.classList.add("is-dragged");
  });
  svg.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const dx = event.clientX - before[0], dy = event.clientY - before[1];
    moved += Math.abs(dx) + Math.abs(dy);
    if (fingers.size === 2) {
      const [a, b] = [...fingers.values()], box = stage.getBoundingClientRect();
      const apart = Math.hypot(a[0] - b[0], a[1] - b[1]);
      if (spread) zoomAt(apart / spread, (a[0] + b[0]) / 2 - box.left, (a[1] + b[1]) / 2 - box.top);
      spread = apart;
    } else if (moved > 3) {
      state.x += dx;
      state.y += dy;
      tip.hidden = true;
      draw();
    }
  });
  const lift = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    svg.classList.remove("is-dragged");
    if (moved > 3 || event.type === "pointercancel") return;
    const box = stage.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = -1, nearest = (radius() + 6) ** 2;
    for (let i = 0; i < count; i++) {
      const [px, py] = place(i), away = (px - x) ** 2 + (py - y) ** 2;
      if (isShown(i) && away < nearest) { best = i; nearest = away; }
    }
    choose(best);
  };
  svg.addEventListener("pointerup", lift);
  svg.addEventListener("pointercancel", lift);
  svg.addEventListener("dblclick", (event) => {
    const box = stage.getBoundingClientRect();
    zoomAt(1.8, event.clientX - box.left, event.clientY - box.top);
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [50, 0], ArrowRight: [-50, 0], ArrowUp: [0, 50], ArrowDown: [0, -50] }[event.key];
    if (step) { state.x += step[0]; state.y += step[1]; draw(); }
    else if (event.key === "+" || event.key === "=") zoomAt(1.3, width / 2, height / 2);
    else if (event.key === "-") zoomAt(1 / 1.3, width / 2, height / 2);
    else if (event.key === "0") reset();
    else if (event.key === "Escape") choose(-1);
    else return;
    event.preventDefault();
  });

  // -- the controls ----------------------------------------------------------------------------------
  const option = (select, value, text) => { add("option", text, select).value = value; };
  for (const layout of data.layouts) option(get("layout"), layout.name, LAYOUTS[layout.name] || layout.name);
  for (const name of Object.keys(data.groups)) option(get("colour"), name, name);
  get("layout").value = state.layout;
  get("colour").value = state.colour;
  get("ties").value = state.ties;
  get("layout").addEventListener("change", (event) => { state.layout = event.target.value; fit(); reset(); });
  get("colour").addEventListener("change", (event) => {
    state.colour = event.target.value;
    state.hidden.clear();
    rankWords();
    showLegends();
    showDetails();
    draw();
  });
  get("ties").addEventListener("change", (event) => { state.ties = event.target.value; draw(); });
  get("reset").addEventListener("click", reset);
  get("search").addEventListener("input", (event) => {
    state.query = event.target.value.trim().toLowerCase();
    showDetails();
    draw();
  });
  get("search").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const found = data.order.find((i) => matches(i) && isShown(i));
    if (state.query && found !== undefined) { bring(found); choose(found); }
  });
  get("note").textContent = data.note || "";
  if (data.leads.back) {
    const bar = document.querySelector(".bar"), back = add("a", "Back", bar);
    back.href = data.leads.back;
    bar.prepend(back);
  }
  dark.addEventListener("change", () => { showLegends(); draw(); });
  new ResizeObserver(() => { fit(); draw(); }).observe(stage);
  rankWords();
  fit();
  showLegends();
  showDetails();
  paint();
})();
