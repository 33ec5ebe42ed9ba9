// A host without Python: a kernel that answers by arithmetic, and ways between it and the page that
// are slow, late, out of order or leaky. `perform(case)` lets hands choose, waits for rest, and
// returns what is shown then that does not belong to the recording and the selection.

const STEPS = [2, 3, 8, 11]; // of 12; kept
const LAYERS = 3, HEADS = 2, WORDS = 4, GRID = [4, 4];
const SELECTION = ["word", "word_b", "choice", "layer", "head", "steps"];
const PLAIN = { word: 0, word_b: -1, steps: [2, 12], choice: "all", layer: -1, head: -1, opacity: 0,
  threshold: 0.4, contour: false, colormap: "gray", follow_step: false, playing: false, interval: 40,
  tile_scale: "own", tile_sort: "network", tile_measure: "mean", tile_show: "auto", show_pieces: false, show_syntax: false, projector: false,
  theme: "light", region: [], view: "overlay", difference_scale: "own" };

/** A number from 0.1 to 1 that nobody else has. */
function number(...what) {
  let hash = 2166136261;
  for (const sign of JSON.stringify(what)) hash = Math.imul(hash ^ sign.codePointAt(0), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return 0.1 + (0.9 * ((hash ^ (hash >>> 13)) >>> 0)) / 2 ** 32;
}

/** Chance with a seed, so that a case that fails fails again. */
function chance(seed) {
  let state = seed * 2654435761 + 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return { next, below: (n) => Math.floor(next() * n), of: (list) => list[Math.floor(next() * list.length)] };
}

const placesOf = ([first, end]) => {
  const lo = STEPS.findIndex((step) => step >= first);
  const after = STEPS.findIndex((step) => step >= end);
  return [lo, after < 0 ? STEPS.length : after];
};

// --- what belongs to a recording and a selection --------------------------------------------------

const truth = {
  exact: (run, sel, word = sel.word) =>
    number(run, "exact", word, sel.choice, sel.layer, sel.head, placesOf(sel.steps)),
  step: (run, sel, word, t) => number(run, "stack", word, sel.choice, sel.layer, sel.head, t),
  tile: (run, sel, layer, head) => number(run, "tile", sel.word, placesOf(sel.steps), layer, head),
  peak: (run, sel, layer, head) => number(run, "peak", sel.word, placesOf(sel.steps), layer, head),
  overlap: (run, sel, layer, head) =>
    number(run, "overlap", sel.word, sel.choice, sel.layer, sel.head, placesOf(sel.steps), sel.threshold, layer, head),
  inside: (run, sel, polygon, layer, head) =>
    number(run, "inside", sel.word, placesOf(sel.steps), polygon, layer, head),
  words: (run, sel, at, word) =>
    number(run, "words", sel.choice, sel.layer, sel.head, placesOf(sel.steps), sel.special, at, word),
  whole: (run, sel, word) =>
    0.1 + number(run, "whole", sel.choice, sel.layer, sel.head, placesOf(sel.steps), sel.special, word),
  share: (run, sel, at, word) =>
    truth.words(run, sel, at, word) / Array.from({ length: WORDS }, (_, w) => truth.words(run, sel, at, w)).reduce((p, q) => p + q),
  lift: (run, sel, at, word) => truth.share(run, sel, at, word) / truth.whole(run, sel, word),
  bar: (run, sel, at, kind, i) =>
    number(run, kind, sel.word, sel.choice, sel.layer, sel.head, placesOf(sel.steps), at, i),
};
const everyHead = (value) =>
  Array.from({ length: LAYERS }, (_, layer) => Array.from({ length: HEADS }, (_, head) => value(layer, head)));
const f4 = (...values) => new Uint8Array(Float32Array.from(values).buffer);

function partOf(name, run, sel, at) {
  const word = name.endsWith("_b") ? sel.word_b : sel.word;
  if (word < 0) return null;
  const of = [word, sel.choice, sel.layer, sel.head];
  const [lo, hi] = placesOf(sel.steps);
  const size = GRID[0] * GRID[1];
  if (name.startsWith("stack")) {
    const bytes = new Uint8Array(STEPS.length * size);
    STEPS.forEach((_, t) => (bytes[t * size + (word % size)] = 255));
    const scales = STEPS.map((_, t) => truth.step(run, sel, word, t) / 255);
    return { name: "stack", key: JSON.stringify(of), shape: [STEPS.length, ...GRID], scales, bytes };
  }
  if (name.startsWith("exact")) {
    const max = truth.exact(run, sel, word);
    const values = Array(size).fill(0);
    values[word % size] = max;
    return { name: "exact", key: JSON.stringify([...of, lo, hi]), shape: GRID, max, bytes: f4(...values) };
  }
  if (name === "tiles") {
    const scales = everyHead((layer, head) => truth.tile(run, sel, layer, head));
    const peak = everyHead((layer, head) => truth.peak(run, sel, layer, head));
    const offsets = scales.map((_, layer) => 4 * HEADS * layer);
    const bytes = new Uint8Array(4 * HEADS * LAYERS).fill(255);
    const tile = scales.map(() => [2, 2]);
    return { name, key: JSON.stringify([word, lo, hi]), tile, offsets, scales, peak, mean: peak, entropy: peak, bytes };
  }
  if (name === "overlap" && at?.within) {
    const values = everyHead((layer, head) => truth.inside(run, sel, at.within, layer, head));
    return { name, key: JSON.stringify([word, lo, hi]), polygon: at.within, values, chance: 0.5 };
  }
  if (name === "overlap") {
    const values = everyHead((layer, head) => truth.overlap(run, sel, layer, head));
    return { name, key: JSON.stringify([...of, lo, hi]), threshold: sel.threshold, values, chance: 0.5 };
  }
  const everyWord = Array.from({ length: WORDS }, (_, w) => w);
  if (name === "background")
    return { name, rows: everyWord.map((w) => ({ word: w, share: truth.whole(run, sel, w), chance: [0.5, 2] })) };
  const rows = everyWord.map((w) => ({ word: w, value: truth.words(run, sel, at, w), share: truth.share(run, sel, at, w) }));
  const by_step = STEPS.map((_, i) => truth.bar(run, sel, at, "by step", i));
  const by_layer = everyHead(() => 0).map((_, i) => truth.bar(run, sel, at, "by layer", i));
  if (name === "words") return { name, rows };
  const lifted = rows.map((row) => ({ ...row, lift: truth.lift(run, sel, at, row.word), chance: [0.5, 2] }));
  return { name, rows: lifted, by_step, by_layer, bars_of: sel.word, inside: 0.5 };
}

function packed(facts, parts) {
  let at = 0;
  const listed = parts.map(({ bytes = new Uint8Array(0), ...part }) => {
    at += bytes.length;
    return { ...part, at: at - bytes.length, bytes: bytes.length };
  });
  const header = new TextEncoder().encode(JSON.stringify({ v: 1, ...facts, parts: listed }));
  const all = new Uint8Array(5 + header.length + at);
  new DataView(all.buffer).setUint32(1, header.length, true);
  all.set(header, 5);
  at = 5 + header.length;
  for (const { bytes } of parts) if (bytes) all.set(bytes, (at += bytes.length) - bytes.length);
  return new DataView(all.buffer);
}

const MEASURES = [["mean", "tile"], ["peak", "tile"], ["overlap", "mask"], ["lift", "mask"]].map(
  ([name, of]) => ({ name, label: name, about: name, of, low_first: false }));
const COLORS = { one: [200, 30, 30], two: [30, 200, 30], three: [30, 30, 200] };
async function image(run) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  const pen = canvas.getContext("2d");
  pen.fillStyle = `rgb(${COLORS[run]})`;
  pen.fillRect(0, 0, 8, 8);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  return { name: "image", type: "image/png", bytes: new Uint8Array(await blob.arrayBuffer()) };
}

