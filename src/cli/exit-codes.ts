/** What the process ends with; the same for every command, and a contract with scripts and CI. */
export const exitCodes = {
  /** Done, and nothing at or above `--fail-on`. */
  clean: 0,
  /** Findings at or above `--fail-on`, or inconclusive detectors with `--fail-on-inconclusive`. */
  findings: 1,
  /** The command line or the configuration is wrong; nothing was done. */
  usage: 2,
  /** A target or a collector that verdicts need could not be read. Wins over `findings`. */
  unreadable: 3,
  /** Stopped by SIGINT or SIGTERM before there was a result. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
