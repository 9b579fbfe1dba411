import { setMaxListeners } from 'node:events';
import { Agent, get } from 'node:http';

/*
 * The process that scrapes: told an address, how many scrapers and whether they take gzip, it answers with the latencies. A latency ends
 * with the last byte; what is compressed stays so. What had no answer when time was up counts with the time it had waited.
 */

export interface ScrapeCommand {
  readonly url: string;
  readonly scrapers: number;
  readonly isGzip: boolean;
  /** Each scraper goes on for so long, and for so many scrapes at least. */
  readonly forMs: number;
  readonly scrapesMin: number;
  /** Then everything ends. */
  readonly atMostMs: number;
}

export interface ScrapeAnswer {
  readonly latencies: readonly number[];
  readonly unanswered: number;
  readonly bytes: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: 1_000 });

function scrape({ url, isGzip }: ScrapeCommand, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = isGzip ? { 'accept-encoding': 'gzip' } : { 'accept-encoding': 'identity' };
    get(url, { agent, headers, signal }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('error', reject);
      response.on('end', () =>
        response.statusCode === 200 ? resolve(bytes) : reject(new Error(`status ${response.statusCode}`)),
      );
    }).on('error', reject);
  });
}

async function run(command: ScrapeCommand): Promise<ScrapeAnswer> {
  const began = performance.now();
  const ended = AbortSignal.timeout(command.atMostMs);
  setMaxListeners(0, ended);
  const latencies: number[] = [];
  let [unanswered, bytes] = [0, 0];
  const scraper = async (): Promise<void> => {
    for (let done = 0; done < command.scrapesMin || performance.now() - began < command.forMs; done += 1) {
      if (ended.aborted) return;
      const start = performance.now();
      try {
        bytes = await scrape(command, ended);
      } catch (caught) {
        if (!ended.aborted) throw caught;
        unanswered += 1;
      }
      latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: command.scrapers }, scraper));
  return { latencies, unanswered, bytes };
}

process.on('message', (command: ScrapeCommand) => {
  run(command).then(
    (value) => process.send?.({ value }),
    (caught: unknown) => process.send?.({ error: String(caught) }),
  );
});
