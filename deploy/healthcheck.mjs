/**
 * Asks the daemon of the same container whether it is alive: exit 0 when it is, 1 when not. It listens where
 * INDEXWARDEN_HTTP_LISTEN says, port 10187 otherwise; where the configuration file says something else, set
 * that variable to the same address. Liveness does not depend on any database.
 */
const timeoutMs = 3_000;
const everyAddress = new Set(['', '*', '0.0.0.0', '[::]']);

const [, host, port] = /^(.*):(\d+)$/.exec(process.env.INDEXWARDEN_HTTP_LISTEN ?? '') ?? [null, '', '10187'];
const url = `http://${everyAddress.has(host) ? 'localhost' : host}:${port}/-/healthy`;

try {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
} catch (error) {
  console.error(`${url}: ${error.cause?.message ?? error.message}`);
  process.exitCode = 1;
}
