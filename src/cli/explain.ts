import { implicitServerFrom } from '../config/servers.ts';
import { suggest } from '../config/suggest.ts';
import { findingKinds } from '../model/finding.ts';
import { harmlessJson, inContractOrder } from '../report/check/json.ts';
import { explainFinding, explainKind, selectFinding } from '../report/explain.ts';
import { fewOf } from '../report/text.ts';
import type { CommandContext, Commands, FindingSource } from './commands.ts';
import {
  configRequestOf,
  expectationsFlag,
  probesFlag,
  targetFlags,
  targetProblems,
} from './config-flags.ts';
import { layoutFor } from './environment.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { failWith } from './failure.ts';
import { type Flag, type ParsedFlags, shown, type UsageProblem } from './flags.ts';
import type { CommandSpec } from './spec.ts';
import { isOneOf, isWebAddress } from './values.ts';

const apiPreset = 'http://127.0.0.1:10187';

/** A shorter beginning of an id fits too many findings to be meant. */
const findingId = /^[0-9a-f]{4,16}$/i;

export const explainCommand: CommandSpec = {
  name: 'explain',
  summary: 'say all about a kind of finding, or about one finding: evidence, caveats, fix, rollback',
  usage: 'KIND|FINDING_ID [--api URL | --url URL | --url-file FILE | --config.file FILE] [flags]',
  about: [
    'With a kind, prints its page of the documentation: when such a finding opens and closes, what can make it wrong, what to do.',
    'With the id of a finding (from check or the API; its first digits are enough), prints everything known about it: evidence, what could make it wrong, what would change the verdict, and the SQL to run before, to fix, to verify and to undo.',
    'A finding is looked up in a running daemon; where a database or a configuration is named, by flags or by DATABASE_URL or PGHOST and the like, it is looked up in a fresh look at the databases.',
    `Kinds: ${findingKinds.join(', ')}.`,
  ],
  flags: [
    { name: 'api', value: 'URL', description: 'daemon to ask', preset: apiPreset, check: isWebAddress },
    ...targetFlags.map(withoutPreset),
    expectationsFlag,
    probesFlag,
    {
      name: 'format',
      value: 'text|json',
      description: 'how to print a finding',
      preset: 'text',
      check: isOneOf(['text', 'json']),
    },
  ],
  examples: [
    ['indexwarden explain duplicate-index', 'what such a finding means'],
    ['indexwarden explain 4f1c09ab27de6610', 'one finding of the daemon on this machine'],
    ['indexwarden explain 4f1c --url postgresql://monitor@db.example/shop', 'one finding of a fresh look'],
  ],
  problems: explainProblems,
  run: runExplain,
};

/** What the databases default to does not hold here, where no database is the rule. */
function withoutPreset({ preset, ...flag }: Flag): Flag {
  return ['url', 'config.file'].includes(flag.name) || preset === undefined ? flag : { ...flag, preset };
}

function explainProblems(parsed: ParsedFlags): readonly UsageProblem[] {
  const [subject, ...rest] = parsed.positionals;
  const problems: UsageProblem[] = [...targetProblems(parsed)];
  if (subject === undefined)
    problems.push({
      message: 'a kind or the id of a finding is missing',
      hint: `kinds: ${findingKinds.join(', ')}`,
    });
  else if (!isKind(subject) && !findingId.test(subject)) {
    const guess = suggest(subject, findingKinds);
    problems.push({
      message: `${shown(subject)} is neither a kind of finding nor the id of one (4 to 16 hexadecimal digits)`,
      hint: guess === undefined ? `kinds: ${findingKinds.join(', ')}` : `did you mean '${guess}'?`,
    });
  }
  if (rest.length > 0)
    problems.push({
      message: `only one thing is explained at a time (found ${rest.map(shown).join(' ')} as well)`,
    });
  if (parsed.value('api') !== undefined && namesDatabase(parsed))
    problems.push({
      message: '--api excludes --url, --url-file and --config.file',
      hint: 'ask the daemon, or the database itself',
    });
  return problems;
}

async function runExplain(
  parsed: ParsedFlags,
  context: CommandContext,
  commands: Commands,
): Promise<ExitCode> {
  const subject = parsed.positionals[0] ?? '';
  const layout = layoutFor(context.stdout, context);
  if (isKind(subject)) {
    const page = await commands.page(subject);
    if (page === undefined)
      return failWith(
        { kind: 'unreadable', message: `the page about ${subject} is not installed` },
        'explain',
        context,
      );
    context.stdout.write(explainKind(page, layout));
    return exitCodes.clean;
  }

  const source = sourceOf(parsed, context, commands);
  const findings = await commands.findings(source, context);
  if (context.signal.aborted) return exitCodes.interrupted;
  if (!findings.ok) return failWith(findings.error, 'explain', context);
  const selection = selectFinding(findings.value, subject);
  switch (selection.kind) {
    case 'found': {
      const { finding } = selection;
      context.stdout.write(
        parsed.value('format') === 'json'
          ? `${harmlessJson(inContractOrder(finding))}\n`
          : explainFinding(finding, await commands.page(finding.kind), layout),
      );
      return exitCodes.clean;
    }
    case 'several':
      return failWith(
        { kind: 'usage', message: `${subject} is the beginning of several ids: ${fewOf(selection.ids, 5)}` },
        'explain',
        context,
      );
    default:
      return failWith(
        {
          kind: 'usage',
          message: `no finding has the id ${subject} (${findings.value.length} were looked through)`,
          hint:
            source.kind === 'api'
              ? `asked ${source.url}; another daemon: --api, a database: --url. It may also be resolved by now`
              : 'ids depend on server, database and names; `indexwarden check` with the same flags prints them',
        },
        'explain',
        context,
      );
  }
}

function sourceOf(parsed: ParsedFlags, { cwd, env }: CommandContext, { settings }: Commands): FindingSource {
  const api = parsed.value('api');
  return namesDatabase(parsed) || (api === undefined && implicitServerFrom(env) !== undefined)
    ? { kind: 'databases', config: configRequestOf(parsed, settings, cwd) }
    : { kind: 'api', url: api ?? apiPreset };
}

const namesDatabase = (parsed: ParsedFlags): boolean =>
  ['url', 'url-file', 'config.file'].some((name) => parsed.value(name) !== undefined);

const isKind = (text: string): text is (typeof findingKinds)[number] =>
  findingKinds.some((kind) => kind === text);
