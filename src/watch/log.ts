import { type Logger, pino } from 'pino';
import { type Config, secretsOf } from '../config/config.ts';
import { redactText } from '../config/redact.ts';

/**
 * The daemon's log: one JSON line an event, written at once, with every secret of the configuration blanked out of the finished line,
 * wherever in it it may stand.
 */
export function createLog(config: Config): Logger {
  const { level, destination } = config.log;
  const secrets = secretsOf(config);
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => redactText(line, secrets) },
    },
    pino.destination({ dest: destinationOf(destination), sync: true, mkdir: true }),
  );
}

function destinationOf(destination: string): number | string {
  if (destination === 'stderr') return 2;
  return destination === 'stdout' ? 1 : destination;
}
