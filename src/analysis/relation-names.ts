/**
 * The keys by which maps and the store know a relation: made when first asked for and then kept, since a hundred thousand of them for
 * each map and each look cost more than everything that is looked up by them. No name of PostgreSQL holds a zero byte.
 */
export class RelationNames {
  readonly schemaname: string;
  readonly relname: string;
  /** Undefined for a table. */
  readonly indexrelname: string | undefined;
  #qualified: string | undefined;
  #path: string | undefined;
  #shown: string | undefined;

  constructor(schemaname: string, relname: string, indexrelname?: string) {
    this.schemaname = schemaname;
    this.relname = relname;
    this.indexrelname = indexrelname;
  }

  /** Schema and own name, separated by a zero byte: one relation at any one time. */
  get qualified(): string {
    // Joined and not written as a template, whose result would keep all its parts.
    this.#qualified ??= [this.schemaname, this.indexrelname ?? this.relname].join('\0');
    return this.#qualified;
  }

  /** Schema, table and, of an index, its own name, as JSON: the form in which the store knows them. */
  get path(): string {
    const table = [this.schemaname, this.relname];
    this.#path ??= JSON.stringify(this.indexrelname === undefined ? table : [...table, this.indexrelname]);
    return this.#path;
  }

  /** As people read it: schema and own name with a point between. */
  get shown(): string {
    this.#shown ??= [this.schemaname, this.indexrelname ?? this.relname].join('.');
    return this.#shown;
  }

  isOf(schemaname: string, relname: string, indexrelname?: string): boolean {
    return this.relname === relname && this.schemaname === schemaname && this.indexrelname === indexrelname;
  }
}
