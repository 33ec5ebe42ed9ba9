// A bounded memory of answers: what was not used for longest goes first.

/** @template T */
export class Cache {
  /** @param {number} budget sum of the sizes of what is kept */
  constructor(budget) {
    this.budget = budget;
    this.used = 0;
    /** @type {Map<string, {value: T, size: number}>} */
    this.kept = new Map();
  }

  /**
   * @param {string} key
   * @returns {T | undefined}
   */
  get(key) {
    const found = this.kept.get(key);
    return found?.value;
  }

  /**
   * Mark as used just now.
   *
   * @param {string} key
   */
  touch(key) {
    const found = this.kept.get(key);
    if (!found) return;
    this.kept.delete(key);
    this.kept.set(key, found);
  }

  /**
   * @param {string} key
   * @param {T} value
   * @param {number} size
   */
  put(key, value, size) {
    const old = this.kept.get(key);
    if (old) {
      this.used -= old.size;
      this.kept.delete(key);
    }
    this.kept.set(key, { value, size });
    this.used += size;
    for (const [name, entry] of this.kept) {
      if (this.used <= this.budget || name === key) break;
      this.kept.delete(name);
      this.used -= entry.size;
    }
  }
}
