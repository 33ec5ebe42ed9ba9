// One line that says what is shown, and where it comes from.
/** @import { Scope } from "./scope.js" */
/** @import { Shown } from "./types.js" */
import { el, short, write, writeMixed } from "./dom.js";
import * as flags from "./flags.js";
import { layersText, stepsText, tileText } from "./naming.js";

const QUIET = 500; // milliseconds of rest before a screen reader is told

export class Status {
  /**
   * @param {Scope} scope
   * @param {{problems: () => string[], describe: (text: string) => void, overlap: () => {iou: number}}}
   *   others what is wrong elsewhere; told what the image shows; how its masks overlap
   */
  constructor(scope, { problems, describe, overlap }) {
    this.scope = scope;
    this.problems = problems;
    this.describe = describe;
    this.overlap = overlap;
    this.line = el("p", { class: "daam-status-line", "data-testid": "status" });
    this.live = el("p", {
      class: "daam-hidden",
      role: "status",
      "aria-live": "polite",
      "data-testid": "live",
    });
    this.notice = el("p", {
      class: "daam-notice",
      role: "alert",
      "data-testid": "notice",
      hidden: true,
    });
    this.info = el("p", { class: "daam-hint", "data-testid": "info" });
    this.origin = el("p", { class: "daam-hint" });
    /** With the prompt, which may be long: folded away. */
    this.source = el("p", { class: "daam-source", "data-testid": "provenance" });
    this.element = el(
      "footer",
      { class: "daam-foot" },
      this.notice,
      this.line,
      this.origin,
      this.info,
      this.live,
    );
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.problem = "";
  }

  /**
   * What is shown, in words: ours and the prompt's in turn.
   *
   * @param {Shown | null} shown
   */
  #parts(shown) {
    const { state, maps } = this.scope;
    const { facts } = state;
    const text = (/** @type {string} */ name) => facts.words?.[state.get(name)]?.text ?? "";
    if (shown?.of) {
      const { layers, head, lo, hi } = shown.of;
      return [
        "“",
        text("word"),
        `” · ${tileText(facts, layers, head)} · ${stepsText(facts, lo, hi)}`,
      ];
    }
    if (shown?.looks) {
      const [y, x] = shown.looks.place.map((share) => share.toFixed(2));
      const steps = shown.looks.all ? "all steps" : stepsText(facts, ...state.steps);
      return [`Where the place ${y}, ${x} looks · all self-attention · ${steps}`];
    }
    const where = ` · ${layersText(state)} · ${stepsText(facts, ...(shown?.over ?? state.steps))}`;
    if (!maps.comparing) return ["“", text("word"), `”${where}`];
    return ["“", text("word"), "” (A) and “", text("word_b"), `” (B)${where}`];
  }

  /** @param {number} what */
  update(what) {
    const seen = flags.MAP | flags.LOOK | flags.WORDS | flags.STEPS | flags.SELECTION;
    if (what & flags.PANEL) this.#notice();
    if (!(what & seen)) return;
    const { maps, state } = this.scope;
    const shown = maps.shown(0);
    const missing = !shown || (maps.comparing && !shown.of && !shown.looks && !maps.shown(1));
    const none = this.scope.isAbsent ? "no map in this page" : "waiting for the map";
    const numbers = missing ? none : `peak ${short(shown.max)} · ${WORDS[shown.kind]}`;
    const parts = this.#parts(missing ? null : shown);
    parts[parts.length - 1] += ` · ${numbers}`;
    writeMixed(this.line, parts);
    this.describe(`${this.line.textContent}. ${HOW}`);
    this.#source();
    this.#notice();
    clearTimeout(this.timer);
    if (!state.get("playing")) {
      this.timer = setTimeout(() => this.say(`${this.line.textContent}${this.#compared()}`), QUIET);
    }
  }

  #compared() {
    const { maps } = this.scope;
    return maps.comparing && !maps.hover && maps.shown(1)
      ? ` · IoU ${this.overlap().iou.toFixed(2)}`
      : "";
  }

  #source() {
    const { facts } = this.scope.state;
    const parts = [
      facts.seed === null || facts.seed === undefined ? "no seed" : `seed ${facts.seed}`,
      facts.scheduler,
      facts.version ? `daam_nb ${facts.version}` : null,
      facts.parse && this.scope.state.get("show_syntax") ? `parser ${facts.parse.parser}` : null,
    ];
    const rest = parts.filter(Boolean).join(" · ");
    writeMixed(this.origin, ["", facts.model ?? "", ` · ${rest}`]);
    writeMixed(this.source, ["“", facts.prompt ?? "", "” · ", facts.model ?? "", ` · ${rest}`]);
  }

  #notice() {
    const { state, source } = this.scope;
    const { facts } = state;
    // Each has its cause, and goes with it.
    const lines = [
      this.problem,
      source.trouble,
      this.problems().find(Boolean) ?? "",
      source.capabilities.any ? "" : this.#missing(),
    ].filter(Boolean);
    this.notice.hidden = lines.length === 0;
    write(this.notice, lines.join(" "));
    const syntax = state.get("show_syntax") && !facts.parse ? (facts.syntax?.note ?? "") : "";
    const info = [syntax, facts.reduced ?? [], facts.left_out ?? []].flat();
    write(this.info, info.filter(Boolean).join(" "));
    this.info.hidden = this.info.textContent === "";
  }

  /** In a page without a kernel: what is chosen and was not embedded. */
  #missing() {
    const { maps, state } = this.scope;
    if (maps.hover || maps.stack(0) || !state.facts.layers) return "";
    if (maps.reduced(0)) {
      const { over } = /** @type {Shown} */ (maps.reduced(0));
      const all = String(over) === String(state.steps);
      return all ? "" : "Of these heads the page holds the mean of all steps, which is shown.";
    }
    const tile = maps.shown(0) ? " Its tile is shown instead." : "";
    return `${layersText(state)}: not embedded in this page.${tile}`;
  }

  /**
   * Something that the hand asked for and that went wrong, shown until it asks for another.
   *
   * @param {string} text empty: nothing
   */
  fail(text) {
    this.problem = text;
    this.#notice();
  }

  /**
   * Tell a screen reader.
   *
   * @param {string} text
   */
  say(text) {
    clearTimeout(this.timer);
    write(this.live, text);
  }

  destroy() {
    clearTimeout(this.timer);
  }
}

const HOW = "Arrow keys move a crosshair, Enter begins and ends a box.";

/** @type {Record<string, string>} */
const WORDS = {
  exact: "exact map",
  preview: "preview (mean of per-step maps)",
  reduced: "all steps alone, from 8-bit maps of heads",
  tile: "one tile, enlarged",
  looks: "1: to all cells alike",
};
