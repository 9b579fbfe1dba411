import type { MuteRule } from '../findings/mutes.ts';
import { matcherOf } from './globs.ts';
import type { MuteSettings } from './schema-mutes.ts';

/** The configured mutes with their patterns compiled, in order. A pattern for indexes fits no finding that is about none. */
export const muteRules = (mutes: readonly MuteSettings[]): readonly MuteRule[] =>
  mutes.map((mute) => {
    const fits = (pattern: string | undefined): ((name: string | null) => boolean) => {
      if (pattern === undefined) return () => true;
      const matches = matcherOf(pattern);
      return (name) => name !== null && matches(name);
    };
    const [server, database, schema, table, index] = [
      fits(mute.server),
      fits(mute.database),
      fits(mute.schema),
      fits(mute.table),
      fits(mute.index),
    ];
    return {
      matches: (finding) =>
        (mute.kind === undefined || mute.kind === finding.kind) &&
        (mute.findingId === undefined || mute.findingId === finding.id) &&
        server(finding.server) &&
        database(finding.datname) &&
        schema(finding.schemaname) &&
        table(finding.relname) &&
        index(finding.indexrelname),
      reason: mute.reason,
      author: mute.author ?? null,
      until: mute.until ?? null,
    };
  });
