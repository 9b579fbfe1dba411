import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { outputTo } from '../../src/cli/environment.ts';
import { hasColour, widthOf } from '../../src/cli/terminal.ts';

describe('colours', () => {
  it.each([
    ['a terminal', true, {}, true],
    ['no terminal', false, {}, false],
    ['NO_COLOR', true, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR, which counts as unset', true, { NO_COLOR: '' }, true],
    ['a dumb terminal', true, { TERM: 'dumb' }, false],
    ['FORCE_COLOR', false, { FORCE_COLOR: '1' }, true],
    ['FORCE_COLOR over NO_COLOR, as in Node.js', false, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    ['FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, false],
  ])('%s', (_, isTTY, env, expected) => {
    expect(hasColour({ isTTY }, env)).toBe(expected);
  });
});

describe('width', () => {
  it.each([
    [{ isTTY: true, columns: 120 }, 120],
    [{ isTTY: true, columns: 20 }, 60],
    [{ isTTY: true, columns: 500 }, 200],
    [{ isTTY: true }, 80],
    [{ isTTY: true, columns: 0 }, 80],
    [{ isTTY: false, columns: 120 }, 100],
    [{}, 100],
  ])('%j', (stream, width) => {
    expect(widthOf(stream)).toBe(width);
  });
});

it('a reader that leaves early is no error', async () => {
  const pipe = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
  });
  // Of a terminal stream `outputTo` needs only what any writable stream has.
  const output = outputTo(pipe as unknown as NodeJS.WriteStream);
  output.write('one');
  await new Promise((resolve) => pipe.once('close', resolve));
  expect(() => output.write('two')).not.toThrow();
});
