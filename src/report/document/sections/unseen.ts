import { z } from 'zod';
import { findingKinds } from '../../../model/finding.ts';
import { targetKey } from '../../../model/ids.ts';
import { counted } from '../../../model/units.ts';
import { checkResultOf, isUnreadable } from '../../check/result.ts';
import { fewOf } from '../../text.ts';
import { type Block, heading, list, name, paragraph, table } from '../blocks.ts';
import { defineSection, type ReportInput } from '../section.ts';

const where = { server: z.string(), datname: z.string() };
const relationsShownMax = 10;

const UnseenFacts = z.strictObject({
  isComplete: z.boolean().meta({ description: 'Whether everything could be seen and judged.' }),
  databases: z
    .array(z.strictObject({ ...where, reason: z.string() }))
    .meta({ description: 'Not reached at all.' }),
  collectors: z.array(
    z.strictObject({ ...where, collector: z.string(), reason: z.string(), isRequired: z.boolean() }),
  ),
  permissions: z.array(
    z.strictObject({
      ...where,
      permission: z.string(),
      facts: z.string(),
      isOptional: z.boolean(),
      grant: z.string(),
    }),
  ),
  lockedRelations: z.array(z.strictObject({ ...where, relations: z.number() })),
  inconclusive: z.array(
    z.strictObject({
      ...where,
      kinds: z.array(z.enum(findingKinds)),
      reason: z.string(),
      relations: z.array(z.string()),
    }),
  ),
  nodes: z.array(z.strictObject({ ...where, node: z.string(), reason: z.string() })),
  history: z.string().nullable().meta({ description: 'Why the past could not be seen; null where it was.' }),
  switchedOff: z.array(z.enum(findingKinds)),
});
type UnseenFacts = z.infer<typeof UnseenFacts>;

export const unseen = defineSection<ReportInput, UnseenFacts>({
  id: 'unseen',
  title: 'What could not be seen',
  schema: UnseenFacts,
  gather(input) {
    const { generations, needed, history, judging } = input;
    const { targets } = checkResultOf(generations, [], needed);
    const facts = {
      databases: targets
        .filter(({ isUp }) => !isUp)
        .map(({ server, datname, error }) => ({
          server,
          datname,
          reason: error ?? 'it could not be reached',
        })),
      collectors: targets
        .filter(({ isUp }) => isUp)
        .flatMap(({ server, datname, failures }) =>
          failures.map((failure) => ({ server, datname, ...failure })),
        ),
      permissions: targets.flatMap(({ server, datname, missingPermissions }) =>
        missingPermissions.map((missing) => ({ server, datname, ...missing })),
      ),
      lockedRelations: targets
        .filter(({ skippedRelations }) => skippedRelations > 0)
        .map(({ server, datname, skippedRelations }) => ({ server, datname, relations: skippedRelations })),
      inconclusive: generations.filter(({ isUp }) => isUp).flatMap(inconclusiveOf),
      nodes: generations.flatMap(({ target, nodes, unknownReplicas, isUp }) =>
        isUp
          ? [
              ...nodes
                .filter(({ state }) => state !== 'observed')
                .map(({ node, reason, state }) => ({
                  ...target,
                  node: String(node),
                  reason: reason ?? state,
                })),
              ...unknownReplicas.map((node) => ({
                ...target,
                node,
                reason: 'a replica that is connected and not configured; its use was not looked at',
              })),
            ]
          : [],
      ),
      history: history.kind === 'kept' ? null : history.reason,
      switchedOff: findingKinds.filter((kind) => !judging.has(kind)),
    };
    return {
      ...facts,
      isComplete:
        generations.length > 0 &&
        !targets.some(isUnreadable) &&
        Object.values(facts).every((value) => value === null || value.length === 0),
    };
  },
  tell: (facts) =>
    facts.isComplete
      ? [paragraph('Nothing: every fact was read, and every detector could judge.')]
      : missed(facts),
});

function inconclusiveOf({
  target,
  inconclusive,
}: ReportInput['generations'][number]): UnseenFacts['inconclusive'] {
  const byReason = new Map<string, UnseenFacts['inconclusive'][number]>();
  for (const { kind, reason, relations = [] } of inconclusive) {
    const key = JSON.stringify([reason, relations]);
    const known = byReason.get(key) ?? { ...target, kinds: [], reason, relations: [...relations] };
    byReason.set(key, { ...known, kinds: [...new Set([...known.kinds, kind])] });
  }
  return [...byReason.values()];
}

function missed(facts: UnseenFacts): readonly Block[] {
  const of = (one: { readonly server: string; readonly datname: string }) => [name(targetKey(one))];
  return [
    paragraph(
      'What is listed here is unknown: it is neither good nor bad, and it is no zero in any number above.',
    ),
    ...part(
      'Databases that could not be read',
      table(['Database', 'Why'], facts.databases, (one) => [of(one), one.reason]),
    ),
    ...part(
      'Facts that could not be read',
      table(['Database', 'Collector', 'Needed', 'Why'], facts.collectors, (one) => [
        of(one),
        one.collector,
        one.isRequired ? 'yes' : 'no',
        one.reason,
      ]),
    ),
    ...part(
      'Rights that are missing',
      facts.permissions.flatMap((one): readonly Block[] => [
        paragraph(
          name(targetKey(one)),
          `: without ${one.permission}, ${one.facts} ${one.isOptional ? 'cannot be seen; the program does without' : 'cannot be seen'}.`,
        ),
        { kind: 'sql', sql: one.grant },
      ]),
    ),
    ...part(
      'Relations that were locked',
      list0(facts.lockedRelations.map((one) => [...of(one), `: ${counted(one.relations, 'relation')}`])),
    ),
    ...part(
      'Findings that could not be judged',
      table(['Database', 'Kinds', 'Where', 'Why'], facts.inconclusive, (one) => [
        of(one),
        one.kinds.join(', '),
        one.relations.length === 0 ? 'everywhere' : [name(fewOf(one.relations, relationsShownMax))],
        one.reason,
      ]),
    ),
    ...part(
      'Nodes that were not looked at',
      table(['Database', 'Node', 'Why'], facts.nodes, (one) => [of(one), [name(one.node)], one.reason]),
    ),
    ...part(
      'The past',
      facts.history === null
        ? []
        : [paragraph(`${facts.history.charAt(0).toUpperCase()}${facts.history.slice(1)}.`)],
    ),
    ...part(
      'Switched off in the configuration',
      facts.switchedOff.length === 0 ? [] : [paragraph(facts.switchedOff.join(', '))],
    ),
  ];
}

const list0 = (items: readonly (readonly (string | ReturnType<typeof name>)[])[]): readonly Block[] =>
  items.length === 0 ? [] : [list(items)];

const part = (title: string, blocks: readonly Block[]): readonly Block[] =>
  blocks.length === 0 ? [] : [heading(title), ...blocks];
