/*
 * Loaded into a program by NODE_OPTIONS: shifts its wall clock by as many milliseconds as the file of CLOCK_SHIFT_FILE says, from the
 * moment that says so. Timers and the monotonic clock go on, as they do when somebody sets the clock of a host.
 */
import { readFileSync } from 'node:fs';

const RealDate = Date;
let shiftMs = 0;
const look = () => {
  shiftMs = Number(readFileSync(process.env.CLOCK_SHIFT_FILE, 'utf8'));
};
look();
setInterval(() => {
  try {
    look();
  } catch {
    // Taken away: the test is over.
  }
}, 50).unref();

const now = () => RealDate.now() + shiftMs;
const shifted = new Proxy(RealDate, {
  apply: () => new RealDate(now()).toString(),
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget === shifted ? target : newTarget),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});
globalThis.Date = shifted;
