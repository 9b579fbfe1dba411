/**
 * Builds dist/ after an installation (npm's `prepare`) and for `npm run build`, which passes --required.
 * Without TypeScript (`npm ci --omit=dev`) there is nothing to build with, and that is no reason to fail an installation.
 */
import { build, hasCompiler } from './build.mjs';

const isRequired = process.argv.includes('--required');

if (hasCompiler()) {
  const outcome = build();
  if (outcome.kind === 'built') {
    console.log(outcome.didCompile ? 'indexwarden: built dist' : 'indexwarden: dist is up to date');
  } else {
    console.error(`indexwarden: dist was not built: ${outcome.why}`);
    process.exitCode = 1;
  }
} else {
  console.log('indexwarden: TypeScript is not installed, so dist was not built');
  process.exitCode = isRequired ? 1 : 0;
}
