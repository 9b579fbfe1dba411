import { closeSync, openSync } from 'node:fs';
import type { WatchLog } from './target-watcher.ts';

/** Often enough to be noticed while it lasts; it costs opening and closing a file. */
const lookEveryMs = 2_000;

/**
 * Says when the process has no file descriptor left, and when it has again, once each: Node.js closes the connections it then cannot
 * accept without a word. Returns how to stop looking.
 */
export function watchDescriptors(log: Pick<WatchLog, 'info' | 'error'>, everyMs = lookEveryMs): () => void {
  let wereShort = false;
  const timer = setInterval(() => {
    const areShort = areNoneLeft();
    if (areShort && !wereShort)
      log.error(
        { event: 'no-file-descriptors' },
        'no file descriptor is left: clients are turned away and databases cannot be reached; raise the limit (ulimit -n, LimitNOFILE), or lower http.maxConnections',
      );
    if (!areShort && wereShort)
      log.info({ event: 'file-descriptors-again' }, 'there are file descriptors again');
    wereShort = areShort;
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

function areNoneLeft(): boolean {
  try {
    closeSync(openSync(process.execPath, 'r'));
    return false;
  } catch (caught) {
    // Of the process, or of the whole machine. What else may be wrong with that file does not matter here.
    return (
      caught instanceof Error && 'code' in caught && (caught.code === 'EMFILE' || caught.code === 'ENFILE')
    );
  }
}
