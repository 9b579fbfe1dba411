import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { claimsNamed } from '../../bench/spec/claims.ts';
import { commandSpecs } from '../../src/cli/run.ts';
import { allFamilies } from '../../src/metrics/families.ts';
import { inRepository, readText } from '../support/repository.ts';

/*
 * docs/specs.md says where each requirement of the two specifications lives and what shows it. What it names is there.
 */

interface Requirement {
  readonly section: string;
  readonly asks: string;
  readonly lives: string;
  readonly shownBy: string;
}

const page = readText('docs', 'specs.md');

const cellsOf = (line: string): readonly string[] =>
  line
    .replaceAll('\\|', '¦')
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

const rows = page
  .split('\n')
  .filter((line) => line.startsWith('|') && !/^\|-/.test(line))
  .map(cellsOf);
const requirements: readonly Requirement[] = rows
  .filter((cells) => cells.length === 4 && cells[0] !== 'Section')
  .map(([section = '', asks = '', lives = '', shownBy = '']) => ({ section, asks, lives, shownBy }));
const differences = rows.filter((cells) => cells.length === 3 && cells[0] !== 'No.');

const codeIn = (text: string): readonly string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
const nameOf = ({ section, asks }: Requirement): string => `${section}: ${asks}`;

const { scripts } = JSON.parse(readText('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

describe('docs/specs.md', () => {
  it('holds requirements of both documents and what is wrong in them', () => {
    expect(requirements.length).toBeGreaterThan(100);
    expect(differences.length).toBeGreaterThan(20);
  });

  it('has something in every cell', () => {
    expect(requirements.filter((row) => Object.values(row).includes('')).map(nameOf)).toEqual([]);
    expect(differences.filter((cells) => cells.includes(''))).toEqual([]);
  });

  it('names files that are there', () => {
    const files = codeIn(page).filter((code) => /^[\w.-]+(?:\/[\w.-]+)+$/.test(code));
    expect(files.length).toBeGreaterThan(100);
    expect([...new Set(files)].filter((file) => !existsSync(inRepository(file)))).toEqual([]);
  });

  it('links to pages that are there', () => {
    const links = [...page.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    expect([...new Set(links)].filter((link) => !existsSync(inRepository('docs', link)))).toEqual([]);
  });

  it('shows each requirement by a test or a command', () => {
    const shown = ({ shownBy }: Requirement): boolean =>
      codeIn(shownBy).some((code) => /^test\/.+\.test\.ts$/.test(code) || code.startsWith('npm run '));
    expect(requirements.filter((row) => !shown(row)).map(nameOf)).toEqual([]);
  });

  it('knows scripts, commands and metrics that it names', () => {
    const code = codeIn(page);
    const named = (pattern: RegExp): readonly string[] =>
      code.flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name));
    expect(named(/^npm run ([\w:-]+)/g).filter((script) => scripts[script] === undefined)).toEqual([]);
    const commands = new Set(commandSpecs.map(({ name }) => name));
    expect(named(/^indexwarden ([a-z]+)/g).filter((command) => !commands.has(command))).toEqual([]);
    const metrics = new Set(allFamilies.map(({ name }) => name));
    expect(named(/^(pgindex_\w+)$/g).filter((metric) => !metrics.has(metric))).toEqual([]);
  });

  it('asks the bench for claims that it has', () => {
    const asked = codeIn(page).flatMap((code) =>
      [...code.matchAll(/--only (\S+)/g)].map(([, part = '']) => part),
    );
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((part) => claimsNamed([part]).length === 0)).toEqual([]);
  });

  it('names differences by numbers that it has, and each of them in a row', () => {
    const numbers = differences.map(([number = '']) => Number(number));
    expect(numbers).toEqual(numbers.map((_, place) => place + 1));
    const named = requirements.flatMap((row) =>
      [
        ...Object.values(row)
          .join(' ')
          .matchAll(/Differences? ([\d, to]+)/gi),
      ].flatMap(([, list = '']) => numbersOf(list)),
    );
    expect([...new Set(named)].sort((a, b) => a - b)).toEqual(numbers);
  });
});

/** `1, 22` and `22 to 24`. */
function numbersOf(list: string): readonly number[] {
  const [from, to] = list.split(' to ').map(Number);
  if (from !== undefined && to !== undefined && !Number.isNaN(to))
    return Array.from({ length: to - from + 1 }, (_, place) => from + place);
  return [...list.matchAll(/\d+/g)].map(([number]) => Number(number));
}
