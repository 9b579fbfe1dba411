/**
 * A smoke of `demo`, `check` and `serve` with the Node.js that runs this file: node scripts/smoke.mjs
 *
 * Starts a small demo as a user would, reads its metrics and findings, looks at its database with `check` and with a daemon
 * of its own, and stops both. Exit 0 when all of that worked.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const launcher = fileURLToPath(new URL('../bin/indexwarden', import.meta.url));
/** The demo fills two databases first. */
const startMs = 180_000;
/** What the daemon promises to need at most. */
const stopMs = 5_000;

/** What the demo's two databases are known to suffer from. */
const expectedKinds = ['duplicate-index', 'unindexed-foreign-key', 'invalid-index'];

const scratch = mkdtempSync(path.join(tmpdir(), 'smoke-'));
// As /tmp is: PostgreSQL does not run as root, and the account it runs as makes and removes folders here.
chmodSync(scratch, 0o1777);
const running = new Set();

try {
  console.log(`Node.js ${process.versions.node}`);
  await step('--version', async () => expectExit(await ended(start(['--version'])), [0]));

  const demoAt = `127.0.0.1:${await freePort()}`;
  const demo = start(['demo', '--scale', '0.05', '--listen', demoAt], { TMPDIR: scratch });
  let url;
  await step('demo: metrics and findings', async () => {
    await eventually(demo, `http://${demoAt}/metrics`, (page) => /^pgindex_size_bytes\{/m.test(page));
    await eventually(demo, `http://${demoAt}/api/v1/findings`, (body) => {
      const kinds = JSON.parse(body).items.map((finding) => finding.kind);
      return expectedKinds.every((kind) => kinds.includes(kind));
    });
    // The addresses are printed once everything has been looked at, so a moment later.
    url = await printed(demo, /postgres(?:ql)?:\/\/[^\s'"<>]+/);
  });

  await step('check --format json', async () => {
    const check = await ended(start(['check', '--url', url, '--unused-after', '0d', '--format', 'json']));
    expectExit(check, [1]);
    const { findings, targets } = JSON.parse(check.stdout.join(''));
    if (findings.length === 0 || targets.length !== 1)
      throw new Error(`${findings.length} findings, ${targets.length} targets`);
  });

  await step('serve', async () => {
    const serveAt = `127.0.0.1:${await freePort()}`;
    const daemon = start(['serve', '--http.listen', serveAt], { DATABASE_URL: url });
    await eventually(daemon, `http://${serveAt}/metrics`, (page) =>
      /^indexwarden_target_up\{.*\} 1$/m.test(page),
    );
    await eventually(daemon, `http://${serveAt}/-/ready`, () => true);
    await stop(daemon);
  });

  await step('demo: stops and cleans up', async () => {
    await stop(demo);
    const left = readdirSync(scratch, { recursive: true }).filter(
      (file) => path.basename(file) === 'PG_VERSION',
    );
    if (left.length > 0) throw new Error(`data directories are left: ${left.join(', ')}`);
    const processes = commandLines().filter((command) => command.includes(scratch));
    if (processes.length > 0) throw new Error(`processes are left: ${processes.join('; ')}`);
  });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await Promise.all([...running].map((child) => stop(child).catch(() => child.process.kill('SIGKILL'))));
  rmSync(scratch, { recursive: true, force: true });
}

async function step(name, action) {
  const began = performance.now();
  try {
    await action();
  } catch (error) {
    throw new Error(`smoke of ${name} failed: ${error.message}`, { cause: error });
  }
  console.log(`ok ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
}

function start(args, env = {}) {
  const child = spawn(process.execPath, [launcher, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const started = { args, process: child, stdout: [], output: [], exit: once(child, 'close') };
  child.stdout.on('data', (chunk) => started.stdout.push(String(chunk)));
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => started.output.push(String(chunk)));
  running.add(started);
  started.exit.then(() => running.delete(started));
  return started;
}

async function ended(started) {
  const [code] = await started.exit;
  return { ...started, code };
}

function expectExit({ args, code, output }, wanted) {
  if (!wanted.includes(code)) throw new Error(`"${args.join(' ')}" ended with ${code}:\n${output.join('')}`);
}

async function stop(started) {
  if (started.process.exitCode !== null) return;
  started.process.kill('SIGTERM');
  const result = await Promise.race([ended(started), delay(stopMs, undefined, { ref: false })]);
  if (result === undefined) throw new Error(`"${started.args[0]}" still runs ${stopMs} ms after SIGTERM`);
  expectExit(result, [0]);
}

async function eventually(started, address, isAsWanted) {
  const deadline = Date.now() + startMs;
  let last = 'nothing';
  for (;;) {
    if (started.process.exitCode !== null) throw new Error(`it ended by itself:\n${started.output.join('')}`);
    try {
      const response = await fetch(address);
      last = await response.text();
      if (response.ok && isAsWanted(last)) return last;
    } catch (error) {
      last = error.cause?.message ?? error.message;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `${address} is not as wanted after ${startMs} ms; last: ${last.slice(0, 500)}\n${started.output.join('')}`,
      );
    }
    await delay(200);
  }
}

/** The first part of its standard output that matches. */
async function printed(started, pattern) {
  const deadline = Date.now() + startMs;
  for (;;) {
    const found = pattern.exec(started.stdout.join(''));
    if (found !== null) return found[0];
    if (started.process.exitCode !== null || Date.now() > deadline) {
      throw new Error(`it did not print ${pattern}:\n${started.output.join('')}`);
    }
    await delay(200);
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Of all processes; none where there is no /proc. */
function commandLines() {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        try {
          return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
        } catch {
          return [];
        }
      });
  } catch {
    return [];
  }
}
