import { assertNever } from '../../model/result.ts';
import { doBlock, literalInBlock, needsLine, type PreflightOptions, sightLines } from '../preflight.ts';
import { qualified } from '../sql.ts';
import { deparseSettings, hashOfFound } from './definition-hash.ts';
import { isFoundValid, keepChecks, runCheck } from './kept-checks.ts';

export interface Named {
  readonly schemaname: string;
  readonly name: string;
}

/** What has to hold before a step, each looked up by name at the moment the step is run. */
export type Condition =
  /** The name is free, or an earlier run has made the index under it, valid; without a definition any of the table is taken for it. */
  | {
      readonly kind: 'free-or-made';
      readonly index: Named;
      readonly relname: string;
      /** As `definitionMade` has it. */
      readonly definition: string | undefined;
    }
  /** The index is what the plan was made for; an earlier run may have dropped it. */
  | {
      readonly kind: 'same-or-gone';
      readonly index: Named;
      readonly hash: string;
      /** Of an invalid leftover, which must be one still. */
      readonly isLeftover: boolean;
      /** Where the drop rests on disuse: the scans it had, counted since a reset before this moment. */
      readonly disuse: { readonly scansTotal: number; readonly atMs: number } | undefined;
    }
  | { readonly kind: 'same'; readonly index: Named; readonly hash: string }
  /** An index that takes over is there and valid; without a hash it is made by this plan. */
  | { readonly kind: 'in-place'; readonly index: Named; readonly hash: string | undefined };

/** How a plan knows itself: what every step asks for before anything else. */
export interface PlanMark {
  readonly id: string;
  readonly systemIdentifier: string;
  readonly datname: string;
  readonly expiresAtMs: number;
}

export interface BeforeOptions {
  readonly mark: Pick<PlanMark, 'id'>;
  readonly notBeforeMs: number | undefined;
  readonly conditions: readonly Condition[];
  /** What concurrent statements would wait for; absent where none is run. */
  readonly blockers: Omit<PreflightOptions, 'indexrelname'> | undefined;
  /** Whether somebody may have said that this is to run in other databases too, whose statistics began when they liked. */
  readonly mayBeElsewhere?: boolean;
}

/** `2026-03-08 12:00:00+00`, which every server reads, with thousandths of a second where there are any. */
export const instant = (atMs: number): string =>
  new Date(atMs)
    .toISOString()
    .replace('T', ' ')
    .replace(/(?:\.000)?Z$/, '+00');

/** The session setting by which a plan's check tells its steps that it has passed. */
export const planSetting = 'indexwarden.plan';

/** Set where somebody said that the plan is to run in other databases too. */
export const elsewhereSetting = 'indexwarden.elsewhere';

/** Stops anywhere but in the database that the plan was made for, and after its time; then {@link sessionBlock}. Reads only. */
export const planCheck = (mark: PlanMark): string =>
  doBlock(['begin', ...identityLines(mark), ...expiryLines(mark), ...sessionLines(mark), 'end'].join('\n'));

/** As {@link planCheck}, for the way back, which does not expire. */
export const rollbackCheck = (mark: Omit<PlanMark, 'expiresAtMs'>): string =>
  doBlock(['begin', ...identityLines(mark), ...sessionLines(mark), 'end'].join('\n'));

/** The first half of {@link planCheck}: whether this is the place and the time. */
export const placeCheck = (mark: PlanMark): string =>
  doBlock(['begin', ...identityLines(mark), ...expiryLines(mark), 'end'].join('\n'));

/** The second half: what the steps find in the session. */
export const sessionBlock = (mark: Pick<PlanMark, 'id'>): string =>
  doBlock(['begin', ...sessionLines(mark), 'end'].join('\n'));

const sessionLines = ({ id }: Pick<PlanMark, 'id'>): readonly string[] => [
  ...sightLines,
  ...keepChecks,
  `  perform set_config('${planSetting}', '${id}', false);`,
];

const expiryLines = ({ expiresAtMs }: Pick<PlanMark, 'expiresAtMs'>): readonly string[] => [
  `  if now() > timestamptz '${instant(expiresAtMs)}' then`,
  `    raise exception 'this plan expired at ${instant(expiresAtMs)}' using hint = 'Make a new one: what it rests on may have changed.';`,
  '  end if;',
];

