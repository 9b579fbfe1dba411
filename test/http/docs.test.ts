import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, serve } from './daemon.ts';

let folder: string;
let client: Client;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'indexwarden-docs-'));
  const docs = join(folder, 'docs');
  mkdirSync(join(docs, 'detectors'), { recursive: true });
  mkdirSync(join(docs, 'images'));
  writeFileSync(join(folder, 'secret.md'), '# secret');
  writeFileSync(
    join(docs, 'metrics.md'),
    '# Metrics `page`\n\nSee [duplicates](detectors/duplicate-index.md#how-to-fix).\n\n<script>alert(1)</script> [x](javascript:alert(1))\n',
  );
  writeFileSync(
    join(docs, 'detectors', 'duplicate-index.md'),
    '# Duplicate index\n\n## How to fix?\n\n## How to fix?\n',
  );
  writeFileSync(join(docs, 'images', 'page.png'), Buffer.from([0x89, 0x50]));
  writeFileSync(join(docs, 'notes.txt'), 'not for the public');
  symlinkSync(join(folder, 'secret.md'), join(docs, 'linked.md'));
  client = await serve({ options: { docsDirectory: docs } });
});
afterAll(async () => {
  await client.close();
  rmSync(folder, { recursive: true });
});

describe('/docs/', () => {
  test('lists every page by its title', async () => {
    const { status, text } = await client.get('/docs/');
    expect(status).toBe(200);
    expect(text).toContain('<a href="metrics.md">Metrics page</a>');
    expect(text).toContain('<a href="detectors/duplicate-index.md">Duplicate index</a>');
    expect((await client.get('/docs')).headers.location).toBe('/docs/');
  });

  test('lists a folder, with the slash that its links need', async () => {
    expect((await client.get('/docs/detectors')).headers.location).toBe('/docs/detectors/');
    expect((await client.get('/docs/detectors/')).text).toContain('href="duplicate-index.md"');
  });

  test.each(['/docs/metrics.md', '/docs/metrics'])('%s is the rendered page', async (path) => {
    const { status, headers, text } = await client.get(path);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(text).toContain('<title>Metrics page · indexwarden</title>');
    expect(text).toContain('href="detectors/duplicate-index.md#how-to-fix"');
  });

  test('anchors of headings are where links point, and unique', async () => {
    const { text } = await client.get('/docs/detectors/duplicate-index.md');
    expect(text).toContain('<h2 id="how-to-fix">');
    expect(text).toContain('<h2 id="how-to-fix-1">');
  });

  test('HTML in Markdown is shown, not run', async () => {
    const { text } = await client.get('/docs/metrics.md');
    expect(text).not.toContain('<script>');
    expect(text).not.toContain('href="javascript:');
  });

  test('pictures are served as what they are', async () => {
    const { headers, body } = await client.get('/docs/images/page.png');
    expect(headers['content-type']).toBe('image/png');
    expect(body).toHaveLength(2);
  });

  test.each([
    '/docs/../secret.md',
    '/docs/%2e%2e/secret.md',
    '/docs/..%2fsecret.md',
    '/docs/detectors/../../secret.md',
    '/docs/....//secret.md',
    '/docs/linked.md',
    '/docs/notes.txt',
    '/docs/%00metrics.md',
    '/docs//metrics.md',
    '/docs/%E0%A4%A',
    '/docs/metrics.md/',
  ])('%s leads nowhere', async (path) => {
    const { status, text } = await client.get(path);
    expect([400, 404]).toContain(status);
    expect(text).not.toContain('<h1');
    expect(text).not.toContain('not for the public');
  });

  test('without the folder says so', async () => {
    const bare = await serve();
    const answer = await bare.get('/docs/');
    expect(answer.status).toBe(404);
    expect(answer.json().detail).toContain('not installed');
    await bare.close();
  });
});
