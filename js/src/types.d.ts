// The shapes that travel between the kernel and this page.
import type { Address } from "./address.js";
import type { Memory } from "./memory.js";
import type { Player } from "./player.js";

/** What anywidget hands to `render`, and what the hand-out's shim imitates. */
export interface Model {
  /** Where other models of the page are, in hosts that have them. */
  widget_manager?: { get_model(name: string): Promise<Model> };
  get(name: string): any;
  set(name: string, value: unknown): void;
  on(event: string, callback: (...args: any[]) => void): void;
  off(event?: string | null, callback?: ((...args: any[]) => void) | null): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[] | ArrayBufferView[]): void;
}

/** A row of Python's table of controls. */
export interface Control {
  kind: string;
  default: any;
  redraws: string[];
  /** What can be chosen, and what people read. */
  options?: string[][];
  label?: string;
  title?: string;
  panel?: string;
  low?: number;
  high?: number | null;
  /** False: a hand-out opens with the default. */
  handout?: boolean;
  /** False: a hand-out's address does not name it. */
  address?: boolean;
}

export interface Word {
  text: string;
  start: number;
  end: number;
  tokens: number[];
  pieces: string[];
  special: boolean;
  kind?: string;
  of?: number;
  kept: boolean;
  /** Of a phrase that this page made: the numbers of its first and last word. */
  between?: [number, number];
}

export interface Step {
  place: number;
  timestep: number;
}

export interface Layer {
  name: string;
  stage: string;
  heads: number;
  size: [number, number];
  block: string;
  label: string;
}

export interface ParsedWord {
  text: string;
  start: number;
  end: number;
  word: number; // the entry that has its map, -1: none
  at: number; // the entry over which it is drawn, -1: none
}

export interface Arc {
  head: number;
  dependent: number;
  relation: string;
}

/** One head, -1 for all; or several: by number, or as [number of a layer, head]. */
export type Head = number | (number | [number, number])[];

/** What a question is about: choices as Python knows them; `steps` of the loop, half-open. */
export interface Sel {
  word: number;
  word_b: number;
  choice: string;
  layer: number;
  head: Head;
  steps: number[];
  threshold: number;
  special: boolean;
}

export interface Question {
  want: string[];
  sel: Sel;
  at?:
    | { y: number; x: number }
    | { polygon: number[][] }
    | { within: number[][] }
    | { measure: string }
    | { layers: number[]; side: number }
    | { span: [number, number] };
  /** Of messages about drawing again, which are answered as questions are. */
  type?: "draw" | "progress" | "cancel" | "film";
  /** What a moving image shows. */
  film?: string;
  as?: string;
  change?: Change;
  job?: string;
  pictures?: boolean;
}

/** What is changed before an image is drawn again. */
export interface Change {
  how: "hide" | "ablate" | "scale";
  of: "word" | "text";
  where: "everywhere" | "chosen";
  factor?: number;
}

/** How far the kernel is with an image that it draws again. */
export interface Drawn extends Part {
  job: string | null;
  state: "none" | "waiting" | "drawing" | "done" | "failed" | "cancelled";
  step?: number;
  steps?: number;
  left?: number | null;
  error?: string;
  summary?: string;
}

/** A part of an answer or a container: what it is, and its bytes. */
export interface Part {
  name: string;
  key: string;
  bytes?: Uint8Array;
  deflated?: boolean;
  [more: string]: any;
}

/** Where the maps come from: the kernel, a hand-out, or anything that speaks the same messages. */
export interface AnySource {
  model: Model;
  facts: Facts;
  run: string | undefined;
  /** Whether any selection can be asked for, and whether masks come as files. */
  capabilities: { any: boolean; mask: boolean };
  memory: Memory;
  images: Record<string, Part>;
  player: Player;
  trouble: string;
  address: Address | null;
  ask(question: Question, options?: { signal?: AbortSignal }): Promise<Part[]>;
  on(event: "facts" | "parts" | "trouble", callback: () => void): () => void;
  chosen(): void;
  keep(key: string): void;
}

