/** Why the file cannot be used; the daemon then does not start, since a person has to decide. */
export type OpenProblem =
  | 'no-binding'
  | 'no-folder'
  | 'not-a-file'
  | 'not-permitted'
  | 'no-room'
  | 'in-use'
  | 'not-ours'
  | 'newer'
  | 'unreadable';

/** The store cannot be opened. The message says which file, why, and what to do; nothing was changed. */
export class StoreOpenError extends Error {
  override readonly name = 'StoreOpenError';
  readonly problem: OpenProblem;

  constructor(problem: OpenProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}
