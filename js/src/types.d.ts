// The shapes that travel between the kernel and this page.

/** What anywidget hands to `render`, and what the hand-out's shim imitates. */
export interface Model {
  get(name: string): any;
  set(name: string, value: unknown): void;
  on(event: string, callback: (...args: any[]) => void): void;
  off(event?: string | null, callback?: ((...args: any[]) => void) | null): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[] | ArrayBufferView[]): void;
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

export interface Facts {
  prompt: string;
  model: string;
  revision?: string | null;
  seed?: number | null;
  scheduler?: string;
  version?: string;
  words: Word[];
  steps: Step[];
  layers: Layer[];
  grid: [number, number];
  served: [number, number];
  image: [number, number];
  reduced?: string[] | string | null;
  choices: Record<string, number[]>;
  strip?: { count: number; size: [number, number]; columns?: number; places: number[] } | null;
  parse?: { words: ParsedWord[]; arcs: Arc[]; parser: string } | null;
  kernel?: boolean;
  left_out?: string[] | string;
  choice_notes?: Record<string, string>;
  colormaps?: string[];
  summed?: boolean;
  image_type?: string;
  syntax?: { state: string; note?: string } | null;
  embedded?: { layer: number; head: number }[];
}

/** A map as it is shown. `values` may be a buffer that is written again: read it at once. */
export interface Shown {
  kind: "exact" | "preview" | "tile";
  key: string;
  values: Float32Array;
  height: number;
  width: number;
  max: number;
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
  entropy?: (number | null)[][];
  peak?: (number | null)[][];
  overlap?: (number | null)[][];
}

export interface Row {
  word: number;
  value: number;
  share: number;
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
