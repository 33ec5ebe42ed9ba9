// What the kernel sends.

export interface Choice {
  value: string;
  label: string;
  keys: string[];
}

export interface Form {
  title: string;
  instructions: string[];
  choices: Choice[];
  reasons: string[];
  longest: number;
  rater: string;
  kept_in: string;
}

export interface Card {
  end?: boolean;
  place: number;
  turn: number;
  ask: string[];
  prompt: string[] | null;
  images: { label: string; size: [number, number]; data: DataView }[];
  given: { answer: string; reason: string } | null;
}

export interface Progress {
  answered: number;
  skipped: number;
  of: number;
  seconds_left: number | null;
}
