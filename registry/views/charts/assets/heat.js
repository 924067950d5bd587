"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const count = data.names.length;
  const bytes = Uint8Array.from(atob(data.cells), (sign) => sign.charCodeAt(0));
  const cells = new Int8Array(bytes.buffer);
  const get = (id) => document.getElementById(id);
  const stage = get("stage"), canvas = get("heat"), tip = get("tip"), context = canvas.getContext("2d");
  const SMALL = 11, TREE = 70, MOST_NAME = 170, SHOWN = 15;
  const state = { order: "clusters", zoom: 1, x: 0, y: 0, chosen: -1, at: null };
  const byName = [...Array(count).keys()].sort((a, b) => (data.names[a] < data.names[b] ? -1 : 1));
  const order = () => (state.order === "clusters" ? data.order : byName);
  const value = (a, b) => cells[a * count + b] / 100;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const colours = () => { const own = getComputedStyle(document.documentElement);
    return { ink: own.getPropertyValue("--ink"), soft: own.getPropertyValue("--soft"), ground: own.getPropertyValue("--ground"), accent: own.getPropertyValue("--accent") }; };
  const mix = (from, to, share) => from.map((part, i) => Math.round(part + (to[i] - part) * share));
  const cellColour = (number) => {
    const middle = dark.matches ? [24, 29, 38] : [247, 247, 247];
    const end = number >= 0 ? (dark.matches ? [255, 122, 84] : [178, 24, 43]) : (dark.matches ? [92, 170, 255] : [33, 102, 172]);
    return mix(middle, end, Math.pow(Math.min(1, Math.abs(number)), 0.85));
  };
  const add = (tag, text, parent, name) => {
    const element = document.createElement(tag);
    if (text !== null) element.textContent = text;
    if (name) element.className = name;
    parent.appendChild(element);
    return element;
  };

  // The cells are painted once, a pixel each, and stretched.
  const small = document.createElement("canvas");
  const paintCells = () => {
    small.width = count;
    small.height = count;
    const own = small.getContext("2d"), image = own.createImageData(count, count), places = order();
    const known = new Map();
    for (let row = 0; row < count; row++) {
      for (let column = 0; column < count; column++) {
        const number = cells[places[row] * count + places[column]];
        if (!known.has(number)) known.set(number, cellColour(number / 100));
        image.data.set([...known.get(number), 255], 4 * (row * count + column));
      }
    }
    own.putImageData(image, 0, 0);
  };

  let width = 0, height = 0, left = 0, top = 0, side = 0;
  const fit = () => {
    const box = stage.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    width = box.width;
    height = box.height;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = "12px system-ui, 'DejaVu Sans', sans-serif";
    const longest = Math.min(MOST_NAME, Math.max(...data.names.map((name) => context.measureText(name).width)) + 10);
    left = state.order === "clusters" ? TREE : 10;
    top = 12;
    side = Math.max(80, Math.min(width - left - longest - 8, height - top - longest * 0.8 - 8));
  };
  const cell = () => (side / count) * state.zoom;
  const draw = () => {
    const shades = colours(), size = cell(), places = order();
    context.clearRect(0, 0, width, height);
    context.save();
    context.beginPath();
    context.rect(left, top, side, side);
    context.clip();
    context.imageSmoothingEnabled = false;
    context.drawImage(small, left + state.x, top + state.y, side * state.zoom, side * state.zoom);
    const rows = [state.chosen, ...(state.at || [])].filter((i) => i >= 0);
    context.strokeStyle = shades.accent;
    context.lineWidth = 2;
    if (state.chosen >= 0) {
      const place = places.indexOf(state.chosen);
      context.strokeRect(left + state.x, top + state.y + place * size, side * state.zoom, size);
      context.strokeRect(left + state.x + place * size, top + state.y, size, side * state.zoom);
    }
    if (size >= 26) {
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.font = "11px system-ui, 'DejaVu Sans', sans-serif";
      for (let row = 0; row < count; row++) {
        const y = top + state.y + (row + 0.5) * size;
        if (y < top || y > top + side) continue;
        for (let column = 0; column < count; column++) {
          const x = left + state.x + (column + 0.5) * size;
          if (row === column || x < left || x > left + side) continue;
          const number = value(places[row], places[column]), own = cellColour(number);
          context.fillStyle = 0.3 * own[0] + 0.59 * own[1] + 0.11 * own[2] > 125 ? "#1a1a1a" : "#f2f2f2";
          context.fillText(number.toFixed(2).replace("0.", ".").replace("-.00", ".00"), x, y);
        }
      }
    }
    context.restore();
    drawNames(shades, size, places, rows);
    if (state.order === "clusters") drawTree(shades, size);
  };
  const shortened = (text) => {
    let own = text;
    while (own.length > 4 && context.measureText(own).width > MOST_NAME - 8) own = own.slice(0, -2);
    return own === text ? text : `${own.slice(0, -1)}\u2026`;
  };
  const drawNames = (shades, size, places, always) => {
    context.font = `${Math.min(12, Math.max(9, size * 0.9))}px system-ui, 'DejaVu Sans', sans-serif`;
    context.textBaseline = "middle";
    places.forEach((entry, place) => {
      const named = size >= SMALL || always.includes(entry);
      const at = (place + 0.5) * size;
      if (!named) return;
      context.fillStyle = always.includes(entry) ? shades.accent : shades.ink;
      const text = shortened(data.names[entry]);
      if (state.y + at >= 0 && state.y + at <= side) {
        context.textAlign = "left";
        context.fillText(text, left + side + 6, top + state.y + at);
      }
      if (state.x + at >= 0 && state.x + at <= side) {
        context.save();
        context.translate(left + state.x + at, top + side + 8);
        context.rotate(-0.9);
        context.textAlign = "right";
        context.fillText(text, 0, 0);
        context.restore();
      }
    });
  };
  const drawTree = (shades, size) => {
    const at = new Map(), depth = new Map();
    data.order.forEach((leaf, place) => { at.set(leaf, place + 0.5); depth.set(leaf, 0); });
    const most = Math.max(0.01, ...data.merges.map((merge) => merge[2]));
    const x = (own) => left - 4 - (own / most) * (TREE - 12);
    context.save();
    context.beginPath();
    context.rect(0, top, left, side);
    context.clip();
    context.strokeStyle = shades.soft;
    context.lineWidth = size < 3 ? 0.3 : 1;
    data.merges.forEach(([one, other, far], number) => {
      const own = Math.max(far, depth.get(one), depth.get(other));
      const first = top + state.y + at.get(one) * size, second = top + state.y + at.get(other) * size;
      context.beginPath();
      context.moveTo(x(depth.get(one)), first);
      context.lineTo(x(own), first);
      context.lineTo(x(own), second);
      context.lineTo(x(depth.get(other)), second);
      context.stroke();
      at.set(count + number, (at.get(one) + at.get(other)) / 2);
      depth.set(count + number, own);
    });
    context.restore();
  };

  const showDetails = () => {
    const details = get("details");
    details.replaceChildren();
    if (state.chosen < 0) {
      add("p", "Point at a cell to read it. Choose a row, or find a name, to see what is nearest to it.", details, "soft");
      return;
    }
    add("h2", data.names[state.chosen], details);
    if (data.kinds[state.chosen]) add("p", data.kinds[state.chosen], details, "soft");
    add("h2", "Nearest, and how similar", details);
    const list = add("div", null, details, "list");
    const near = [...Array(count).keys()].filter((i) => i !== state.chosen)
      .sort((a, b) => value(state.chosen, b) - value(state.chosen, a)).slice(0, SHOWN);
    for (const other of near) {
      const button = add("button", data.names[other], list);
      button.type = "button";
      add("span", value(state.chosen, other).toFixed(2), button, "count");
      button.addEventListener("click", () => choose(other));
    }
  };
  const choose = (entry) => { state.chosen = entry; showDetails(); draw(); };
  const under = (event) => {
    const box = stage.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - left - state.x) / cell());
    const row = Math.floor((event.clientY - box.top - top - state.y) / cell());
    const inside = event.clientX - box.left > left && event.clientX - box.left < left + side
      && event.clientY - box.top > top && event.clientY - box.top < top + side;
    const places = order();
    return inside && row >= 0 && column >= 0 && row < count && column < count ? [places[row], places[column]] : null;
  };
  const bound = () => {
    const room = side * state.zoom - side;
    state.x = Math.min(0, Math.max(-room, state.x));
    state.y = Math.min(0, Math.max(-room, state.y));
  };
  const zoomAt = (factor, x, y) => {
    const zoom = Math.min(Math.max(1, (count * 40) / side), Math.max(1, state.zoom * factor)), by = zoom / state.zoom;
    state.x = x - left - by * (x - left - state.x);
    state.y = y - top - by * (y - top - state.y);
    state.zoom = zoom;
    bound();
    draw();
  };
  const reset = () => { Object.assign(state, { zoom: 1, x: 0, y: 0 }); draw(); };
  let from = null, moved = 0;
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoomAt(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0016)), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); from = [event.clientX, event.clientY]; moved = 0; });
  canvas.addEventListener("pointermove", (event) => {
    if (from) {
      const dx = event.clientX - from[0], dy = event.clientY - from[1];
      from = [event.clientX, event.clientY];
      moved += Math.abs(dx) + Math.abs(dy);
      state.x += dx;
      state.y += dy;
      bound();
    }
    state.at = under(event);
    tip.hidden = state.at === null || moved > 3 && from !== null;
    if (state.at) {
      tip.replaceChildren();
      add("b", data.names[state.at[0]], tip);
      add("div", data.names[state.at[1]], tip);
      add("div", `similarity ${value(...state.at).toFixed(2)}`, tip, "soft");
      const box = stage.getBoundingClientRect(), own = tip.getBoundingClientRect(), x = event.clientX - box.left;
      tip.style.left = `${Math.max(4, x + 14 + own.width > width ? x - own.width - 14 : x + 14)}px`;
      tip.style.top = `${Math.max(4, Math.min(event.clientY - box.top + 14, height - own.height - 4))}px`;
    }
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    from = null;
    if (moved <= 3) choose((under(event) || [-1])[0]);
  });
  canvas.addEventListener("pointercancel", () => { from = null; });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; state.at = null; draw(); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [50, 0], ArrowRight: [-50, 0], ArrowUp: [0, 50], ArrowDown: [0, -50] }[event.key];
    if (step) { state.x += step[0]; state.y += step[1]; bound(); draw(); }
    else if (event.key === "+" || event.key === "=") zoomAt(1.3, left + side / 2, top + side / 2);
    else if (event.key === "-") zoomAt(1 / 1.3, left + side / 2, top + side / 2);
    else if (event.key === "0") reset();
    else if (event.key === "Escape") choose(-1);
    else return;
    event.preventDefault();
  });
  for (const name of data.names) add("option", null, get("names")).value = name;
  get("search").addEventListener("input", (event) => {
    const query = event.target.value.trim().toLowerCase();
    const exact = data.names.findIndex((name) => name.toLowerCase() === query);
    choose(!query ? -1 : exact >= 0 ? exact : data.names.findIndex((name) => name.toLowerCase().includes(query)));
  });
  get("order").addEventListener("change", (event) => { state.order = event.target.value; paintCells(); fit(); reset(); });
  get("reset").addEventListener("click", reset);
  get("scale").textContent = "red is like, blue unlike";
  get("note").textContent = data.note || "";
  dark.addEventListener("change", () => { paintCells(); draw(); });
  new ResizeObserver(() => { fit(); bound(); draw(); }).observe(stage);
  paintCells();
  fit();
  showDetails();
  draw();
})();