const identityLines = ({
  systemIdentifier,
  datname,
}: Pick<PlanMark, 'systemIdentifier' | 'datname'>): readonly string[] => [
  `  if (select c.system_identifier::text from pg_control_system() c) <> ${literalInBlock(systemIdentifier)} then`,
  `    raise exception 'this plan was made for another cluster: system identifier %', ${literalInBlock(systemIdentifier)};`,
  '  end if;',
  `  if current_database() <> ${literalInBlock(datname)} then`,
  `    raise exception 'this plan was made for database %, and this is %', ${literalInBlock(datname)}, current_database();`,
  '  end if;',
  '  if pg_is_in_recovery() then',
  "    raise exception 'this node is a standby: run the plan on the primary';",
  '  end if;',
];

/**
 * The block before a step: stops on whatever would make it wrong or would hold it up, and changes nothing. `then` is what the block does
 * when all holds.
 */
export function beforeStep(
  { mark, notBeforeMs, conditions, blockers, mayBeElsewhere = false }: BeforeOptions,
  then: readonly string[],
): string {
  return doBlock(
    declared([
      `  if current_setting('${planSetting}', true) is distinct from '${mark.id}' then`,
      `    raise exception 'run the check at the top of plan ${mark.id} first, in this session';`,
      '  end if;',
      ...(notBeforeMs === undefined ? [] : notBeforeLines(notBeforeMs)),
      ...(conditions.length > 0 ? deparseLines : []),
      ...conditions.flatMap((condition) => conditionLines(condition, mayBeElsewhere)),
      ...(blockers === undefined ? [] : blockerLines(blockers)),
      ...then.map((line) => `  ${line}`),
    ]),
  );
}

