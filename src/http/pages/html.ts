import { Eta } from 'eta/core';

/**
 * Text that is HTML already. Only templates make it: whatever else a template is given is escaped, so that a name from a database
 * cannot become markup however it gets there.
 */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

export const nothing = new Html('');

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** HTML passes, lists are joined, everything else is escaped; what is not there is nothing. */
export function escaped(value: unknown): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(escaped).join('');
  if (value === undefined || value === null) return '';
  return String(value).replace(special, (character) => entities[character] ?? reference(character));
}

/** Hidden characters stand as references: a browser would turn a carriage return into a line feed, and a form send another name. */
const special = /[&<>"'\r\p{Cf}\p{Zl}\p{Zp}]/gu;
const reference = (character: string): string => `&#${character.codePointAt(0)};`;

const eta = new Eta({ autoEscape: true, escapeFunction: escaped });

/** An Eta template: `<%= it.name %>` escapes unless it is {@link Html}. Compiled once, when the module is loaded. */
export function template<Data extends object>(source: string): (data: Data) => Html {
  const compiled = eta.compile(source);
  return (data) => new Html(eta.render(compiled, data));
}

/** HTML from elsewhere that is known to be safe, such as rendered Markdown or a drawing of ours. */
export const trusted = (html: string): Html => new Html(html);
