import type { Bloat } from '../../analysis/bloat/bloat.ts';

/** Texts that are kept; where there are more, they are not the same few after all. */
const textsMax = 1_000;

/** The same sentences are said of a hundred thousand indexes: each is kept once. */
export class SharedWords {
  readonly #texts = new Map<string, string>();

  /** The same answer, in words that others share. */
  of(answer: Bloat): Bloat {
    return { ...answer, reason: this.#shared(answer.reason), improvement: this.#shared(answer.improvement) };
  }

  #shared(text: string | null): string | null {
    if (text === null) return null;
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= textsMax) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }
}
