import { parser } from '@prometheus-io/lezer-promql';

/*
 * What there is in a PromQL expression, as its grammar sees it.
 */

/** Values for Grafana's variables; `$__…` among them. */
export type Values = Readonly<Record<string, string>>;

const variablePattern = /\$\{(\w+)(?::\w+)?\}|\$(\w+)/g;

/** Names of the variables in a text, in either spelling; those of Grafana's own begin with `__`. */
export const variablesIn = (text: string): readonly string[] =>
  [...text.matchAll(/\$\{([\w.]+)(?::\w+)?\}|\$(\w+)/g)].map(([, braced, plain]) => braced ?? plain ?? '');

/** The expression as Prometheus gets it. Throws at a variable without a value. */
export const substituted = (text: string, values: Values): string =>
  text.replace(variablePattern, (spelled, braced: string | undefined, plain: string | undefined) => {
    const value = values[braced ?? plain ?? ''];
    if (value === undefined) throw new Error(`${spelled} has no value in ${text}`);
    return value;
  });

/** Stand-ins that make any of our expressions one that can be parsed. */
export const anyValues: Values = Object.fromEntries([
  ...['job', 'instance', 'server', 'datname', 'schemaname', 'relname', 'indexrelname'].map((name) => [
    name,
    'any',
  ]),
  ['__rate_interval', '1m'],
  ['__range', '1h'],
]);

export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
  /** The function right around a range: `rate`; undefined for an instant selector. */
  readonly rangeFunction: string | undefined;
}

export interface Parsed {
  /** Parts that the grammar could not make sense of. */
  readonly errors: readonly string[];
  readonly selectors: readonly Selector[];
  /** Labels after `by`, `on`, `group_left` and the like. */
  readonly groupingLabels: readonly string[];
  /** Ranges in square brackets. */
  readonly ranges: readonly string[];
}

/** Reads an expression without variables. */
export function parsePromql(expression: string): Parsed {
  const tree = parser.parse(expression);
  const textOf = ({ from, to }: { readonly from: number; readonly to: number }): string =>
    expression.slice(from, to);
  const errors: string[] = [];
  const selectors: Selector[] = [];
  const groupingLabels: string[] = [];
  const ranges: string[] = [];
  tree.iterate({
    enter: (node) => {
      if (node.type.isError)
        errors.push(`at ${node.from}: …${expression.slice(Math.max(0, node.from - 20), node.to + 20)}…`);
      if (node.name === 'GroupingLabels')
        for (const label of node.node.getChildren('LabelName')) groupingLabels.push(textOf(label));
      if (node.name === 'MatrixSelector') ranges.push(/\[(.*)\]$/.exec(textOf(node))?.[1] ?? '');
      if (node.name !== 'VectorSelector') return;
      const name = node.node.getChild('Identifier');
      const matrix = node.node.parent?.name === 'MatrixSelector' ? node.node.parent : undefined;
      const call = matrix?.parent?.parent?.getChild('FunctionIdentifier');
      selectors.push({
        metric: name === null ? '' : textOf(name),
        matchers: (node.node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map(
          (one) => ({
            label: textOf(one.getChild('LabelName') ?? one),
            operator: textOf(one.getChild('MatchOp') ?? one),
            value: textOf(one.getChild('StringLiteral') ?? one).slice(1, -1),
          }),
        ),
        rangeFunction: call ? textOf(call) : undefined,
      });
    },
  });
  return { errors, selectors, groupingLabels, ranges };
}
