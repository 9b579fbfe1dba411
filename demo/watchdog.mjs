// Ends an embedded PostgreSQL server whose program is gone, and removes what that program left behind.
//
// src/demo/embedded-server.ts starts this beside the server, in a session of its own so that Ctrl-C and `kill -- -pgid`
// do not reach it. It reads one JSON line per change from its standard input, a pipe that only the program holds:
//   { "process": 123 }         this process (initdb or postgres) runs now; null: none does
//   { "remove": ["/tmp/…"] }   folders to remove in the end
//   { "dataDirectory": "…" }   where to look for postmaster.pid when no process was announced
//   { "signal": "SIGQUIT" }    how to end the server: SIGQUIT when its data goes anyway, SIGINT to leave it clean
// The pipe closes when the program closes it (an orderly stop) or dies, by whatever signal. Then the process is ended,
// the folders are removed, and this ends too. It is plain JavaScript so that any Node.js runs it without a loader.
//
// Arguments: UID GID to continue as, or nothing. They are taken on after loading, because the unprivileged user may
// not be allowed to read this file or to run this Node.js.

import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

const startedAt = Date.now();
const [uid, gid] = process.argv.slice(2).map(Number);
if (uid !== undefined && gid !== undefined) {
  process.chdir('/');
  process.setgroups([]);
  process.setgid(gid);
  process.setuid(uid);
}
// Ending is for the pipe to decide: a signal meant for the program must not leave the server alone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

const state = { process: null, remove: [], dataDirectory: null, signal: 'SIGQUIT' };
// A pipe whose writer dies in the middle of a line yields a broken last line, which says nothing.
for await (const line of createInterface({ input: process.stdin })) {
  try {
    Object.assign(state, JSON.parse(line));
  } catch {}
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

/** Waits for `condition`, at most `limitMs`; says whether it came true. */
async function until(condition, limitMs) {
  const deadline = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > deadline) return false;
    await pause();
  }
  return true;
}

function isGone(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === 'ESRCH';
  }
  // An orphan that ended but was not reaped (a container whose first process does not) is gone as well.
  const stat = `/proc/${pid}/stat`;
  if (process.platform !== 'linux') return false;
  try {
    return /\) Z /.test(readFileSync(stat, 'latin1'));
  } catch {
    return true;
  }
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {}
}

/**
 * First line of postmaster.pid; the number is negative for a server in single-user mode. A file older than this
 * process is left over from a crash: its number may by now belong to somebody else.
 */
function pidInDataDirectory() {
  if (state.dataDirectory === null) return null;
  const file = path.join(state.dataDirectory, 'postmaster.pid');
  try {
    if (statSync(file).mtimeMs < startedAt) return null;
    const pid = Math.abs(Number.parseInt(readFileSync(file, 'utf8'), 10));
    return pid > 1 ? pid : null;
  } catch {
    return null;
  }
}

async function end(pid) {
  if (isGone(pid)) return;
  kill(pid, state.signal);
  if (await until(() => isGone(pid), state.signal === 'SIGINT' ? 30_000 : 10_000)) return;
  // The server's other processes notice the death of the postmaster and end by themselves.
  kill(pid, 'SIGKILL');
  await until(() => isGone(pid), 10_000);
}

if (state.process !== null) await end(state.process);
// The program may have died between starting a process and announcing it. A postmaster that comes up later still
// notices within a minute that its postmaster.pid is gone, and ends.
const unannounced = pidInDataDirectory();
if (unannounced !== null) await end(unannounced);

/** An emptied folder in a folder of somebody else's is as far as this account gets; the program removes it. */
function isEmpty(folder) {
  try {
    return readdirSync(folder).length === 0;
  } catch {
    return false;
  }
}

for (const folder of state.remove) {
  // Processes on their way out may still write a file or two.
  await until(() => {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {}
    return !existsSync(folder) || isEmpty(folder);
  }, 5_000);
}
