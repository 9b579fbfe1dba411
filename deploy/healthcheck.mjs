import { get } from 'node:http';
import { get as getOverTls } from 'node:https';

/**
 * Asks the daemon of the same container whether it is alive: exit 0 when it is, 1 when not. It listens where
 * INDEXWARDEN_HTTP_LISTEN says, port 10187 otherwise; where the configuration file says something else, set
 * that variable to the same address. Liveness does not depend on any database.
 *
 * Whether TLS is spoken is found out by asking: without TLS first, then with it. The certificate is not verified, since it
 * bears the name that others call this host by; nothing secret is sent. Where health wants authentication, 401 is an answer of
 * a daemon that lives; where every client needs a certificate, a handshake that the daemon took part in to its end is one.
 */
const timeoutMs = 2_000;
const everyAddress = new Set(['', '*', '0.0.0.0', '[::]']);

const [, host, port] = /^(.*):(\d+)$/.exec(process.env.INDEXWARDEN_HTTP_LISTEN ?? '') ?? [null, '', '10187'];
const place = `${everyAddress.has(host) ? 'localhost' : host}:${port}/-/healthy`;

/** Resolves where the daemon lives, and rejects with the reason to doubt it. */
const ask = (url, getUrl, options = {}) =>
  new Promise((resolve, reject) => {
    let isShaken = false;
    const request = getUrl(url, { ...options, agent: false }, (response) => {
      response.resume();
      const { statusCode } = response;
      if (statusCode === 200 || statusCode === 401) resolve();
      else reject(new Error(`HTTP status ${statusCode}`));
      request.destroy();
    });
    request.on('socket', (socket) =>
      socket.on('secureConnect', () => {
        isShaken = true;
      }),
    );
    request.on('error', (error) => (isShaken && error.code === 'ECONNRESET' ? resolve() : reject(error)));
    const timer = setTimeout(() => {
      isShaken = false;
      request.destroy(new Error(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    request.on('close', () => clearTimeout(timer));
  });

try {
  await ask(`http://${place}`, get).catch((error) => {
    // Nobody listens there: TLS would not find anybody either.
    if (error.code === 'ECONNREFUSED') throw error;
    return ask(`https://${place}`, getOverTls, { rejectUnauthorized: false }).catch(() => {
      throw error;
    });
  });
} catch (error) {
  console.error(`${place}: ${error.message || error.code}`);
  process.exitCode = 1;
}