export interface Facts {
  run?: string;
  prompt: string;
  model: string;
  revision?: string | null;
  seed?: number | null;
  scheduler?: string;
  version?: string;
  words: Word[];
  steps: Step[];
  num_steps: number;
  layers: Layer[];
  grid: [number, number];
  served: [number, number];
  image: [number, number];
  reduced?: string[] | string | null;
  choices: Record<string, number[]>;
  strip?: { count: number; size: [number, number]; columns?: number; places: number[] } | null;
  parse?: { words: ParsedWord[]; arcs: Arc[]; parser: string } | null;
  left_out?: string[] | string;
  choice_notes?: Record<string, string>;
  colormaps?: string[];
  /** What heads can be sorted and colored by. */
  measures?: Measure[];
  summed?: boolean;
  syntax?: { state: string; note?: string } | null;
  /** What the kernel writes moving images as. */
  films?: string[];
  /** Whether it can be asked where a place of the image looks. */
  self_attention?: boolean;
  /** What the maps show, and in which unit. */
  kind?: string;
  unit?: string;
  /** What stands before a word: "Attention to"; and what bright places are, a sentence. */
  title?: string;
  reading?: string;
  /** Whether sizes may be compared between words. */
  comparable?: boolean;
  /** Whether the map of a phrase is the mean over its tokens. */
  of_tokens?: boolean;
  embedded?: { layer: number; head: Head }[];
  /** Whether a page without a kernel makes maps of heads over all steps from their small ones. */
  from_tiles?: boolean;
  /** Whether the image can be drawn again: why not, and what is otherwise than it was. */
  what_if?: { why: string; cautions: string[] };
}

/** A map as it is shown. `values` may be a buffer that is written again: read it at once. */
export interface Shown {
  kind: "exact" | "preview" | "reduced" | "tile" | "looks";
  key: string;
  values: Float32Array;
  height: number;
  width: number;
  max: number;
  /** Of a tile: what it is of, where that is not what is chosen. */
  of?: { layers: number[]; head: Head; lo: number; hi: number };
  /** Of where a place looks: the place, and whether it is over all steps whatever is chosen. */
  looks?: { place: [number, number]; all: boolean };
  /** Places of the steps that it is the mean of, where that is not the choice. */
  over?: [number, number];
}

/** A stack of per-step maps, ready for means over any range. */
export interface Sums {
  steps: number;
  height: number;
  width: number;
  sums: Float64Array;
  counts: Uint8Array;
  scales: Float64Array;
}

export interface Tiles {
  key: string;
  word: number;
  lo: number;
  hi: number;
  data: Uint8Array;
  tile: [number, number][];
  offsets: number[];
  scales: number[][];
  mean?: (number | null)[][];
  entropy?: (number | null)[][];
  peak?: (number | null)[][];
  /** Whether it is a difference: level 127.5 is 0. */
  signed?: boolean;
  /** Of layers at every step, which stand in place of heads: the numbers of the layers. */
  layers?: number[];
}

/** The tiles of one layer, larger than among all: (head, y, x). */
export interface LayerTiles {
  data: Uint8Array;
  tile: [number, number];
  scales: number[];
}

/** What heads can be colored and sorted by. */
export interface Measure {
  name: string;
  label: string;
  about: string;
  /** What it depends on: see measures.py. */
  of: "tile" | "mask" | "word" | "model";
  low_first: boolean;
}

/** One word at a place: `Ranked` of daam_nb/show/explorer/model/ranking.py. */
export interface Row {
  word: number;
  value: number;
  share: number;
  /** The share here over that in the whole image; not there until it is known. */
  lift?: number;
  /** 5th and 95th percentile of the lifts elsewhere; null where there is nowhere else. */
  chance?: number[] | null;
}

/** What single cells are compared with: of a word its share of the whole image, and of its lifts. */
export interface Whole {
  word: number;
  share: number;
  chance: number[];
}

export interface RegionAnswer {
  rows: Row[];
  by_step?: (number | null)[];
  by_layer?: (number | null)[];
  inside?: number | null;
  bars_of?: number;
  note?: string;
}

export interface Timing {
  what: string;
  input: number;
  work: number;
  drawn: number;
  painted: number;
}
