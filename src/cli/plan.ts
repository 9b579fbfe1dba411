import { resolve } from 'node:path';
import { assertNever } from '../model/result.ts';
import { type PlanRequest, planScopes } from '../plan/script/actions.ts';
import { alembicMigration } from '../plan/script/alembic.ts';
import { planDocument } from '../plan/script/document.ts';
import type { Plan } from '../plan/script/plan.ts';
import { rollbackScript, sqlScript } from '../plan/script/sql-script.ts';
import { summaryOf } from '../plan/script/words.ts';
import { harmlessJson } from '../report/check/json.ts';
import { isShownVerbatim, safeBlock, safeLine } from '../report/text.ts';
import type { CommandContext, Commands } from './commands.ts';
import { configRequestOf, expectationsFlag, targetFlags, targetProblems } from './config-flags.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { failWith } from './failure.ts';
import { type ParsedFlags, shown, type UsageProblem } from './flags.ts';
import { type CommandSpec, noPositionals } from './spec.ts';
import { isDuration, isNotEmpty, isOneOf, isWholeNumber } from './values.ts';

const formats = ['sql', 'alembic', 'json'] as const;

/** Where the loader of the configuration finds what two flags of this command say. */
const settingOfFlag = { 'expires-after': 'plan.expiresAfter', soak: 'plan.soak' } as const;

export const planCommand: CommandSpec = {
  name: 'plan',
  summary: 'print an ordered script, with checks and the way back, that mends what was found',
  usage: '[--for drop|create|reindex|all] [--format sql|alembic|json] [--url URL | …] [flags]',
  about: [
    'Looks at one database as check does and puts the SQL of its findings into an order that is safe as a whole: indexes to create, in the order in which they are best built; the planner’s statistics; rebuilds; then drops, one of each table at a time. What would be wrong together with the rest is left out, with the reason.',
    'It prints the script and runs nothing. The script stops in any other database than its own, after its time, and before a step for which something is no longer as it was: a definition has changed, an index that nobody used was scanned.',
    'docs/plan.md says how to read it and how to run it.',
  ],
  flags: [
    {
      name: 'for',
      value: planScopes.join('|'),
      description: 'which findings to mend; all includes statistics of the planner that are stale',
      preset: 'all',
      check: isOneOf(planScopes),
    },
    {
      name: 'format',
      value: formats.join('|'),
      description: 'a script for psql or any other client, a migration for Alembic, or data for programs',
      preset: 'sql',
      check: isOneOf(formats),
    },
    {
      name: 'phase',
      value: 'N',
      description: 'only indexes to create that a manifest puts into this phase',
      preset: 'all phases',
      check: isWholeNumber,
    },
    {
      name: 'finding',
      value: 'ID',
      repeats: true,
      description: 'only this finding, by its id or the beginning of it; may be given more than once',
      preset: 'all open findings',
      check: isFindingId,
    },
    {
      name: 'target',
      value: 'DATABASE',
      description: 'which database, as server/database or by its name alone, where there are several',
      check: isNotEmpty,
    },
    {
      name: 'expires-after',
      value: 'TIME',
      description: 'how long the plan may be run',
      preset: '7d',
      check: isDuration,
    },
    {
      name: 'soak',
      value: 'TIME',
      description: 'how long to wait between drops of indexes of one table',
      preset: '7d',
      check: isDuration,
    },
    {
      name: 'down-revision',
      value: 'REVISION',
      description: 'revision that the migration follows; with --format alembic',
      preset: 'none, to be filled in',
      check: isNotEmpty,
    },
    {
      name: 'rollback-file',
      value: 'FILE',
      description: 'write the way back to a file of its own, ready to run (it also stands in the script)',
      check: isNotEmpty,
    },
    ...targetFlags,
    expectationsFlag,
  ],
  examples: [
    ['indexwarden plan --url postgresql://monitor@db.example/shop > plan.sql', 'everything, for a review'],
    [
      'indexwarden plan --for create --format alembic --down-revision 4ae1c0',
      'a migration that builds what is missing',
    ],
    [
      'indexwarden plan --for drop --soak 14d --rollback-file undo.sql',
      'drops, two weeks apart on each table',
    ],
    ['indexwarden plan --finding 4f1c09ab27de6610', 'the script for one finding'],
  ],
  problems: planProblems,
  run: runPlan,
};

