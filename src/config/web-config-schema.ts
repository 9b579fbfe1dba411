import { validateHeaderValue } from 'node:http';
import { z } from 'zod';
import { filePath, listOf, oneOf, onOff, text, whole } from './fields.ts';
import { notAnObject } from './schema-connection.ts';
import { cipherSuites, cipherSuitesOfTls13, clientAuthTypes, curves } from './tls-names.ts';

/** A hash costs twice as much with each step; this one keeps a core busy for a second and more. */
const bcryptCostMax = 14;

const bcryptHash = z
  .string({ error: 'is not text' })
  .regex(/^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/, { error: 'is not a bcrypt hash' })
  .refine((hash) => bcryptCostOf(hash) >= 4 && bcryptCostOf(hash) <= bcryptCostMax, {
    error: `has a cost outside of 4 to ${bcryptCostMax}`,
  })
  .meta({ title: 'bcrypt hash' });

/** The cost that a bcrypt hash was made with: the number of rounds is two to this power. */
export const bcryptCostOf = (hash: string): number => Number(hash.slice(4, 6));

const headerValue = () =>
  z
    .string({ error: 'is not text' })
    .refine(isHeaderValue, { error: 'has characters that no header may have' })
    .meta({ title: 'text' });

/** Blank stands for "not sent". */
const headerWord = (...words: readonly [string, ...string[]]) => oneOf(['', ...words]);

const TlsServer = z.strictObject(
  {
    cert: text().optional(),
    key: text().optional(),
    client_ca: text().optional(),
    cert_file: filePath().optional(),
    key_file: filePath().optional(),
    client_auth_type: oneOf(clientAuthTypes).prefault('NoClientCert'),
    client_ca_file: filePath().optional(),
    client_allowed_sans: listOf(text()).optional(),
    min_version: oneOf(['TLS12', 'TLS13']).prefault('TLS12'),
    max_version: oneOf(['TLS12', 'TLS13']).prefault('TLS13'),
    cipher_suites: listOf(oneOf(wordsOf([...cipherSuites.keys(), ...cipherSuitesOfTls13]))).prefault([]),
    prefer_server_cipher_suites: onOff().prefault(true),
    curve_preferences: listOf(oneOf(wordsOf([...curves.keys()]))).prefault([]),
  },
  notAnObject,
);
export type TlsServer = z.output<typeof TlsServer>;

const HttpServer = z.strictObject(
  {
    http2: onOff().optional(),
    headers: z
      .strictObject(
        {
          'Content-Security-Policy': headerValue().optional(),
          'X-Frame-Options': headerWord('deny', 'sameorigin').optional(),
          'X-Content-Type-Options': headerWord('nosniff').optional(),
          'X-XSS-Protection': headerValue().optional(),
          'Strict-Transport-Security': headerValue().optional(),
        },
        notAnObject,
      )
      .prefault({}),
  },
  notAnObject,
);

/** The web configuration file as the exporter toolkit describes it. */
export const WebConfigFile = z.strictObject(
  {
    tls_server_config: TlsServer.optional(),
    http_server_config: HttpServer.prefault({}),
    basic_auth_users: z
      .record(
        z.string().regex(/^[^:\p{Cc}]{1,255}$/u, { error: 'is no name of a user' }),
        bcryptHash,
        notAnObject,
      )
      .prefault({}),
    rate_limit: z
      .strictObject(
        { interval: z.union([z.string(), z.number()]).optional(), burst: whole().optional() },
        notAnObject,
      )
      .optional(),
  },
  { error: 'is not a group of settings' },
);
export type WebConfigFile = z.output<typeof WebConfigFile>;

/** At least one, as an enumeration wants it. */
function wordsOf(words: readonly string[]): readonly [string, ...string[]] {
  const [first, ...others] = words;
  if (first === undefined) throw new Error('no words');
  return [first, ...others];
}

function isHeaderValue(value: string): boolean {
  try {
    validateHeaderValue('x', value);
    return true;
  } catch {
    return false;
  }
}
