import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { shippedStart } from '../../bench/scale/memory.ts';
import { inRepository, readText } from '../support/repository.ts';

/*
 * There is no container engine where the tests run, so the Dockerfile is read: what it promises operators, and that each COPY
 * finds what it copies.
 */

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

interface Stage {
  readonly base: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

interface Copy {
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly destination: string;
}

const stages = parseStages(readText('Dockerfile'));
const [build, final] = stages as [Stage, Stage];
const manifest = JSON.parse(readText('package.json')) as {
  files: string[];
  version: string;
  description: string;
};

describe('Dockerfile', () => {
  it('has two stages on a slim Node 24', () => {
    expect(stages.map((stage) => stage.base)).toEqual(['node:24-slim', 'node:24-slim']);
    expect(build.name).toBe('build');
  });

  it('builds with npm ci and leaves only production dependencies', () => {
    const runs = all(build, 'RUN');
    expect(runs[0]).toMatch(/^npm ci /);
    expect(runs.at(-1)).toMatch(/^npm ci --omit=dev --omit=optional /);
    expect(runs.indexOf('npm run build')).toBeGreaterThan(0);
  });

  it('runs nothing in the final image and writes nothing there', () => {
    expect(all(final, 'RUN')).toEqual([]);
    expect(all(final, 'VOLUME')).toEqual([]);
  });

  it('runs as a numeric user that is not root', () => {
    expect(all(final, 'USER')).toEqual([expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/)]);
  });

  it('starts the daemon without a build check', () => {
    expect(JSON.parse(only(final, 'ENTRYPOINT'))).toEqual(['node', '/app/dist/main.js']);
    expect(JSON.parse(only(final, 'CMD'))).toEqual(['serve']);
    expect(only(final, 'WORKDIR')).toBe('/app');
    expect(only(final, 'EXPOSE')).toBe('10187');
    expect(only(final, 'STOPSIGNAL')).toBe('SIGTERM');
    expect(all(final, 'ENV')).toContain('NODE_ENV=production');
  });

  it('starts Node.js as was measured, and so does the unit', () => {
    const nodeOptions = shippedStart.options.join(' ');
    const env = Object.entries(shippedStart.env).map((entry) => entry.join('='));
    for (const variable of [`NODE_OPTIONS="${nodeOptions}"`, ...env])
      expect(all(final, 'ENV')).toContain(variable);
    expect(readText('deploy/systemd/indexwarden.service')).toContain(
      `\nEnvironment="NODE_OPTIONS=${nodeOptions}" ${env.join(' ')}\n`,
    );
  });

  it('asks the daemon for its health with a script that it carries', () => {
    const command = JSON.parse(/CMD (\[.*\])$/.exec(only(final, 'HEALTHCHECK'))![1]!) as string[];
    expect(command).toEqual(['node', '/app/deploy/healthcheck.mjs']);
    expect(existsSync(inRepository('deploy/healthcheck.mjs'))).toBe(true);
  });

  it('carries the list of what it is made of', () => {
    // Written by the build, copied with dist.
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> };
    expect(scripts.build).toContain('scripts/sbom.mjs');
    expect(readText('scripts', 'sbom.mjs')).toContain("'dist', 'sbom.cdx.json'");
    expect(copies(final)).toContainEqual({ from: 'build', sources: ['/app/dist'], destination: 'dist' });
  });

  it('runs in compose.yaml with a root file system that is read-only, without capabilities and without gaining any', () => {
    const { services } = parse(readText('compose.yaml')) as {
      services: Record<string, Record<string, unknown>>;
    };
    expect(services.indexwarden).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(services.indexwarden?.privileged ?? services.indexwarden?.cap_add).toBeUndefined();
  });

  it('labels the image', () => {
    const labels = [...only(final, 'LABEL').matchAll(/org\.opencontainers\.image\.(\w+)="([^"]*)"/g)];
    expect(Object.fromEntries(labels.map(([, key, value]) => [key, value]))).toEqual({
      title: 'indexwarden',
      description: expect.stringMatching(/PostgreSQL/),
      licenses: 'Apache-2.0',
      source: expect.stringMatching(/^\$\{SOURCE\}$/),
      version: expect.stringMatching(/^\$\{VERSION\}$/),
    });
    expect(all(final, 'ARG')).toEqual([`VERSION=${manifest.version}`, 'SOURCE=']);
  });

  it('carries the same folders and files as the package', () => {
    const always = ['package.json', 'LICENSE', 'README.md'];
    const copied = copies(final).flatMap((copy) =>
      copy.sources
        .map((source) => source.replace(/^\/app\//, ''))
        .filter((source) => source !== 'node_modules'),
    );
    expect(copied.sort()).toEqual([...manifest.files, ...always].sort());
  });

  it('copies only what exists or an earlier stage has made, and what .dockerignore lets through', () => {
    const kept = readText('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const madeByBuild = ['/app/node_modules', '/app/dist'];
    for (const copy of stages.flatMap(copies)) {
      for (const source of copy.sources) {
        if (copy.from === undefined) {
          expect([source, existsSync(inRepository(source))]).toEqual([source, true]);
          expect(kept).toContain(source);
        } else {
          expect(copy.from).toBe('build');
          expect(madeByBuild).toContain(source);
        }
      }
    }
  });
});

function parseStages(text: string): readonly Stage[] {
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = [];
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  for (const line of lines) {
    const [, name, rest] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) continue;
    if (name === 'FROM') {
      const [base = '', , stageName] = rest.split(/\s+/);
      stages.push({ base, name: stageName, instructions: [] });
    } else stages.at(-1)?.instructions.push({ name, rest });
  }
  return stages;
}

const all = (stage: Stage, name: string): readonly string[] =>
  stage.instructions.filter((instruction) => instruction.name === name).map(({ rest }) => rest);

function only(stage: Stage, name: string): string {
  const found = all(stage, name);
  expect([name, found.length]).toEqual([name, 1]);
  return found[0]!;
}

function copies(stage: Stage): readonly Copy[] {
  return all(stage, 'COPY').map((rest) => {
    const words = rest.split(/\s+/);
    const from = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
    return { from, destination: words.at(-1)!, sources: words.slice(0, -1) };
  });
}
