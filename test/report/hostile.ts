import fc from 'fast-check';
import { aFinding } from '../support/builders.ts';

/** Names that have broken other tools; PostgreSQL allows all of them. */
export const hostileNames: readonly string[] = [
  '"; drop table users; --',
  '<script>alert(1)</script>',
  'a\nb\r\nc',
  '\u001b[31mred\u001b[0m\u009b2J',
  '\u202egnp.exe\u2066',
  'a|b`c`*d*_e_[x](javascript:alert(1))',
  '```\n# heading',
  '@everyone #1 https://evil.example www.evil.example',
  '%s %d {0} {{x}} \\ \u0000 \uFFFE',
  'имя_индекса_на_кириллице_длиной_63',
  '漢字索引',
  '👩‍👩‍👧 family',
  'trailing space ',
  ']]></system-out>&amp;',
  '---',
  '1. one',
  '',
];

export const hostileName = fc.oneof(
  fc.constantFrom(...hostileNames),
  fc.string({ unit: 'binary', maxLength: 63 }),
);

/** A finding that repeats a hostile name wherever strangers' text can stand. */
export const aHostileFinding = (name: string) =>
  aFinding({
    schemaname: name,
    relname: name,
    indexrelname: name,
    columns: [name],
    title: `${name} is a copy of ${name}`,
    related: [{ schemaname: name, indexrelname: name, role: 'keep', why: name }],
    evidence: { name, list: [name], nested: { [name]: name } },
    caveats: [name],
    fix: {
      sql: `DROP INDEX CONCURRENTLY "${name.replaceAll('"', '""')}";`,
      rollbackSql: `-- ${name}`,
      lock: name,
      rebuildSeconds: 1,
      notes: name,
      preflightSql: name,
      verifySql: name,
    },
  });

/** Everything that could move a cursor, hide text or turn it around; line feeds are judged by each test. */
export const dangerous = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
