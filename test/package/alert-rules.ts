import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { filesBelow, inRepository, readText } from '../support/repository.ts';

/** A rule as its file has it. */
export interface CommittedRule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly keep_firing_for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface CommittedAlert extends CommittedRule {
  readonly alert: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export const ruleFilePaths = filesBelow('alerts/rules').map((file) => inRepository(file));
export const testFilePaths = filesBelow('alerts/tests').map((file) => inRepository(file));

interface Groups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly CommittedRule[] }[];
}

export const committedGroups = filesBelow('alerts/rules').flatMap(
  (file) => (parse(readText(file)) as Groups).groups,
);
export const committedRules = committedGroups.flatMap(({ rules }) => rules);
export const committedAlerts = committedRules.filter(
  (rule): rule is CommittedAlert => rule.alert !== undefined,
);

/** What an expression reads and by which labels; throws where the grammar does not accept it. */
export function readingOf(expr: string): {
  readonly metrics: readonly string[];
  readonly labels: readonly string[];
} {
  const metrics = new Set<string>();
  const labels = new Set<string>();
  parser.parse(expr).iterate({
    enter: ({ type, from, to }) => {
      const text = expr.slice(from, to);
      if (type.isError) throw new Error(`not PromQL at ${from}: ${expr}`);
      if (type.name === 'Identifier') metrics.add(text);
      if (type.name === 'LabelName') labels.add(text);
    },
  });
  return { metrics: [...metrics], labels: [...labels] };
}

/** The queries in a template's `printf`, with what stands for the values of labels. */
export const queriesIn = (template: string): readonly string[] =>
  [...template.matchAll(/printf `([^`]*)`/g)].map(([, query = '']) => query.replaceAll('%q', '"x"'));