/** A shorter beginning of an id fits too many findings to be meant. */
function isFindingId(text: string): UsageProblem | undefined {
  return /^[0-9a-f]{4,16}$/i.test(text)
    ? undefined
    : {
        message: `is no id of a finding: ${shown(text)}`,
        hint: '4 to 16 hexadecimal digits, as check prints them',
      };
}

function planProblems(parsed: ParsedFlags): readonly UsageProblem[] {
  const needless: UsageProblem[] = [];
  if (parsed.value('down-revision') !== undefined && parsed.value('format') !== 'alembic')
    needless.push({ message: '--down-revision means nothing without --format alembic' });
  const scope = parsed.value('for') ?? 'all';
  if (parsed.value('phase') !== undefined && scope !== 'all' && scope !== 'create')
    needless.push({
      message: `--phase means nothing with --for ${scope}`,
      hint: 'only indexes to create have phases',
    });
  return [...noPositionals(parsed), ...targetProblems(parsed), ...needless];
}

async function runPlan(parsed: ParsedFlags, context: CommandContext, commands: Commands): Promise<ExitCode> {
  const config = configRequestOf(parsed, commands.settings, context.cwd);
  const flags: Record<string, string> = { ...config.flags };
  for (const [flag, setting] of Object.entries(settingOfFlag)) {
    const value = parsed.value(flag);
    if (value !== undefined) flags[setting] = value;
  }
  const phase = parsed.value('phase');
  const target = parsed.value('target');
  const request: PlanRequest = {
    scope: planScopes.find((scope) => scope === parsed.value('for')) ?? 'all',
    ...(phase === undefined ? {} : { phase: Number(phase) }),
    findings: parsed.values('finding'),
  };
  const made = await commands.plan(
    { ...config, flags, plan: request, ...(target === undefined ? {} : { target }) },
    context,
  );
  if (context.signal.aborted) {
    context.stderr.write('indexwarden: interrupted before there was a result\n');
    return exitCodes.interrupted;
  }
  if (!made.ok) return failWith(made.error, 'plan', context);

  const plan = made.value;
  const file = parsed.value('rollback-file');
  if (file !== undefined) {
    try {
      context.writeFile(resolve(context.cwd, file), rollbackScript(plan));
    } catch (caught) {
      const why = caught instanceof Error ? caught.message : String(caught);
      return failWith(
        {
          kind: 'usage',
          message: `the way back cannot be written: ${why}`,
          hint: 'name a file in a folder you may write to',
        },
        'plan',
        context,
      );
    }
  }
  const format = formats.find((value) => value === parsed.value('format')) ?? 'sql';
  writeScript(rendered(plan, format, parsed.value('down-revision')), context);
  context.stderr.write(
    `indexwarden: ${safeLine(`plan ${plan.id} for ${plan.datname}: ${summaryOf(plan)}`)}\n`,
  );
  return exitCodes.clean;
}

/** As it is into a file or a pipe; on a terminal nothing in a name may move the cursor. */
function writeScript(script: string, { stdout, warn }: CommandContext): void {
  if (stdout.isTTY !== true || isShownVerbatim(script)) {
    stdout.write(script);
    return;
  }
  stdout.write(`${safeBlock(script).trimEnd()}\n`);
  warn('names hold hidden characters, shown as escapes: write the script to a file before you run it');
}

function rendered(plan: Plan, format: (typeof formats)[number], downRevision: string | undefined): string {
  switch (format) {
    case 'sql':
      return sqlScript(plan);
    case 'alembic':
      return alembicMigration(plan, { downRevision });
    case 'json':
      return `${harmlessJson(planDocument(plan))}\n`;
    default:
      return assertNever(format);
  }
}
