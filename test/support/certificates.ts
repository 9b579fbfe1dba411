import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from './tools.ts';

/** A certificate with its key, as files and as text. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes certificates with openssl, in a folder of its own that `remove` takes away. */
export interface Authority {
  readonly folder: string;
  /** Signed by itself, unless `by` another one is given; for clients as well as for servers. */
  readonly issue: (name: string, options?: IssueOptions) => Certificate;
  /** The same certificate, but that it expired yesterday; needs an authority's. */
  readonly expire: (certificate: Certificate, by: Certificate) => void;
  readonly remove: () => void;
}

export interface IssueOptions {
  readonly by?: Certificate;
  readonly isAuthority?: boolean;
  /** `DNS:localhost,IP:127.0.0.1` by preset. */
  readonly subjectAltName?: string;
}

export function anAuthority(): Authority {
  const folder = mkdtempSync(path.join(tmpdir(), 'certificates-'));
  const issue: Authority['issue'] = (name, { by, isAuthority = false, subjectAltName } = {}) => {
    const [certFile, keyFile] = [path.join(folder, `${name}.pem`), path.join(folder, `${name}.key`)];
    const extensions = [
      `subjectAltName=${subjectAltName ?? 'DNS:localhost,IP:127.0.0.1'}`,
      `basicConstraints=critical,CA:${isAuthority ? 'TRUE' : 'FALSE'}`,
    ];
    run('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-keyout', keyFile, '-out', certFile, '-subj', `/CN=${name}`],
      ...(by === undefined ? [] : ['-CA', by.certFile, '-CAkey', by.keyFile]),
      ...extensions.flatMap((extension) => ['-addext', extension]),
    ]);
    return {
      ...{ certFile, keyFile },
      cert: readFileSync(certFile, 'utf8'),
      key: readFileSync(keyFile, 'utf8'),
    };
  };
  const expire: Authority['expire'] = ({ certFile, keyFile }, by) => {
    // `openssl req` gives out none that is over; a request made of a certificate keeps its name alone, which is enough to be refused.
    const request = `${certFile}.csr`;
    run('openssl', ['x509', '-x509toreq', '-in', certFile, '-signkey', keyFile, '-out', request]);
    run('openssl', [
      ...['x509', '-req', '-in', request, '-CA', by.certFile, '-CAkey', by.keyFile, '-CAcreateserial'],
      ...['-days', '-1', '-out', certFile],
    ]);
  };
  return { folder, issue, expire, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Puts one certificate in the place of another. */
export function replaceCertificate(old: Certificate, by: Certificate): void {
  writeFileSync(old.keyFile, by.key);
  writeFileSync(old.certFile, by.cert);
}
