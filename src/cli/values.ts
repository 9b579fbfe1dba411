import { parseConnectionUrl } from '../config/connection-url.ts';
import { parseDuration } from '../config/durations.ts';
import { globProblem } from '../config/globs.ts';
import { parseListenAddress } from '../config/listen-address.ts';
import { parseSize } from '../config/sizes.ts';
import { didYouMean } from '../config/suggest.ts';
import { shown, type UsageProblem } from './flags.ts';

/** Checks for the values of flags. Each message completes `--flag …`. */
type Check = (text: string) => UsageProblem | undefined;

export const isDuration: Check = (text) =>
  parseDuration(text) === undefined
    ? { message: `is not a duration: ${shown(text)}`, hint: 'a number with d, h, m, s or ms: 30d, 1h30m, 0d' }
    : undefined;

export const isSize: Check = (text) =>
  parseSize(text) === undefined
    ? { message: `is not a size: ${shown(text)}`, hint: 'bytes, or a number with a unit: 8192, 10MiB, 1GB' }
    : undefined;

export const isGlob: Check = (text) => {
  const problem = globProblem(text);
  return problem === undefined
    ? undefined
    : { message: `${problem}: ${shown(text)}`, hint: 'names with * and ?: public, app_*, {sales,billing}' };
};

export const isListenAddress: Check = (text) => {
  const parsed = parseListenAddress(text);
  return parsed.ok
    ? undefined
    : {
        message: `${parsed.error}: ${shown(text)}`,
        hint: 'host:port, [ipv6]:port or :port, such as 127.0.0.1:10187',
      };
};

/** Shows no part of a password, well-formed or not. */
export const isConnectionUrl: Check = (text) => {
  const parsed = parseConnectionUrl(text);
  return parsed.ok
    ? undefined
    : { message: `${parsed.error.message}: ${shown(text)}`, hint: parsed.error.hint };
};

export const isWebAddress: Check = (text) => {
  const isHttp = /^https?:\/\//.test(text) && URL.canParse(text);
  return isHttp
    ? undefined
    : { message: `is not a web address: ${shown(text)}`, hint: 'http://127.0.0.1:10187' };
};

export const isWholeNumber: Check = (text) =>
  /^\d{1,15}$/.test(text) ? undefined : { message: `is not a whole number: ${shown(text)}` };

export const isPositiveNumber: Check = (text) =>
  /^\d+(\.\d+)?$/.test(text) && Number(text) > 0
    ? undefined
    : { message: `is not a number above 0: ${shown(text)}`, hint: '1, 0.1, 10' };

export const isOneOf =
  (values: readonly string[]): Check =>
  (text) => {
    if (values.includes(text)) return undefined;
    const guess = didYouMean(text, values);
    return {
      message: `knows no ${shown(text)}`,
      hint: `${guess === undefined ? '' : `${guess} `}It is one of ${values.join(', ')}`,
    };
  };

/** A list with commas, each item one of the values. */
export const isListOf =
  (values: readonly string[]): Check =>
  (text) =>
    splitList(text)
      .map(isOneOf(values))
      .find((problem) => problem !== undefined) ??
    (splitList(text).length === 0
      ? { message: 'is empty', hint: `some of ${values.join(', ')}` }
      : undefined);

/** `a, b,c` → the items. */
export const splitList = (text: string): readonly string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

export const isNotEmpty: Check = (text) => (text.trim() === '' ? { message: 'is empty' } : undefined);
