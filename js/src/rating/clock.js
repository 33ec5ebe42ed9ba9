// How long a card was looked at: time in which the page was hidden, or covered, does not count.

export class Clock {
  /** @param {() => number} [now] milliseconds */
  constructor(now = () => performance.now()) {
    this.now = now;
    this.sum = 0;
    /** @type {number | null} since when it runs */
    this.since = null;
  }

  /** Begin at nothing; it stands until `run(true)`. */
  reset() {
    this.sum = 0;
    this.since = null;
  }

  /** @param {boolean} on */
  run(on) {
    if (on && this.since === null) this.since = this.now();
    if (!on && this.since !== null) {
      this.sum += this.now() - this.since;
      this.since = null;
    }
  }

  /** @returns {number} seconds */
  get seconds() {
    return (this.sum + (this.since === null ? 0 : this.now() - this.since)) / 1000;
  }
}

/**
 * A time that is left, in words that promise no more than is known.
 *
 * @param {number | null} seconds
 * @returns {string}
 */
export function about(seconds) {
  if (seconds === null) return "";
  if (seconds < 45) return "less than a minute left";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${Math.max(1, minutes)} min left`;
  const hours = Math.floor(minutes / 60);
  const rest = Math.round((minutes % 60) / 10) * 10;
  return rest === 60 ? `about ${hours + 1} h left` : `about ${hours} h ${rest} min left`;
}
