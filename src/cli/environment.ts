import { readFileSync, writeFileSync } from 'node:fs';
import { exitCodes } from './exit-codes.ts';
import { replaceFile } from './replace-file.ts';
import { hasColour, type TerminalStream, widthOf } from './terminal.ts';

/** A stream that a person or a program reads. */
export interface Output extends TerminalStream {
  readonly write: (text: string) => void;
}

/** The world as the command line sees it; tests hand in their own. */
export interface Environment {
  /** Results and nothing else. */
  readonly stdout: Output;
  /** Warnings, problems, progress and logs. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths of flags start. */
  readonly cwd: string;
  /** Aborted when the user or the system wants the program to end. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Both throw as `node:fs` does. */
  readonly readFile: (path: string) => string;
  readonly writeFile: (path: string, text: string) => void;
  /** Like `writeFile`, but whoever reads the file meanwhile sees the old text or the new one, whole. */
  readonly replaceFile: (path: string, text: string) => void;
}

/** How to lay out text for one of the streams. */
export const layoutFor = (output: Output, { env }: Pick<Environment, 'env'>) => ({
  width: widthOf(output),
  hasColour: hasColour(output, env),
});

/** The real surroundings of this process. `signal` is aborted by whoever listens to the system's signals. */
export function processEnvironment(signal: AbortSignal): Environment {
  return {
    stdout: outputTo(process.stdout),
    stderr: outputTo(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    signal,
    now: () => new Date(),
    readFile: (path) => readFileSync(path, 'utf8'),
    writeFile: (path, text) => writeFileSync(path, text),
    replaceFile,
  };
}

/**
 * A stream of the process whose reader may leave early (`| head`): that is no error, what follows goes nowhere. The
 * process must end by itself (`process.exitCode`), since writes to a pipe may still be under way.
 */
export function outputTo(stream: NodeJS.WriteStream): Output {
  let isClosed = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    isClosed = true;
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return;
    // The result is lost (a full disk, say); without this Node.js would end with 1, which means "findings".
    process.stderr.write(`indexwarden: the output cannot be written: ${error.message}\n`);
    process.exit(exitCodes.unreadable);
  });
  return {
    get isTTY() {
      return stream.isTTY;
    },
    get columns() {
      return stream.columns;
    },
    write: (text) => {
      if (!isClosed) stream.write(text);
    },
  };
}