function factsOf(run) {
  const words = Array.from({ length: WORDS }, (_, i) => ({ text: `${run}${i}`, tokens: [i + 1], pieces: [], kind: "word", special: false, kept: true }));
  const layers = Array.from({ length: LAYERS }, (_, i) => ({ name: `${run}-layer-${i}`, stage: "up", heads: HEADS, size: [2, 2], block: "up_blocks.0", label: `${run} layer ${i}` }));
  return { run, prompt: words.map((word) => word.text).join(" "), model: run, words, layers, grid: GRID, served: GRID,
    steps: STEPS.map((place) => ({ place, timestep: 99 - place })), image: [64, 64],
    choices: { all: [0, 1, 2], paper: [0, 2] }, measures: MEASURES, strip: null, parse: null, syntax: { state: "none" }, left_out: [], reduced: [] };
}

// --- the ways between -----------------------------------------------------------------------------

/** Carries messages: each after a time of its own, in order or not; some are lost. */
class Way {
  constructor({ delay, ordered, lost }, dice) {
    Object.assign(this, { delay, ordered, lost, dice, queue: [], under: 0, leaky: true, cut: 0 });
  }
  send(deliver) {
    if (this.leaky && this.dice.next() < this.lost) return;
    const { cut } = this;
    const message = () => cut === this.cut && deliver();
    this.queue.push(message);
    this.under++;
    setTimeout(() => {
      this.under--;
      // Where the order holds, whoever's time has come lets the first one through.
      const [next] = this.ordered ? this.queue.splice(0, 1) : [message];
      next();
    }, this.dice.next() * this.delay);
  }
}

