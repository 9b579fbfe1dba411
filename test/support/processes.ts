import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `condition` holds; fails after ten seconds, saying what was waited for. */
export async function eventually(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ten seconds for: ${what}`);
    await delay(20);
  }
}

/** Command lines of the running processes that mention `text`, by process id. A zombie has none. Linux only. */
export async function processesMentioning(text: string): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(text)) found.set(Number(entry), command.replaceAll('\0', ' '));
  }
  return found;
}

/** Process ids of the direct children. Linux only. */
export async function childrenOf(parent: number): Promise<readonly number[]> {
  const children: number[] = [];
  for (const entry of await readdir('/proc')) {
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    // pid (name) state ppid …; the name may hold spaces and brackets.
    const ppid = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
    if (/^\d+$/.test(entry) && ppid === String(parent)) children.push(Number(entry));
  }
  return children;
}

/** Whether a process is there and not a zombie. Linux only. */
export async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
  return !/\) [ZX] /.test(`${stat} `);
}