/** The body of a block of these lines, with the variables that they use; what is handed over already is not handed over again. */
function declared(all: readonly string[]): string {
  const handsOver = /^ *perform set_config\('indexwarden\.table'/;
  const lines = all.filter(
    (line, place) =>
      !handsOver.test(line) || all.slice(0, place).findLast((one) => handsOver.test(one)) !== line,
  );
  const uses = (pattern: RegExp): boolean => lines.some((line) => pattern.test(line));
  const variables = [
    ...(uses(/^ *found := /) ? ['  found oid;'] : []),
    ...(uses(/^ *for blocker in/) ? ['  blocker record;'] : []),
  ];
  return [...(variables.length === 0 ? [] : ['declare', ...variables]), 'begin', ...lines, 'end'].join('\n');
}

/** For the time of the block. */
const deparseLines: readonly string[] = [
  `  perform set_config(s.name, s.value, true) from (values ${deparseSettings
    .map(([name, value]) => `('${name}', '${value}')`)
    .join(', ')}) as s (name, value);`,
];

const blockerLines = ({ schemaname, relname, neededBytes }: NonNullable<BeforeOptions['blockers']>) => [
  ...runCheck('blockers', { schemaname, relname }),
  ...(neededBytes === undefined ? [] : [needsLine(neededBytes)]),
];

const notBeforeLines = (notBeforeMs: number): readonly string[] => [
  `  if now() < timestamptz '${instant(notBeforeMs)}' then`,
  `    raise exception 'this batch is not due before ${instant(notBeforeMs)}' using hint = 'Watch what the batch before it did first.';`,
  '  end if;',
];

function conditionLines(condition: Condition, mayBeElsewhere: boolean): readonly string[] {
  switch (condition.kind) {
    case 'free-or-made':
      return runCheck('free_or_made', {
        ...condition.index,
        relname: condition.relname,
        definition: condition.definition ?? '',
      });
    case 'same-or-gone':
      return sameOrGone(condition, mayBeElsewhere);
    case 'same':
      return [
        ...look(condition.index),
        '  if found is null then',
        `    raise exception '% is gone', ${shown(condition.index)};`,
        '  end if;',
        ...sameLines(condition.index, condition.hash),
      ];
    case 'in-place':
      return inPlace(condition.index, condition.hash);
    default:
      return assertNever(condition);
  }
}

function sameOrGone(
  { index, hash, isLeftover, disuse }: Extract<Condition, { kind: 'same-or-gone' }>,
  mayBeElsewhere: boolean,
): readonly string[] {
  return [
    ...look(index),
    '  if found is null then',
    `    raise notice '% is gone already', ${shown(index)};`,
    '  else',
    ...sameLines(index, hash).map((line) => `  ${line}`),
    ...(isLeftover
      ? [
          ...notWorkedOn(index),
          `    if ${isFoundValid} then`,
          `      raise exception '% is valid by now: it is no leftover', ${shown(index)};`,
          '    end if;',
        ]
      : []),
    ...(disuse === undefined ? [] : disuseLines(index, disuse, mayBeElsewhere)),
    '  end if;',
  ];
}

function disuseLines(
  index: Named,
  { scansTotal, atMs }: { readonly scansTotal: number; readonly atMs: number },
  mayBeElsewhere: boolean,
): readonly string[] {
  const here = mayBeElsewhere
    ? `current_setting('${elsewhereSetting}', true) is distinct from 'on' and `
    : '';
  return [
    `    if pg_stat_get_numscans(found) > ${scansTotal} then`,
    `      raise exception '% was scanned since the plan was made: % scans, and there were ${scansTotal}', ${shown(index)}, pg_stat_get_numscans(found) using hint = 'It is in use: make a new plan.';`,
    '    end if;',
    // After a crash only the last two say that the counters began anew.
    `    if ${here}greatest(`,
    '      (select stats_reset from pg_stat_database where datname = current_database()),',
    '      (select stats_reset from pg_stat_bgwriter), (select stats_reset from pg_stat_archiver)',
    `    ) > timestamptz '${instant(atMs)}' then`,
    `      raise exception 'the statistics were reset since the plan was made: nobody knows whether % is used', ${shown(index)};`,
    '    end if;',
  ];
}

const sameLines = (index: Named, hash: string): readonly string[] => [
  `  if ${hashOfFound} is distinct from '${hash}' then`,
  `    raise exception 'the definition of % is not the one that the plan was made for', ${shown(index)} using hint = 'Make a new plan.';`,
  '  end if;',
];

const inPlace = (index: Named, hash: string | undefined): readonly string[] => [
  ...look(index),
  `  if found is null or not ${isFoundValid} then`,
  `    raise exception '% is to take over and is not there, or not valid', ${shown(index)};`,
  '  end if;',
  ...(hash === undefined ? [] : sameLines(index, hash)),
];

const look = (index: Named): readonly string[] => [`  found := to_regclass(${shown(index)});`];

const notWorkedOn = (index: Named): readonly string[] => [
  '    if exists (select from pg_stat_progress_create_index p where p.index_relid = found) then',
  `      raise exception '% is being built at this moment: wait for that', ${shown(index)};`,
  '    end if;',
];

const debrisLines = ({
  schemaname,
  relname,
  known,
}: Extract<Outcome, { kind: 'no-debris' }>): readonly string[] => [
  '  for blocker in',
  '    select i.indexrelid::regclass as name from pg_index i join pg_class c on c.oid = i.indexrelid',
  `    where i.indrelid = to_regclass(${literalInBlock(qualified(schemaname, relname))}) and not i.indisvalid and c.relname ~ '_cc(new|old)[0-9]*$'`,
  ...(known.length === 0
    ? []
    : [`      and c.relname <> all (array[${known.map(literalInBlock).join(', ')}]::text[])`]),
  '  loop',
  "    raise exception '% is left over from an interrupted rebuild', blocker.name using hint = format('DROP INDEX CONCURRENTLY %s; Then run the plan again from the top.', blocker.name);",
  '  end loop;',
];

/** The name as SQL writes it, as a literal of the block. */
const shown = ({ schemaname, name }: Named): string => literalInBlock(qualified(schemaname, name));

/** What a step is to have brought about. */
export type Outcome =
  | { readonly kind: 'valid'; readonly index: Named }
  | { readonly kind: 'gone'; readonly index: Named }
  /** No rebuild left anything on the table, but for what was left there before. */
  | {
      readonly kind: 'no-debris';
      readonly schemaname: string;
      readonly relname: string;
      readonly known: readonly string[];
    };

/** The block after a step: stops, with what mends it, where the step did not take. */
export function afterStep(outcomes: readonly Outcome[]): string {
  return doBlock(declared(outcomes.flatMap(outcomeLines)));
}

function outcomeLines(outcome: Outcome): readonly string[] {
  switch (outcome.kind) {
    case 'valid':
      return runCheck('valid', outcome.index);
    case 'gone':
      return [
        ...look(outcome.index),
        '  if found is not null then',
        `    raise exception '% is still there', ${shown(outcome.index)} using hint = 'A drop that was interrupted leaves an invalid index: run it again.';`,
        '  end if;',
      ];
    case 'no-debris':
      return debrisLines(outcome);
    default:
      return assertNever(outcome);
  }
}