/** What anywidget promises; how changes of the kernel arrive depends on the host. */
class Model {
  constructor(host) {
    Object.assign(this, { host, values: {}, waiting: {}, heard: [] });
  }
  get(name) { return this.values[name]; }
  set(name, value) { this.waiting[name] = value; this.put({ [name]: value }, "together"); }
  on(name, callback) { this.heard.push([name, callback]); }
  off(name, callback) { this.heard = this.heard.filter((one) => one[0] !== name || one[1] !== callback); }
  save_changes() {
    const state = structuredClone(this.waiting);
    this.waiting = {};
    this.host.states.send(() => this.host.kernel.update(state));
  }
  send(content) {
    const copy = structuredClone(content);
    this.host.up.send(() => this.host.kernel.message(copy));
  }
  tell(name, ...what) { for (const [of, callback] of [...this.heard]) if (of === name) callback(...what); }
  put(changes, how) {
    const order = { "bytes first": /^_(first|images)/, "facts first": /^_facts/ }[how] ?? /^$/;
    const names = Object.keys(changes).sort((p, q) => order.test(q) - order.test(p));
    const changed = names.filter((name) => this.values[name] !== changes[name]);
    if (how === "together") Object.assign(this.values, changes);
    for (const name of changed) {
      this.values[name] = changes[name];
      this.tell(`change:${name}`);
    }
    this.tell("change");
  }
}

class Kernel {
  constructor(host, run) {
    Object.assign(this, { host, run, traits: { ...PLAIN }, refusals: 0 });
  }
  get sel() {
    const { region: _, ...rest } = this.traits;
    return { ...rest, special: rest.show_pieces };
  }
  state(...names) {
    const { run, traits, host } = this;
    const first = ["stack", "exact", "stack_b", "exact_b", "tiles"].map((name) => partOf(name, run, this.sel));
    const all = { ...traits, _facts: host.facts[run], _images: packed({ run }, [host.images[run]]),
      _first: packed({ run }, first.filter(Boolean)) };
    return Object.fromEntries((names.length ? names : Object.keys(all)).map((name) => [name, all[name]]));
  }
  tell(state) { this.host.states.send(() => this.host.model.put(state, this.host.how)); }
  update(state) {
    // Head 1 of layer 2 cannot be: what cannot be is refused, and the page told so.
    const next = { ...this.traits, ...state };
    if (next.layer === 2 && next.head === 1) {
      this.refusals++;
      this.tell(this.state(...Object.keys(state)));
      this.host.down.send(() => this.host.model.tell("msg:custom", { v: 1, type: "refused", names: Object.keys(state), error: "no head 1." }, []));
      return;
    }
    this.traits = next;
  }
  choose(traits) {
    Object.assign(this.traits, traits);
    this.tell(this.state(...Object.keys(traits), "_first"));
  }
  message({ v, type, id, run, want, sel, at }) {
    if (type !== "ask") return;
    const told = { v, type: "answer", id, run: this.run, sel, parts: [] };
    const buffers = [];
    if (run !== this.run) told.error = "another recording";
    else if (sel.layer === 2 && sel.head === 1) told.error = "no head 1";
    else
      for (const name of want) {
        const part = partOf(name, run, sel, at);
        if (!part) continue;
        const { bytes, ...rest } = part;
        told.parts.push(bytes ? { ...rest, buffer: buffers.push(new DataView(bytes.buffer)) - 1 } : rest);
      }
    this.host.asked.push(want);
    this.host.down.send(() => this.host.model.tell("msg:custom", told, buffers));
  }
}

