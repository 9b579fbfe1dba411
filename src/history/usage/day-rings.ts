/**
 * Per-day numbers of the last days for many subjects, in one block of single-precision numbers. A subject takes a slot when it first
 * has something to count; days before that, and days without an entry, are 0. Counts above 16 million are rounded.
 */
export class DayRings {
  readonly days: number;
  readonly #free: number[] = [];
  #values: Float32Array;
  #slots = 0;

  constructor(days: number) {
    this.days = days;
    this.#values = new Float32Array(days * 64);
  }

  /** Bytes that the block takes. */
  get byteLength(): number {
    return this.#values.byteLength;
  }

  allocate(): number {
    const freed = this.#free.pop();
    if (freed !== undefined) return freed;
    const slot = this.#slots++;
    if ((slot + 1) * this.days > this.#values.length) {
      const larger = new Float32Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    return slot;
  }

  release(slot: number): void {
    this.#values.fill(0, slot * this.days, (slot + 1) * this.days);
    this.#free.push(slot);
  }

  get(slot: number, day: number): number {
    return this.#values[this.#place(slot, day)] ?? 0;
  }

  set(slot: number, day: number, value: number): void {
    this.#values[this.#place(slot, day)] = value;
  }

  isEmpty(slot: number): boolean {
    return this.#values.subarray(slot * this.days, (slot + 1) * this.days).every((value) => value === 0);
  }

  /** Makes room for a day: what its place held was of a day long past. */
  clearDay(day: number): void {
    for (let slot = 0; slot < this.#slots; slot++) this.#values[this.#place(slot, day)] = 0;
  }

  clear(): void {
    this.#values.fill(0);
  }

  #place(slot: number, day: number): number {
    return slot * this.days + (day % this.days);
  }
}
