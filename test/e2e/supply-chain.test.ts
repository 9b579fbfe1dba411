import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inRepository, readText } from '../support/repository.ts';
import { run } from '../support/tools.ts';
import { closedPort } from './places.ts';

/*
 * The commands for whoever has to answer for what is installed: a list of it, and what is known against it.
 */

const lock = JSON.parse(readText('package-lock.json')) as {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly version?: string;
        readonly integrity?: string;
        readonly dev?: boolean;
        readonly link?: boolean;
      }
    >
  >;
};

interface Component {
  readonly name: string;
  readonly version: string;
  readonly type: string;
  readonly purl: string;
  readonly 'bom-ref': string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly unknown[];
}

describe('npm run sbom', () => {
  const file = inRepository('dist', 'sbom.cdx.json');
  let text: string;
  beforeAll(() => {
    run(process.execPath, [inRepository('scripts', 'sbom.mjs')]);
    text = readFileSync(file, 'utf8');
  });
  const parsed = () =>
    JSON.parse(text) as {
      readonly bomFormat: string;
      readonly specVersion: string;
      readonly serialNumber: string;
      readonly version: number;
      readonly metadata: { readonly component: Component; readonly timestamp?: string };
      readonly components: readonly Component[];
      readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
    };

  it('writes a CycloneDX document about this package', () => {
    const document = parsed();
    const { name, version } = JSON.parse(readText('package.json')) as Record<string, string>;
    expect(document).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1 });
    expect(document.serialNumber).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(document.metadata.component).toMatchObject({
      type: 'application',
      name,
      version,
      purl: `pkg:npm/${name}@${version}`,
    });
  });

  it('lists what the lock file has, under the same hashes, and nothing else', () => {
    const expected = Object.entries(lock.packages)
      .filter(([key, { dev, link }]) => key.includes('node_modules/') && dev !== true && link !== true)
      .map(([key, { version = '', integrity = '' }]) => [
        `${key.replace(/^.*node_modules\//, '')}@${version}`,
        Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex'),
      ]);
    const listed = parsed().components.map(({ name, version, hashes = [] }) => [
      `${name}@${version}`,
      hashes.find(({ alg }) => alg === 'SHA-512')?.content,
    ]);
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(expected));
  });

  it('says of each what it is, and of all how they hang together', () => {
    const { components, dependencies, metadata } = parsed();
    const refs = new Set([...components, metadata.component].map((one) => one['bom-ref']));
    expect(refs.size).toBe(components.length + 1);
    for (const { purl, licenses = [], name } of components) {
      expect(purl, name).toMatch(/^pkg:npm\/(?:%40[\w.-]+\/)?[\w.-]+@\d/);
      expect(licenses.length, name).toBeGreaterThan(0);
    }
    for (const { ref, dependsOn } of dependencies)
      expect([ref, ...dependsOn].filter((one) => !refs.has(one))).toEqual([]);
    expect(dependencies.find(({ ref }) => ref === metadata.component['bom-ref'])?.dependsOn.length).toBe(
      ['dependencies', 'optionalDependencies'].flatMap((kind) =>
        Object.keys(JSON.parse(readText('package.json'))[kind] as object),
      ).length,
    );
  });

  it('says the same twice', () => {
    run(process.execPath, [inRepository('scripts', 'sbom.mjs')]);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});

describe('npm run audit', () => {
  const running: ReturnType<typeof createServer>[] = [];
  const cache = mkdtempSync(path.join(tmpdir(), 'audit-'));
  afterAll(() => rmSync(cache, { recursive: true, force: true }));
  afterEach(() => {
    for (const server of running.splice(0)) server.close();
  });

  /** A registry that knows these advisories, or does not answer the question. */
  async function registry(advisories: object | undefined): Promise<string> {
    const server = createServer((request, response) => {
      request.resume();
      request.on('end', () => {
        const isQuestion = request.method === 'POST';
        response.statusCode = !isQuestion ? 404 : advisories === undefined ? 405 : 200;
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify((isQuestion && advisories) || {}));
      });
    }).listen(0, '127.0.0.1');
    running.push(server);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return `http://127.0.0.1:${address.port}/`;
  }

  async function audit(address: string, settings: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [inRepository('scripts', 'audit.mjs')], {
      env: {
        ...process.env,
        npm_config_registry: address,
        npm_config_fetch_retries: '0',
        // What npm has worked out of an advisory it keeps.
        npm_config_cache: cache,
        ...settings,
      },
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said += chunk;
      });
    const [code] = (await once(child, 'close')) as [number];
    return { code, said };
  }

  it('ends with 0 where the registry knows of nothing', async () => {
    const { code, said } = await audit(await registry({}));
    expect(said).toMatch(/^audit: clean: asked about \d{3,} packages, 0 advisories$/m);
    expect(code).toBe(0);
  });

  it('ends with 1 and names what is known', async () => {
    const advisory = {
      id: 1,
      url: 'https://github.com/advisories/GHSA-0000-0000-0000',
      title: 'Made up',
      severity: 'high',
      vulnerable_versions: '<99',
      cwe: [],
      cvss: { score: 7, vectorString: null },
    };
    const { code, said } = await audit(await registry({ express: [advisory] }));
    expect(said).toContain(`audit: high: express <99: Made up (${advisory.url})`);
    expect(said).toMatch(/^audit: not clean: /m);
    expect(code).toBe(1);
  });

  it('ends with 3 where it could not ask, and does not call that clean', async () => {
    const refused = await registry(undefined);
    for (const [address, settings] of [
      [refused, {}],
      [refused, { npm_config_offline: 'true' }],
      [refused, { npm_config_audit: 'false' }],
      [`http://127.0.0.1:${await closedPort()}/`, {}],
    ] as const) {
      const { code, said } = await audit(address, settings);
      expect(said).toMatch(/^audit: could not ask: /m);
      expect(said).not.toContain('clean');
      expect(code).toBe(3);
    }
  });
});
