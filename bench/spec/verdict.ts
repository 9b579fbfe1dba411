import { assertNever } from '../../src/model/result.ts';
import type { Answer, Expects, Measurement, Side, Timing, Verdict } from './model.ts';

/**
 * Times of one run scatter: a gain may miss its claim by as many points, and a factor by this share. How long something took on
 * another machine fits within a factor of `times`.
 */
export const tolerance = { points: 5, share: 0.1, times: 2 } as const;

/** What the measurements say of one claim. Several are told apart where they disagree. */
export function verdictOf(answer: Answer, measurements: readonly Measurement[]): Verdict {
  if (answer.kind === 'no-claim') return { kind: 'no claim', why: answer.why };
  const judged = measurements.map((measurement) => judge(answer.expects, measurement));
  const [first] = judged;
  if (first === undefined) return { kind: 'not measured', why: 'nothing was measured' };
  if (judged.length === 1) return first;
  const failed = judged.find((verdict) => verdict.kind === 'not measured');
  if (failed !== undefined) return failed;
  const holding = judged.filter(({ kind }) => kind === 'holds').length;
  if (holding === judged.length) return { kind: 'holds', note: `all ${judged.length}` };
  if (judged.every(({ kind }) => kind === 'does not hold'))
    return { kind: 'does not hold', note: `none of ${judged.length}` };
  const names = (kind: Verdict['kind']): string =>
    measurements
      .filter((_, place) => judged[place]?.kind === kind)
      .map(({ label }) => label)
      .join(', ');
  return judged.length > 4
    ? { kind: 'depends', on: `${holding} of ${judged.length} hold` }
    : {
        kind: 'depends',
        on: holding === 0 ? 'what is asked' : `holds for ${names('holds')}`,
      };
}

function judge(expects: Expects, measurement: Measurement): Verdict {
  switch (expects.kind) {
    case 'gain':
      return compared(measurement, ({ before, after, ratio }) => {
        const gain = gainPercent(ratio);
        // Whatever the difference, it does not come from an index.
        if (before.plan === after.plan) return no('the same plan in both');
        if (gain < expects.from - tolerance.points) return no();
        return gain > expects.to + tolerance.points ? yes('more than said') : yes();
      });
    case 'cost':
      return compared(measurement, ({ ratio }) => {
        const cost = -gainPercent(ratio);
        if (cost > expects.to + tolerance.points) return no();
        return cost < expects.from - tolerance.points ? yes('less than said') : yes();
      });
    case 'speedup':
      return compared(measurement, ({ ratio }) => {
        const factor = 1 / ratio;
        if (factor < expects.from * (1 - tolerance.share)) return no();
        return factor > expects.to * (1 + tolerance.share) ? yes('more than said') : yes();
      });
    case 'takes':
      return timed(measurement, expects.side, ({ medianMs, p95Ms }) => {
        if (medianMs > expects.toMs) return no('slower than said');
        if (p95Ms > expects.toMs)
          return { kind: 'depends', on: 'the load: the median is within, p95 is not' };
        return medianMs < expects.fromMs ? yes('faster than said') : yes();
      });
    case 'took':
      return timed(measurement, expects.side, ({ medianMs }) => {
        const { times: slack } = tolerance;
        if (medianMs >= expects.fromMs / slack && medianMs <= expects.toMs * slack) return yes();
        const much =
          medianMs < expects.fromMs
            ? `${times(expects.fromMs / medianMs)} as fast`
            : `${times(medianMs / expects.toMs)} as slow`;
        return { kind: 'depends', on: `the machine and its data: ${much} here` };
      });
    case 'below':
      return timed(measurement, expects.side, ({ medianMs, p95Ms }) => {
        if (medianMs >= expects.ms) return no();
        return p95Ms < expects.ms
          ? yes()
          : { kind: 'depends', on: 'the load: the median is within, p95 is not' };
      });
    case 'above':
      return timed(measurement, expects.side, ({ medianMs }) =>
        medianMs > expects.ms ? yes() : no(`${times(expects.ms / medianMs)} as fast as said`),
      );
    case 'figure': {
      if (measurement.kind !== 'figure') return mismatch(measurement);
      const { from, to, dependsOn } = expects;
      if (measurement.value >= from && measurement.value <= to) return yes();
      const how = measurement.value < from ? 'less' : 'more';
      return dependsOn === undefined ? no(how) : { kind: 'depends', on: `${dependsOn}: ${how} here` };
    }
    case 'possible':
      if (measurement.kind === 'refused') return no(measurement.why);
      return measurement.kind === 'done' ? yes() : mismatch(measurement);
    default:
      return assertNever(expects);
  }
}

/** Percent of the time that is saved, by time after over time before; negative where it takes longer. */
export const gainPercent = (ratio: number): number => 100 * (1 - ratio);

/** The timing that a claim about times means; undefined of what is no timing. */
export function timingOf(measurement: Measurement, side: Side): Timing | undefined {
  if (measurement.kind === 'timed') return measurement.timing;
  return measurement.kind === 'compared' ? measurement[side] : undefined;
}

function compared(
  measurement: Measurement,
  decide: (comparison: Extract<Measurement, { kind: 'compared' }>) => Verdict,
): Verdict {
  return measurement.kind === 'compared' ? decide(measurement) : mismatch(measurement);
}

function timed(measurement: Measurement, side: Side, decide: (timing: Timing) => Verdict): Verdict {
  const timing = timingOf(measurement, side);
  return timing === undefined ? mismatch(measurement) : decide(timing);
}

const mismatch = ({ kind, label }: Measurement): Verdict => ({
  kind: 'not measured',
  why: `${label} is ${kind}, which the claim cannot be judged by`,
});

const yes = (note?: string): Verdict => ({ kind: 'holds', ...(note === undefined ? {} : { note }) });
const no = (note?: string): Verdict => ({ kind: 'does not hold', ...(note === undefined ? {} : { note }) });

/** `17 ×`, with one digit behind the point where that is a part of it. */
export const times = (factor: number): string => `${factor.toFixed(factor < 10 ? 1 : 0)} ×`;
