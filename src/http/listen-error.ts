/** Why the server cannot start, in words for the operator. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}
