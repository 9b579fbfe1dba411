/** Everything behind the first question mark; the path in front of it does not matter here. */
export const queryOf = (url: string): URLSearchParams => {
  const start = url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : url.slice(start + 1));
};