// --- what hands do ---------------------------------------------------------------------------------

const part = (root, name, more = "") => root.querySelector(`[data-testid="${name}"]${more}`);
const key = (node, name) => node.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
function pointer(root, type, [y, x]) {
  const canvas = part(root, "image");
  const box = canvas.getBoundingClientRect();
  const options = { clientX: box.left + x * box.width, clientY: box.top + y * box.height, pointerId: 1, button: 0, bubbles: true };
  canvas.dispatchEvent(new PointerEvent(type, options));
}

/** An event of a mouse over a tile of the atlas. */
function overTile(root, type, layer, head) {
  const place = root.__daam.atlas.place(layer, head);
  if (!place) return;
  const canvas = part(root, "atlas");
  const box = canvas.getBoundingClientRect();
  const [x, y] = [place.x + place.width / 2, place.y + place.height / 2];
  const at = { clientX: box.left + x, clientY: box.top + y, pointerId: 1, button: 0, bubbles: true };
  canvas.dispatchEvent(new PointerEvent(type, { ...at, pointerType: "mouse" }));
}

function clickTile(root, layer, head) {
  for (const type of ["pointerdown", "pointerup"]) overTile(root, type, layer, head);
}

const HANDS = {
  word: (host, root, dice) => part(root, "chip", `[data-word="${dice.below(WORDS)}"]`).click(),
  compare: (host, root, dice) =>
    part(root, "chip", `[data-word="${dice.below(WORDS)}"]`).dispatchEvent(new MouseEvent("click", { bubbles: true, shiftKey: dice.next() < 0.8 })),
  steps: (host, root, dice) => {
    for (let i = dice.below(4); i >= 0; i--) key(part(root, dice.of(["step-lo", "step-hi"])), dice.of(["ArrowLeft", "ArrowRight"]));
  },
  head: (host, root, dice) => {
    clickTile(root, dice.below(LAYERS), dice.below(HEADS) - 1);
    part(root, "atlas").dispatchEvent(new PointerEvent("pointerleave"));
  },
  all: (host, root) => key(root, "Escape"),
  point: (host, root, dice) => pointer(root, "pointermove", [dice.next(), dice.next()]),
  region: (host, root, dice) => {
    pointer(root, "pointerdown", [0.1, 0.1]);
    pointer(root, "pointermove", [0.3 + dice.next() / 2, 0.3 + dice.next() / 2]);
    pointer(root, "pointerup", [0.5, 0.5]);
  },
  sort: (host, root, dice) => {
    const select = part(root, "control-tile_sort");
    select.value = dice.of(["network", "peak", "overlap"]);
    select.dispatchEvent(new Event("change", { bubbles: true }));
  },
  threshold: (host, root, dice) => {
    const input = part(root, "control-threshold");
    input.value = String(dice.next());
    input.dispatchEvent(new Event("input", { bubbles: true }));
  },
  play: (host, root) => part(root, "play").click(),
  python: (host, root, dice) =>
    host.kernel.choose({ word: dice.below(WORDS), word_b: -1, steps: dice.of([[2, 3], [3, 9], [2, 12]]) }),
  redraw: (host) => {
    host.kernel.run = host.kernel.run === "one" ? "two" : "one";
    host.kernel.tell(host.kernel.state());
  },
  restart: (host) => {
    for (const way of [host.up, host.down, host.states]) way.cut++; // what was under way is lost
    const { traits } = host.kernel;
    host.kernel = new Kernel(host, "three");
    Object.assign(host.kernel.traits, traits);
    host.kernel.tell(host.kernel.state());
  },
};

