import { statSync } from 'node:fs';
import type { NamedWebConfig } from '../config/config.ts';
import { formatConfigError } from '../config/problems.ts';
import { noWebConfig, type ReadWebConfig, type WebConfig } from '../config/web-config.ts';
import { secondMs } from '../model/units.ts';
import type { HttpLog } from './guard.ts';

export interface WebConfigKeeperOptions {
  readonly initial: NamedWebConfig | undefined;
  readonly read: (file: string) => ReadWebConfig;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: HttpLog;
  /** Told of each attempt, the first one included. */
  readonly onRead: (isSuccessful: boolean, atMs: number) => void;
}

/** How often files are looked at; asked more often, what was found before is the answer. */
const lookEveryMs = secondMs;

/**
 * The web configuration in force. The file and the certificates that it names are looked at when somebody connects or asks, and read
 * again when they changed; what cannot be used changes nothing, and is said in log and metric.
 */
export class WebConfigKeeper {
  readonly #options: WebConfigKeeperOptions;
  /** Whether TLS is spoken is settled when the server starts to listen. */
  readonly #speaksTls: boolean;
  #content: WebConfig;
  #file: string | undefined;
  #files: readonly string[] = [];
  #print = '';
  #lookedAtMs: number;

  constructor(options: WebConfigKeeperOptions) {
    this.#options = options;
    const { initial } = options;
    this.#content = initial?.content ?? noWebConfig;
    this.#speaksTls = this.#content.tls !== undefined;
    this.#file = initial?.file;
    this.#files = initial?.files ?? [];
    this.#print = fingerprintOf(this.#files);
    this.#lookedAtMs = options.now();
    if (initial !== undefined) options.onRead(true, this.#lookedAtMs);
  }

  /** What is in force now. */
  current(): WebConfig {
    const nowMs = this.#options.now();
    // A clock that was set back must not stop the looking.
    if (nowMs - this.#lookedAtMs >= lookEveryMs || nowMs < this.#lookedAtMs) this.look();
    return this.#content;
  }

  /** Looks at the files now, whenever that was done last. */
  look(): void {
    this.#lookedAtMs = this.#options.now();
    if (this.#file === undefined) return;
    const print = fingerprintOf(this.#files);
    if (print === this.#print) return;
    let found = this.#options.read(this.#file);
    this.#print = print;
    if (found.files.join('\0') !== this.#files.join('\0')) {
      // Other files than those that were looked at: once more, so that none changes between look and reading.
      this.#files = found.files;
      this.#print = fingerprintOf(found.files);
      found = this.#options.read(this.#file);
    }
    if (found.result.ok) this.#take(found.result.value);
    else this.#keep(formatConfigError({ kind: 'ConfigError', problems: found.result.error }));
  }

  /** Takes over what a reload of the configuration read, perhaps from another file. */
  adopt(named: NamedWebConfig | undefined): void {
    this.#file = named?.file;
    this.#files = named?.files ?? [];
    this.#print = fingerprintOf(this.#files);
    this.#lookedAtMs = this.#options.now();
    if (named !== undefined || this.#content !== noWebConfig) this.#take(named?.content ?? noWebConfig);
  }

  #take(content: WebConfig): void {
    if ((content.tls !== undefined) !== this.#speaksTls) {
      this.#keep(`TLS cannot be turned ${this.#speaksTls ? 'off' : 'on'} while the daemon runs: restart it`);
      return;
    }
    this.#content = content;
    for (const warning of content.warnings) this.#options.log.warn({ event: 'web-config', warning }, warning);
    this.#options.log.info({ event: 'web-config-read' }, 'the web configuration was read anew');
    this.#options.onRead(true, this.#lookedAtMs);
  }

  #keep(problems: string): void {
    this.#options.log.error(
      { event: 'web-config-failed', problems },
      'the web configuration cannot be used, the one before stays',
    );
    this.#options.onRead(false, this.#lookedAtMs);
  }
}

/** Changes when one of the files does; links are followed, as mounted secrets are renewed by other links. */
function fingerprintOf(files: readonly string[]): string {
  return files.map(traceOf).join('\n');
}

function traceOf(file: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch {
    // Why it cannot be read is said when it is read.
    return 'unreadable';
  }
}
