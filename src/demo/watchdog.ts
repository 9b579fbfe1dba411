import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Account } from './unprivileged-account.ts';

/** What the watchdog is to do when this program is gone; a change holds until the next one of the same name. */
export interface WatchdogOrders {
  /** The process to end, if any. */
  readonly process?: number | null;
  /** Folders to remove in the end. */
  readonly remove?: readonly string[];
  /** Where `postmaster.pid` would be, for a process that was not announced any more. */
  readonly dataDirectory?: string;
  readonly signal?: 'SIGQUIT' | 'SIGINT';
}

/** A process beside a server, which outlives this program by as long as it takes to clean up. See `demo/watchdog.mjs`. */
export interface Watchdog {
  announce(change: WatchdogOrders): void;
  /** Whether a folder is among those to remove. */
  removes(folder: string): boolean;
  /** Lets it do its work now, and waits for its end. */
  finish(): Promise<void>;
}

/** Starts a watchdog. It becomes `account` if there is one, and is started again if somebody ends it. */
export function startWatchdog(account: Account | undefined): Watchdog {
  const script = fileURLToPath(new URL('../../demo/watchdog.mjs', import.meta.url));
  const identity = account === undefined ? [] : [String(account.uid), String(account.gid)];
  let orders: WatchdogOrders = {};
  let finishing = false;
  // A watchdog that cannot live here must not be started for ever.
  let restartsLeft = 3;

  const launch = (): ChildProcess => {
    const started = spawn(process.execPath, [script, ...identity], {
      // Without NODE_OPTIONS: whatever loader or debugger this program runs under is not for the watchdog.
      env: { PATH: process.env.PATH ?? '' },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      windowsHide: true,
    });
    started.stdin.on('error', () => {});
    started.on('error', () => {});
    started.on('exit', () => {
      if (finishing || restartsLeft === 0) return;
      restartsLeft -= 1;
      child = launch();
      child.stdin?.write(`${JSON.stringify(orders)}\n`);
    });
    // It lives as long as this program, and never the other way round. The pipe is a socket, typed as less.
    started.unref();
    if ('unref' in started.stdin && typeof started.stdin.unref === 'function') started.stdin.unref();
    return started;
  };

  let child = launch();
  return {
    announce(change) {
      orders = { ...orders, ...change };
      if (!finishing) child.stdin?.write(`${JSON.stringify(change)}\n`);
    },
    removes: (folder) => orders.remove?.includes(folder) ?? false,
    finish() {
      finishing = true;
      return new Promise((resolve) => {
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
          resolve();
          return;
        }
        child.ref();
        child.once('exit', () => resolve());
        child.stdin?.end();
      });
    },
  };
}
