import { type ChildProcess, fork } from 'node:child_process';
import { inRepository } from '../../test/support/repository.ts';
import type { FloorAnswer, FloorCommand } from './floor-client.ts';

/** The process that reads the floor, seen from outside. */
export class FloorReader {
  readonly #child: ChildProcess;
  /** The server's process at the other end of the connection that was read over last. */
  lastPid: number | undefined;

  constructor() {
    this.#child = fork(inRepository('bench/scale/floor-client.ts'), [], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  /** One read, over the connection there is or, `isFresh`, over a new one, connecting included. */
  read(url: string, isFresh: boolean): Promise<FloorAnswer> {
    return this.#ask({ url, isFresh });
  }

  #ask(command: FloorCommand): Promise<FloorAnswer> {
    return new Promise((resolve, reject) => {
      const failed = (): void => reject(new Error('the process that reads the floor has ended'));
      this.#child.once('exit', failed);
      this.#child.once('message', (answer: { ok: boolean; value?: FloorAnswer; error?: string }) => {
        this.#child.off('exit', failed);
        if (answer.value === undefined) reject(new Error(answer.error));
        else {
          this.lastPid = answer.value.serverPid;
          resolve(answer.value);
        }
      });
      this.#child.send(command);
    });
  }

  close(): void {
    this.#child.disconnect();
    this.#child.kill();
  }
}