// --- what is shown at rest -------------------------------------------------------------------------

const near = (a, b) => Math.abs(a - b) <= 1e-5 * Math.abs(b);

async function wrongIn(root, host) {
  const { model } = host;
  const run = model.get("_facts").run;
  const sel = Object.fromEntries([...SELECTION, "threshold"].map((name) => [name, model.get(name)]));
  sel.special = model.get("show_pieces");
  const wrong = [];
  const check = (good, what) => good || wrong.push(what);
  const text = (name) => part(root, name).textContent;
  const { __daam: page } = root;
  check(root.dataset.settled === "true", `not settled: ${root.dataset.kind}`);
  const [a, b] = [page.shown(), page.shownB()];
  check(a?.kind === "exact" && near(a.max, truth.exact(run, sel)), `map ${a?.kind} ${a?.max}`);
  check(a && near(Math.max(...a.values), a.max), "bytes of another map");
  const preview = page.preview();
  const [from, to] = placesOf(sel.steps);
  const means = STEPS.slice(from, to).map((_, i) => truth.step(run, sel, sel.word, from + i));
  check(near(preview?.max, means.reduce((p, q) => p + q) / means.length), `preview ${preview?.max}`);
  if (sel.word_b >= 0) check(b?.kind === "exact" && near(b.max, truth.exact(run, sel, sel.word_b)), `map B ${b?.kind}`);
  check(text("title").includes(`“${run}${sel.word}”`), `title ${text("title")}`);
  check(text("status").includes(`“${run}${sel.word}”`), `status ${text("status")}`);
  const [lo, hi] = placesOf(sel.steps);
  const steps = hi - lo === 1 ? `step ${STEPS[lo]} ` : `steps ${STEPS[lo]}–${STEPS[hi - 1]} `;
  check(text("status").includes(steps), `status ${text("status")} lacks ${steps}`);
  if (sel.layer >= 0) check(text("status").includes(`${run} layer ${sel.layer}`), "layer in the status");
  check(near(Number(text("peak")), Number(truth.exact(run, sel).toPrecision(3))), `peak ${text("peak")}`);
  check(part(root, "chip", '[data-role="a"]').dataset.word === String(sel.word), "chip");
  const tiles = page.tiles();
  check(tiles?.key === JSON.stringify([sel.word, lo, hi]), `tiles ${tiles?.key}`);
  const scales = everyHead((layer, head) => truth.tile(run, sel, layer, head));
  check(tiles && scales.flat().every((value, i) => near(tiles.scales.flat()[i], value)), "tiles of another recording");
  check(text("grid-note") === "", `grid: ${text("grid-note")}`);
  const sort = model.get("tile_sort");
  if (sort !== "network") {
    const region = model.get("region");
    const values = everyHead((layer, head) =>
      sort === "overlap" && region.length
        ? truth.inside(run, sel, region, layer, head)
        : truth[sort](run, sel, layer, head));
    const drawn = root.__daam.atlas.seen().tiles.map(([layer, head]) => values[layer][head]);
    check(drawn.every((value, i) => i === 0 || value <= drawn[i - 1]), `order by ${sort}`);
  }
  const region = model.get("region");
  const rows = [...root.querySelectorAll("[data-testid=rank]")];
  const values = rows.map((row) => row.title.match(/(\S+), \S+ % of the words;/)?.[1]);
  const at = region.length ? { polygon: region } : root.pointed;
  if (region.length || root.pointed) {
    check(rows.length === WORDS, `${rows.length} words`);
    const right = (row, i) => near(Number(values[i]), Number(truth.words(run, sel, at, Number(row.dataset.word)).toPrecision(3)));
    check(rows.every((row, i) => right(row, i) && row.textContent.includes(`${run}${row.dataset.word}`)), "words of another selection");
    const lifts = rows.map((row) => truth.lift(run, sel, at, Number(row.dataset.word)));
    const said = rows.map((row) => Number(row.title.match(/; lift × (\S+), /)?.[1]));
    check(said.every((value, i) => Math.abs(value - lifts[i]) <= 0.06 + 0.05 * lifts[i]), `lifts ${said}, not ${lifts}`);
    check(lifts.every((lift, i) => i === 0 || lift <= lifts[i - 1]), "words in another order");
  } else check(rows.length === 0, "words of nowhere");
  if (region.length) {
    for (const [name, kind, count] of [["region-steps", "by step", STEPS.length], ["region-layers", "by layer", LAYERS]]) {
      const bars = [...part(root, name).children].map((bar) => Number(bar.title.split(": ").at(-1)));
      check(bars.length === count && bars.every((value, i) => near(value, Number(truth.bar(run, sel, at, kind, i).toPrecision(3)))), `bars ${kind}`);
      check(part(root, name).getAttribute("aria-label")?.includes(`${run}${sel.word}`), "whose bars");
    }
  }
  const pixel = part(root, "image").getContext("2d").getImageData(5, 5, 1, 1).data;
  const gray = sel.word_b >= 0;
  const hue = COLORS[run].map((value, i) => (gray ? pixel[i] === Math.max(...pixel.slice(0, 3)) : value > 100) === value > 100);
  check(hue.every(Boolean), `image ${pixel}`);
  const notice = part(root, "notice");
  check(notice.hidden, `alert: ${notice.textContent}`);
  return wrong;
}

