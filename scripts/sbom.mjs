/**
 * Writes dist/sbom.cdx.json: what an installation of this package consists of, in the format CycloneDX, with versions, licences and
 * hashes as the lock file has them. `npm run build` and the image's build do it. Components with the scope "optional" are not in the
 * image. The same lock file yields the same document: it bears no time, and its serial number is derived from its content.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const file = path.join(root, 'dist', 'sbom.cdx.json');

const { name } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
const document = JSON.parse(
  npm(['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only']),
);
leaveOutDevelopment();
// npm takes the name of the folder for that of the package.
document.metadata.component.name = name;
delete document.metadata.timestamp;
delete document.serialNumber;
document.serialNumber = `urn:uuid:${uuidOf(JSON.stringify(document))}`;
mkdirSync(path.dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
console.log(`indexwarden: wrote ${path.relative(root, file)}, ${document.components.length} components`);

/** Not by --omit=dev: with that, npm also leaves out what is needed at run time and by something for development as well. */
function leaveOutDevelopment() {
  const refs = new Set([document.metadata.component['bom-ref']]);
  for (const [key, { version, dev, link }] of Object.entries(lock.packages)) {
    if (dev !== true && link !== true && key.includes('node_modules/'))
      refs.add(`${key.replace(/^.*node_modules\//, '')}@${version}`);
  }
  document.components = document.components.filter((one) => refs.has(one['bom-ref']));
  document.dependencies = document.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }));
}

function npm(args) {
  // npm says where it is to what it runs; on Windows it could not be started by its name.
  const [program, ...first] = process.env.npm_execpath
    ? [process.execPath, process.env.npm_execpath]
    : ['npm'];
  const { error, status, stdout, stderr } = spawnSync(program, [...first, ...args, '--loglevel=error'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`npm sbom ended with ${status}:\n${stderr}`);
  return stdout;
}

/** A UUID of version 8 (RFC 9562): 122 bits of a hash. */
function uuidOf(text) {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = '89ab'[Number.parseInt(hex[16], 16) % 4];
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-');
}
