import { inspect } from 'node:util';

/** What stands where a secret stood. */
export const redacted = 'REDACTED';

/** A value that no print, log, template or JSON shows; only `reveal()` gives it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The secret itself, for the one place that sends it. */
  reveal(): string {
    return this.#value;
  }

  /** All that it is known to have been, to be blanked out of texts. */
  get known(): readonly string[] {
    return [this.#value];
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}

/** Former values of a secret that are still blanked out: connections that were made with them may have something to say. */
const formerKept = 8;

/** A secret that its file may change: it is read again each time, and stays what it was while it cannot be read. */
export class RotatingSecret extends Secret {
  readonly #readAgain: () => string | undefined;
  #newest: string;
  #known: readonly string[];

  constructor(value: string, readAgain: () => string | undefined) {
    super(value);
    this.#newest = value;
    this.#known = [value];
    this.#readAgain = readAgain;
  }

  override reveal(): string {
    this.#newest = this.#readAgain() ?? this.#newest;
    if (this.#known.at(-1) !== this.#newest)
      this.#known = [...this.#known, this.#newest].slice(-1 - formerKept);
    return this.#newest;
  }

  override get known(): readonly string[] {
    return this.#known;
  }
}

/**
 * A connection string without its secrets, safe to print even where the text is malformed: what cannot be
 * told from a password is taken for one. The password ends at the *last* `@`, since a password pasted
 * without percent-encoding may hold `@`, `/`, `?` and `#`; from a secret query parameter on, all is dropped.
 */
export function redactUrl(text: string): string {
  const cut = secretParameterEnd(text);
  const scheme = /^\s*[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0] ?? '';
  const at = text.lastIndexOf('@');
  if (at < scheme.length)
    return withoutOddPort(cut === undefined ? text : `${text.slice(0, cut)}${redacted}`);

  const user = /^([^\s:/?#@=&]*)(?=[:@])/.exec(text.slice(scheme.length))?.[1];
  const isBareUser = user !== undefined && scheme.length + user.length === at;
  const userInfo = isBareUser ? user : `${user === undefined ? '' : `${user}:`}${redacted}`;
  if (cut === undefined) return `${scheme}${userInfo}${text.slice(at)}`;
  return at < cut ? `${scheme}${userInfo}${text.slice(at, cut)}${redacted}` : `${scheme}${userInfo}`;
}

/** What stands in the place of a port and is none may be a password whose `@` was forgotten. */
const withoutOddPort = (text: string): string =>
  text.replace(/^(\s*[a-z][a-z0-9+.-]*:\/\/[^:/?#[]*:)(?!\d*(?:[/?,]|$)).*$/is, `$1${redacted}`);

/** Where the value of the first secret parameter begins: `password`, `sslpassword`, percent-encoded names too. */
function secretParameterEnd(text: string): number | undefined {
  for (const match of text.matchAll(/(?:[?&]|^|\s)([^=&?\s]*?)\s*=/g)) {
    if (isSecretName(match[1] ?? '')) return match.index + match[0].length;
  }
  return undefined;
}

/** Whether a key or parameter of this name holds a secret: `password`, `sslpassword`, `pass%77ord`, … */
export function isSecretName(name: string): boolean {
  return /passw|passphrase|^pwd$|secret|token/i.test(decodePercent(name));
}

/** Percent-decoding that leaves malformed sequences as they are. */
function decodePercent(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (sequence) => {
    try {
      return decodeURIComponent(sequence);
    } catch {
      return sequence;
    }
  });
}

/**
 * Free text (an error message of a driver, a log line) without the given secrets in any spelling they
 * travel in (plain, percent-encoded, JSON-escaped), and without the passwords of connection strings in it.
 * A secret of three characters or fewer is only replaced where it stands alone: it would blot out half the text.
 */
export function redactText(text: string, secrets: Iterable<string | Secret>): string {
  let clean = text;
  for (const spelling of spellings(secrets)) {
    clean =
      spelling.length > 3
        ? clean.replaceAll(spelling, redacted)
        : clean.replaceAll(new RegExp(`(?<![\\w%])${escapeRegExp(spelling)}(?![\\w%])`, 'g'), redacted);
  }
  return clean.replaceAll(/\bpostgres(?:ql)?:\/\/[^\s'"`<>]+/gi, redactUrl);
}

/** Longest first, so that a secret that holds another one goes whole. */
function spellings(secrets: Iterable<string | Secret>): readonly string[] {
  const all = new Set<string>();
  for (const plain of [...secrets].flatMap((secret) =>
    typeof secret === 'string' ? secret : secret.known,
  )) {
    const encoded = encodePercent(plain);
    for (const spelling of [plain, encoded, strictlyEncoded(encoded), JSON.stringify(plain).slice(1, -1)]) {
      if (spelling !== '') all.add(spelling);
    }
  }
  return [...all].sort((a, b) => b.length - a.length);
}

function encodePercent(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '\uFFFD'));
}

/** RFC 3986 also encodes `!'()*`, which `encodeURIComponent` leaves alone. */
const strictlyEncoded = (encoded: string): string =>
  encoded.replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

const escapeRegExp = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
