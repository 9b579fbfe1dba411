export { declarations } from '../src/watch/declarations.ts';
