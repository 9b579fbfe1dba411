/** One rule of Prometheus, with what is to be said above it in the file. */
export type Rule = RecordingRule | AlertingRule;

export interface RecordingRule {
  readonly comment: string;
  readonly record: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly expr: string;
}

export interface AlertingRule {
  readonly comment: string;
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly keep_firing_for?: string;
  readonly labels: Readonly<Record<string, string>> & { readonly severity: Severity };
  readonly annotations: Readonly<Record<'summary' | 'description' | 'runbook_url' | 'dashboard_url', string>>;
}

/** critical pages, warning is a ticket, info goes into the digest. */
export type Severity = 'critical' | 'warning' | 'info';

export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** A file of alerts/rules. */
export interface RuleFile {
  readonly name: string;
  /** What stands at its top. */
  readonly about: string;
  readonly groups: readonly RuleGroup[];
}