// --- a case ----------------------------------------------------------------------------------------

/** Show an explorer of a scripted kernel; `host.end()` takes it away and says what is left behind. */
async function show({ how, ways, views, seed, traits = {} }) {
  const module = await window.bundle;
  Object.assign(module.times, { rest: 4, linger: 10, stale: 25, patience: Array(12).fill(60), keep: 50 });
  const dice = chance(seed);
  const host = { how, dice, asked: [], facts: {}, images: {}, roots: [] };
  for (const run of Object.keys(COLORS)) {
    host.facts[run] = factsOf(run);
    host.images[run] = await image(run);
  }
  for (const name of ["up", "down", "states"]) host[name] = new Way(ways[name], dice);
  host.model = new Model(host);
  host.kernel = new Kernel(host, "one");
  Object.assign(host.kernel.traits, traits);
  host.model.put(host.kernel.state(), how);
  const widget = await module.default();
  const ends = [await widget.initialize({ model: host.model })];
  for (let i = 0; i < views; i++) {
    const el = document.createElement("div");
    document.body.append(el);
    ends.unshift(await widget.render({ model: host.model, el }), () => el.remove());
    host.roots.push(el.firstElementChild);
  }
  host.end = () => {
    for (const end of ends) end();
    return host.model.heard.length > 0 ? [`${host.model.heard.length} still listen`] : [];
  };
  await pause(20);
  return host;
}

/** What is wrong once nothing is under way any more. */
async function wrongAtRest(host) {
  const { up, down, states, roots } = host;
  let wrong = ["never at rest"];
  for (let tries = 0; tries < 120 && wrong.length > 0; tries++) {
    await pause(15);
    if (up.under + down.under + states.under > 0) continue;
    wrong = [];
    for (const root of roots) {
      root.pointed = root.__daam.pointed();
      wrong.push(...(await wrongIn(root, host)));
    }
    // What was refused is said until the hand chooses again: so it does.
    if (wrong[0]?.startsWith("alert: Not possible")) key(roots[0], "t");
  }
  return wrong;
}

async function perform({ acts, count, ...case_ }) {
  const host = await show(case_);
  const { model, dice, roots } = host;
  const log = [];
  for (let i = 0; i < count; i++) {
    const act = dice.of(acts);
    log.push(act);
    HANDS[act](host, dice.of(roots), dice);
    await pause(dice.next() * 10);
  }
  if (model.values.playing) part(roots[0], "play").click();
  await pause(40); // what was asked for last may be lost as well
  for (const way of [host.up, host.down, host.states]) way.leaky = false;
  const wrong = [...(await wrongAtRest(host)), ...host.end()];
  return wrong.length ? [`after ${log.join(", ")}:`, ...wrong] : [];
}

const pause = (wait) => new Promise((resolve) => setTimeout(resolve, wait));
Object.assign(window, { perform, show, wrongAtRest, part, key, pointer, pause, HANDS });
