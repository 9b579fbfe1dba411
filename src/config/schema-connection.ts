import { z } from 'zod';
import { filePath, labelName, oneOf, setting, text, whole } from './fields.ts';

/** TLS as libpq has it; names and meanings are libpq's. */
export const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof sslModes)[number];

const connectionKeys = {
  url: setting(
    text(),
    'Connection string, `postgresql://user@host:port/database?sslmode=…`. A password in it works, with a warning: prefer `url_file` or `password_file`.',
  ).optional(),
  url_file: setting(
    filePath(),
    'File whose only content is the connection string; read at start and at each reload. Excludes `url`.',
  ).optional(),
  host: setting(
    text(),
    'Host name, address, or (beginning with `/`) the folder of a Unix socket. Default `localhost`.',
  ).optional(),
  port: setting(whole({ min: 1, max: 65_535 }), {
    description: 'Port. Default 5432.',
    reason: 'TCP knows ports 1 to 65535.',
  }).optional(),
  user: setting(
    text(),
    'Role to log in as; `pg_monitor` is enough. Default: the operating system’s user name.',
  ).optional(),
  database: setting(
    text(),
    'The database to watch where `databases` is left out, and the one to begin at where they are discovered (default there: `postgres`).',
  ).optional(),
  password_file: setting(
    filePath(),
    'File whose only content is the password; read with each connection, so that one that was changed is taken up by itself. Without any password `PGPASSWORD` and then `~/.pgpass` (or `PGPASSFILE`) are used.',
  ).optional(),
  sslmode: setting(
    oneOf(sslModes),
    'As in libpq. `disable`: never TLS; `allow`: TLS only if the server refuses without; `prefer`: TLS if the server has it; `require`: TLS, certificate checked only if a root certificate is there; `verify-ca`: certificate checked, not its host name; `verify-full`: both checked. Default `prefer`. Unix sockets never use TLS.',
  ).optional(),
  sslrootcert: setting(
    filePath(),
    'File of root certificates, or `system` for those that come with Node.js (implies `verify-full`). Default `~/.postgresql/root.crt`, if there is one.',
  ).optional(),
  sslcert: setting(
    filePath(),
    'File of the client certificate. Default `~/.postgresql/postgresql.crt`, if there is one.',
  ).optional(),
  sslkey: setting(
    filePath(),
    'File of the client certificate’s key. Default `~/.postgresql/postgresql.key`, if there is one.',
  ).optional(),
};

export const notAnObject = { error: 'is not a group of settings' };

/** How to reach one postmaster: `url`, or `url_file`, or parts; TLS settings and `password_file` add to any of them. */
export const ConnectionSettings = z.strictObject(connectionKeys, notAnObject).meta({ title: 'connection' });
export type ConnectionSettings = z.output<typeof ConnectionSettings>;

export const StandbySettings = z
  .strictObject(
    {
      name: setting(
        labelName(),
        'Name of this node in metrics, findings and messages; unique within its server.',
      ),
      ...connectionKeys,
    },
    notAnObject,
  )
  .meta({ title: 'standby' });
