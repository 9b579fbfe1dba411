import { type Logger, pino } from 'pino';
import { type Config, secretsOf } from '../config/config.ts';
import { redactText } from '../config/redact.ts';

/** A log whose configuration may change while it is written to. */
export interface Log extends Logger {
  /** Takes up the level and the secrets of a configuration that was reloaded. */
  readonly follow: (config: Config) => void;
}

/**
 * The daemon's log: one JSON line an event, written at once, with every secret of the configuration blanked out of the finished line,
 * wherever in it it may stand.
 */
export function createLog(config: Config): Log {
  const { level, destination } = config.log;
  let inForce = config;
  /** Of former configurations: connections that were made with them may still have something to say. */
  const former = new Set<string>();
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Asked for each line: a password may have changed in its file since.
      hooks: { streamWrite: (line) => redactText(line, [...former, ...secretsOf(inForce)]) },
    },
    outlet(destination),
  );
  const follow = (changed: Config): void => {
    for (const secret of secretsOf(inForce)) former.add(secret);
    inForce = changed;
    logger.level = changed.log.level;
  };
  return Object.assign(logger, { follow });
}

/** What is kept in memory of lines that cannot be written for now; what comes beyond is lost. */
const unwrittenBytesMax = 1024 * 1024;

/**
 * A disk that is full, or a reader that is gone, costs lines and nothing else: the lines are written with the first one that can be
 * written again. Without a listener each of them would be an error thrown at whoever had something to say.
 */
function outlet(destination: string): ReturnType<typeof pino.destination> {
  const stream = pino.destination({
    dest: destinationOf(destination),
    sync: true,
    mkdir: true,
    maxLength: unwrittenBytesMax,
  });
  stream.on('error', () => {});
  return stream;
}

function destinationOf(destination: string): number | string {
  if (destination === 'stderr') return 2;
  return destination === 'stdout' ? 1 : destination;
}
