import type { Generation } from '../../findings/generation.ts';
import { type TargetId, targetKey } from '../../model/ids.ts';
import { counted } from '../../model/units.ts';
import { fewOf } from '../../report/text.ts';
import { type Html, template } from './html.ts';
import { codeHtml, nameHtml, sentenceHtml } from './words.ts';

/** Something of a target that could not be looked at: no finding about it means nothing. */
export interface Unseen {
  readonly target: TargetId;
  readonly what: string;
  readonly why: string;
  /** A statement that mends it. */
  readonly grant: string | null;
}

/** Everything that could not be looked at, the widest first. */
export const unseenOf = (generations: readonly Generation[]): readonly Unseen[] =>
  generations
    .toSorted((a, b) => (targetKey(a.target) < targetKey(b.target) ? -1 : 1))
    .flatMap(unseenOfTarget);

function unseenOfTarget(generation: Generation): readonly Unseen[] {
  const { target, isUp, error, runs, missingPermissions, inconclusive, nodes, unknownReplicas } = generation;
  if (!isUp) {
    const why = error ?? 'it does not answer';
    return [
      {
        target,
        what: 'The database could not be reached; what is shown of it is from before',
        why,
        grant: null,
      },
    ];
  }
  const failed = runs.filter(({ state }) => state === 'failed');
  const lost = nodes.filter(({ state }) => state !== 'observed');
  const skippedRelations = Math.max(0, ...runs.map((run) => run.skippedRelations));
  return [
    ...failed.map(({ name, reason }) => ({
      target,
      what: `Collector ${name} failed`,
      why: reason ?? 'no reason is known',
      grant: null,
    })),
    ...lost.map(({ node, role, reason }) => ({
      target,
      what: `The ${role} ${node} is not observed`,
      why: reason ?? 'it has not answered yet',
      grant: null,
    })),
    ...(unknownReplicas.length === 0
      ? []
      : [
          {
            target,
            what: `${counted(unknownReplicas.length, 'replica')} nobody configured: ${fewOf(unknownReplicas, 5)}`,
            why: 'an index may be used there alone; add it to the standbys of this server',
            grant: null,
          },
        ]),
    ...missingPermissions.map(({ facts, isOptional, grant }) => ({
      target,
      what: `Not readable: ${facts}`,
      why: isOptional ? 'a right is missing that is optional' : 'a right is missing',
      grant,
    })),
    ...(skippedRelations === 0
      ? []
      : [
          {
            target,
            what: `${counted(skippedRelations, 'relation')} left out`,
            why: 'locked at the last look; they are looked at again at the next',
            grant: null,
          },
        ]),
    ...undecided(generation, inconclusive),
  ];
}

/** Kinds that have the same reason are told together. */
function undecided({ target }: Generation, inconclusive: Generation['inconclusive']): readonly Unseen[] {
  const byReason = new Map<string, Set<string>>();
  for (const { kind, reason, relations } of inconclusive) {
    const why = relations === undefined ? reason : `${reason} (${fewOf(relations, 3)})`;
    byReason.set(why, (byReason.get(why) ?? new Set()).add(kind));
  }
  return [...byReason].map(([why, kinds]) => ({
    target,
    what: `Not judged: ${[...kinds].join(', ')}`,
    why,
    grant: null,
  }));
}

/** What could not be looked at, as a list; a long one is cut and leads to the targets. */
export function unseenHtml(unseen: readonly Unseen[], most = 20): Html {
  return listed({
    items: unseen.slice(0, most).map(({ target, what, why, grant }) => ({
      target: nameHtml(targetKey(target)),
      what: sentenceHtml(what),
      why: sentenceHtml(why),
      grant: grant === null ? undefined : codeHtml(grant),
    })),
    more: Math.max(0, unseen.length - most),
  });
}
const listed = template<{
  readonly items: readonly {
    readonly target: Html;
    readonly what: Html;
    readonly why: Html;
    readonly grant: Html | undefined;
  }[];
  readonly more: number;
}>(`<ul class="unseen">
<% for (const item of it.items) { %>
<li><strong><%= item.target %></strong>: <%= item.what %>. <span class="dim"><%= item.why %></span><% if (item.grant) { %><br>To mend it: <%= item.grant %><% } %></li>
<% } %>
</ul>
<% if (it.more > 0) { %><p>And <%= it.more %> more: see <a href="/targets">Targets</a>.</p><% } %>`);
