import cliProgress from 'cli-progress';

/** Told of each finished step; `done` counts from 1 to `total`. */
export interface Progress {
  step(done: number, total: number, label: string): void;
  stop(): void;
}

/** A bar on a terminal; a plain line per step where lines are kept (a log, CI). */
export function stderrProgress(title: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) {
    return {
      step: (done, total, label) => {
        stream.write(`${title}: ${done}/${total} ${label}\n`);
      },
      stop() {},
    };
  }
  const bar = new cliProgress.SingleBar(
    { format: `${title} {bar} {percentage}% {label}`, stream, hideCursor: true, clearOnComplete: true },
    cliProgress.Presets.shades_classic,
  );
  let started = false;
  return {
    step(done, total, label) {
      if (!started) bar.start(total, done, { label });
      else bar.update(done, { label });
      started = true;
    },
    stop: () => {
      if (started) bar.stop();
    },
  };
}
