/** Takes the lock of a store (its path, after the URL of lock.ts) and keeps it until it is killed. */
const [moduleUrl, path] = process.argv.slice(2);
const { lockStore } = await import(moduleUrl);
const taken = lockStore(path, Date.now());
console.log(taken.kind);
// A lock that nobody refers to is let go with the garbage.
setInterval(() => taken, 60_000);
